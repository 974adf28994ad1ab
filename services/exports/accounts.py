"""The chart of accounts the journal books to: a file, so that finance can use codes and names of its own."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from services.settings import PROJECT_ROOT, settings

SHIPPED = PROJECT_ROOT / "models" / "accounts" / "default.toml"
CODE_MAX, NAME_MAX = 32, 120


@dataclass(frozen=True, slots=True)
class Account:
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Accounts:
    cash: Account
    receivable: Account
    tax_payable: Account
    customer_credit: Account
    deferred_revenue: Account
    prepaid_credits: Account
    subscription_revenue: Account
    usage_revenue: Account
    asset_revenue: Account
    gain_share_revenue: Account
    allowances: Account
    bad_debt: Account


def read_accounts() -> Accounts:
    """The file in the settings, or the one that ships. Raises ValueError that names what is wrong in it."""
    own = settings().accounts
    return accounts_in(SHIPPED if own is None else Path(own))


def accounts_in(path: Path) -> Accounts:
    """Read a chart. Raises ValueError where the file cannot be read, or an account is missing, unknown or unnamed."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from error
    known = {field.name for field in fields(Accounts)}
    if document.keys() != known:
        odd = ", ".join(sorted(document.keys() ^ known))
        raise ValueError(f"{path.name} must name each account once, and no other: {odd}")
    return Accounts(**{name: _account(path, name, entry) for name, entry in document.items()})


def _account(path: Path, name: str, entry: Any) -> Account:
    code, title = (entry.get(field) if isinstance(entry, dict) else None for field in ("code", "name"))
    if not isinstance(code, str) or not 0 < len(code) <= CODE_MAX:
        raise ValueError(f"{path.name}: {name} needs a code of 1 to {CODE_MAX} characters, in quotes")
    if not isinstance(title, str) or not 0 < len(title) <= NAME_MAX:
        raise ValueError(f"{path.name}: {name} needs a name of 1 to {NAME_MAX} characters")
    return Account(code, title)
