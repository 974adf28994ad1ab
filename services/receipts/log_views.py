"""A customer's log in words: how long it is, when it was signed, with which keys, and the checkpoint to keep."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session

from models import SigningKey
from services import wording
from services.errors import NotFound
from services.invoices.finding import list_invoices
from services.invoices.numbers import invoice_number
from services.receipts.reading import read_head
from services.receipts.signing_keys import list_keys
from services.settings import settings
from services.tenants import read_tenant

KEYS_SHOWN_MAX = 10
JWKS_PATH: Final = "/.well-known/jwks.json"
_STEPS: Final = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


@dataclass(frozen=True)
class KeyView:
    """A key that signs or signed, by its name, and since or until when."""

    kid: str
    signed: str
    is_active: bool


@dataclass(frozen=True)
class LogView:
    """The log as it stands. Before its first receipt `has_log` is False and only the keys are there.

    `invoice_id` and `invoice_number` are those of the newest invoice, "" where there is none.
    """

    has_log: bool = False
    state: str = ""
    size: str = ""
    signed_at: str = ""
    kid: str = ""
    origin: str = ""
    checkpoint: str = ""
    checkpoint_path: str = ""
    keys_address: str = ""
    signing_keys: tuple[KeyView, ...] = ()
    keys_more: str = ""
    invoice_id: str = ""
    invoice_number: str = ""
    command: str = ""


EMPTY_LOG = LogView()


def read_log_view(session: Session, *, tenant_id: str, at: datetime) -> LogView:
    """The customer's log at a moment. Raises NotFound for an unknown customer."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    address = f"{settings().public_url.rstrip('/')}{JWKS_PATH}"
    keys = list_keys(session)
    listed = tuple(_key_view(key, tenant.timezone) for key in keys[:KEYS_SHOWN_MAX])
    more = f"and {len(keys) - KEYS_SHOWN_MAX:,} older ones" if len(keys) > KEYS_SHOWN_MAX else ""
    try:
        head = read_head(session, tenant_id=tenant_id)
    except NotFound:
        return LogView(keys_address=address, signing_keys=listed, keys_more=more)
    newest = next(iter(list_invoices(session, tenant_id=tenant_id, limit=1)), None)
    number = (invoice_number(newest) if newest else None) or ""
    count = f"{head.size:,} receipt{'' if head.size == 1 else 's'}"
    return LogView(
        has_log=True,
        state=f"Your log holds {count}; signed {ago(at - head.signed_at)}.",
        size=wording.number(head.size),
        signed_at=wording.moment(head.signed_at, tenant.timezone),
        kid=head.kid,
        origin=head.origin,
        checkpoint=head.checkpoint,
        checkpoint_path=f"/.well-known/tallystick/{tenant_id}/checkpoint",
        keys_address=address,
        signing_keys=listed,
        keys_more=more,
        invoice_id=newest.id if newest else "",
        invoice_number=number,
        command=f"tallystick verify {number or 'INVOICE'}.json --keys jwks.json --checkpoint checkpoint.txt",
    )


def ago(passed: timedelta) -> str:
    """3 minutes ago; "just now" below a minute, also where clocks differ."""
    for name, step in _STEPS:
        count = passed // step
        if count > 0:
            return f"{count:,} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def _key_view(key: SigningKey, timezone: str) -> KeyView:
    if key.retired_at is not None:
        return KeyView(key.kid, f"signed until {wording.moment_day(key.retired_at, timezone)}", is_active=False)
    return KeyView(key.kid, f"signs since {wording.moment_day(key.activated_at, timezone)}", is_active=True)
