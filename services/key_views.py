"""The keys of a customer as the portal shows them, worded: what each may do, who made it, and whether it signs."""

from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from models import ApiKey, Party
from services import wording
from services.api_keys import list_api_keys
from services.gain_share.parties import WRITING_SCOPE
from services.key_makers import names_of_makers

SCOPE_WORDS: Final = {
    "usage:write": "Send use",
    "billing:read": "Read plans, use and invoices",
    "billing:write": "Change plans, limits and what is paid",
    "gainshare:write": "Send measurements, and sign for you: baselines and fees on savings",
    "receipts:read": "Read and check receipts",
    "exchange:write": "Send verified exchanges",
}


@dataclass(frozen=True)
class KeyRow:
    """One key. `note` says what is to be known of it, "" for nothing."""

    id: str = ""
    name: str = ""
    begins: str = ""
    scopes: str = ""
    made: str = ""
    used: str = ""
    status: str = ""
    status_word: str = ""
    note: str = ""
    is_alive: bool = False


@dataclass(frozen=True)
class KeysView:
    rows: tuple[KeyRow, ...] = ()


NO_KEYS: Final = KeysView()


def read_keys(session: Session, *, tenant_id: str, timezone: str) -> KeysView:
    """All keys of a customer, those that work in front, the newest first."""
    keys = sorted(list_api_keys(session, tenant_id=tenant_id), key=lambda key: key.revoked_at is not None)
    makers = names_of_makers(session, keys)
    return KeysView(tuple(_row(key, makers[key.created_by], timezone) for key in keys))


def _row(key: ApiKey, maker: str, timezone: str) -> KeyRow:
    is_ours = key.created_party == Party.SELLER
    is_alive = key.revoked_at is None
    side = ", for the seller," if is_ours else ""
    used = "Never" if key.last_used_at is None else wording.moment(key.last_used_at, timezone)
    return KeyRow(
        id=key.id,
        name=key.name or "No name",
        begins=f"{key.prefix}_…",
        scopes=", ".join(key.scopes),
        made=f"{maker}{side} on {wording.moment_day(key.created_at, timezone)}",
        used=used,
        status="active" if is_alive else "revoked",
        status_word="Works" if key.revoked_at is None else f"Revoked {wording.moment_day(key.revoked_at, timezone)}",
        note="Signs nothing for the customer" if is_ours and is_alive and WRITING_SCOPE in key.scopes else "",
        is_alive=is_alive,
    )
