"""What of ours stands at the payment provider: what set-up made or found there, and what others look up of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, select

from models import CatalogKind, Interval, StripeCatalogEntry
from services.gateways.master_key import create_master_key, read_master_key
from services.gateways.sealing import seal, unseal
from services.price_books.plans import Plan
from services.rules.canonical import content_hash
from services.rules.money import Money
from services.settings import settings

PREFIX = "tallystick"
TERMS_DIGITS = 16
PORTAL_KEY = f"{PREFIX}:portal"


@dataclass(frozen=True, slots=True)
class NotedThing:
    """What was noted of one thing of ours; `has_secret` where the secret of an endpoint was kept."""

    lookup_key: str
    kind: CatalogKind
    stripe_id: str
    fingerprint: str
    url: str | None
    has_secret: bool


def product_key(plan: Plan) -> str:
    """Our name at the provider for the plan, whatever it costs."""
    return f"{PREFIX}:{plan.book_code}:{plan.code}"


def price_key(plan: Plan, interval: Interval) -> str:
    """Our name for the price the plan is sold at today; the price behind it changes with the amount.

    What was agreed with one customer has a name of its own, by the terms.
    """
    if plan.only_for is not None:
        return f"{product_key(plan)}:contract:{plan.version_id.removeprefix('sha256:')[:TERMS_DIGITS]}:{interval}"
    return f"{product_key(plan)}:{interval}"


def base_of(plan: Plan, interval: Interval) -> Money:
    """What the plan's price at the provider charges each month or year."""
    return plan.annual_base() if interval == Interval.YEAR else plan.monthly_base()


def price_fingerprint(plan: Plan, interval: Interval) -> str:
    """Of what makes a price this one: its amount, its currency and how often it is charged."""
    base = base_of(plan, interval)
    return fingerprint_of([base.amount_minor, base.currency, str(interval)])


def fingerprint_of(document: object) -> str:
    """64 hex digits of a document of strings, whole numbers, booleans, lists and objects."""
    return content_hash(document).removeprefix("sha256:")


def find_price(session: Session, *, account: str, plan: Plan, interval: Interval) -> str | None:
    """The provider's price of this very amount and currency; None where set-up has not made one."""
    entry = session.get(StripeCatalogEntry, (account, price_key(plan, interval)))
    return entry.stripe_id if entry is not None and entry.fingerprint == price_fingerprint(plan, interval) else None


def find_product(session: Session, *, account: str, plan: Plan) -> str | None:
    """The plan itself at the provider; None where set-up has not made it."""
    entry = session.get(StripeCatalogEntry, (account, product_key(plan)))
    return None if entry is None else entry.stripe_id


def portal_configuration(session: Session, *, account: str) -> str | None:
    """The configuration of the provider's customer portal that set-up made."""
    entry = session.get(StripeCatalogEntry, (account, PORTAL_KEY))
    return None if entry is None else entry.stripe_id


def payment_links(session: Session, *, account: str) -> dict[str, str]:
    """The address of every payment link, by our name for it."""
    entries = _entries(session, account, CatalogKind.PAYMENT_LINK)
    return {entry.lookup_key: entry.url for entry in entries if entry.url is not None}


def webhook_secrets(session: Session, *, account: str) -> list[str]:
    """Every secret a delivery may be signed with: that of the settings first, then those set-up was given.

    Raises KeysUnavailable without the master key they are kept under.
    """
    sealed = [entry for entry in _entries(session, account, CatalogKind.WEBHOOK_ENDPOINT) if entry.secret is not None]
    opened = [_opened(session, entry) for entry in sealed]
    given = settings().stripe_webhook_secret
    return [*([] if given is None else [given]), *opened]


def noted_things(session: Session, *, account: str) -> dict[str, NotedThing]:
    """Everything set-up noted of an account, by our name for it."""
    every = session.exec(select(StripeCatalogEntry).where(StripeCatalogEntry.account == account))
    return {
        entry.lookup_key: NotedThing(
            entry.lookup_key, entry.kind, entry.stripe_id, entry.fingerprint, entry.url, entry.secret is not None
        )
        for entry in every
    }


def keep_entry(
    session: Session,
    *,
    account: str,
    lookup_key: str,
    kind: CatalogKind,
    stripe_id: str,
    fingerprint: str,
    url: str | None = None,
    secret: str | None = None,
    at: datetime,
) -> None:
    """Note what stands there under our name. A secret is encrypted under the master key, which is made if need be.

    Without a secret, the one noted for the same thing stays.
    """
    _forget_others(session, account, stripe_id, lookup_key)
    entry = session.get(StripeCatalogEntry, (account, lookup_key))
    sealed = None
    if secret is not None:
        sealed = seal(secret, name=stripe_id, master_key=create_master_key(session.get_bind().engine.url))
    elif entry is not None and entry.stripe_id == stripe_id:
        sealed = entry.secret
    values: dict[str, Any] = {
        "kind": kind,
        "stripe_id": stripe_id,
        "fingerprint": fingerprint,
        "url": url,
        "secret": sealed,
        "written_at": at,
    }
    if entry is None:
        session.add(StripeCatalogEntry(account=account, lookup_key=lookup_key, **values))
    else:
        entry.sqlmodel_update(values)
    session.flush()


def forget_entry(session: Session, *, account: str, lookup_key: str) -> None:
    """Note that nothing stands under this name any more."""
    entry = session.get(StripeCatalogEntry, (account, lookup_key))
    if entry is not None:
        session.delete(entry)
        session.flush()


def _entries(session: Session, account: str, kind: CatalogKind) -> list[StripeCatalogEntry]:
    statement = select(StripeCatalogEntry).where(StripeCatalogEntry.account == account, StripeCatalogEntry.kind == kind)
    return list(session.exec(statement.order_by(col(StripeCatalogEntry.written_at).desc())))


def _opened(session: Session, entry: StripeCatalogEntry) -> str:
    assert entry.secret is not None
    return unseal(entry.secret, name=entry.stripe_id, master_key=read_master_key(session.get_bind().engine.url))


def _forget_others(session: Session, account: str, stripe_id: str, lookup_key: str) -> None:
    """A sandbox that was emptied numbers anew: what was noted under an id is not there any more."""
    stale = delete(StripeCatalogEntry).where(
        col(StripeCatalogEntry.account) == account,
        col(StripeCatalogEntry.stripe_id) == stripe_id,
        col(StripeCatalogEntry.lookup_key) != lookup_key,
    )
    session.execute(stale)
