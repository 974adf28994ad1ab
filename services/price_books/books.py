"""Load price books as immutable versions, and find the plan a customer is sold or is on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from models import PlanVersion, PriceBook, PriceBookVersion, table_of
from services.database import insert_into, insert_missing
from services.errors import UnknownPlan, UnknownPriceBook
from services.price_books.entries import BookEntry, GainShareEntry, PlanEntry, TopUpEntry
from services.price_books.files import read_book
from services.price_books.plans import PLAN_FORMAT, Meter, Plan, Pool, plan_from_document
from services.rules.canonical import content_hash
from services.rules.decimals import text_of
from services.rules.pricing import to_document
from services.settings import CATALOGS, settings

BOOK_FORMAT = "tallystick-book/1"
PLANS_CACHED = 4096


@dataclass(frozen=True, slots=True)
class Book:
    """A price book in force: its plans in the order they are shown."""

    version_id: str
    code: str
    name: str
    currency: str
    plans: tuple[Plan, ...]
    pools: Mapping[str, Pool]
    meters: Mapping[str, Meter]


@dataclass(frozen=True, slots=True)
class LoadedBook:
    """What loading did: the version now in force, and which plan versions are new."""

    code: str
    version_id: str
    new_plan_codes: tuple[str, ...]


def load_shipped_books(session: Session, *, at: datetime) -> list[LoadedBook]:
    """Load every book that ships with the product. Loading the same content again changes nothing."""
    return [load_book(session, book=read_book(path), at=at) for path in sorted(CATALOGS.glob("*.toml"))]


def load_book(session: Session, *, book: BookEntry, at: datetime) -> LoadedBook:
    """Keep the book's plans as versions named by their content and put it in force for new subscriptions."""
    documents = [plan_document(book, plan) for plan in book.plans]
    known = set(session.exec(select(PlanVersion.id).where(PlanVersion.book_code == book.code)))
    rows = keep_plans(session, documents=documents, at=at)
    document = {
        "format": BOOK_FORMAT,
        "code": book.code,
        "name": book.name,
        "currency": book.currency,
        "plans": [row["id"] for row in rows],
    }
    version_id = content_hash(document)
    version = {"id": version_id, "code": book.code, "currency": book.currency, "document": document, "loaded_at": at}
    insert_missing(session, table_of(PriceBookVersion), [version])
    in_force = insert_into(session, table_of(PriceBook)).values(code=book.code, version_id=version_id)
    session.execute(in_force.on_conflict_do_update(index_elements=["code"], set_={"version_id": version_id}))
    session.flush()
    return LoadedBook(book.code, version_id, tuple(row["plan_code"] for row in rows if row["id"] not in known))


def book_in_force(session: Session, *, code: str | None = None) -> Book:
    """The book new subscriptions are sold from; the one in the settings unless named. Raises UnknownPriceBook."""
    wanted = code or settings().catalog
    statement = (
        select(PriceBookVersion)
        .join(PriceBook, PriceBook.version_id == PriceBookVersion.id)  # type: ignore[arg-type]
        .where(PriceBook.code == wanted)
    )
    version = session.exec(statement).first()
    if version is None:
        known = ", ".join(session.exec(select(PriceBook.code).order_by(PriceBook.code))) or "none is loaded"
        raise UnknownPriceBook(f"There is no price book {wanted!r}; known: {known}.", field="plan_code")
    plans = tuple(plan_version(session, version_id=plan_id) for plan_id in version.document["plans"])
    first = plans[0]
    return Book(version.id, version.code, version.document["name"], version.currency, plans, first.pools, first.meters)


def plan_in_force(session: Session, *, plan_code: str) -> Plan:
    """The plan sold under that code today: PRO in the default book, or book/plan in any. Raises UnknownPlan."""
    book_code, slash, code = plan_code.rpartition("/")
    book = book_in_force(session, code=book_code if slash else None)
    for plan in book.plans:
        if plan.code == code:
            return plan
    known = ", ".join(plan.code for plan in book.plans)
    raise UnknownPlan(f"There is no plan {code!r} in {book.name}; choose one of {known}.", field="plan_code")


def plan_version(session: Session, *, version_id: str) -> Plan:
    """A plan version, old or new. They never change, so each is read once per process. Raises KeyError if unknown."""
    if version_id not in _plans:
        row = session.get(PlanVersion, version_id)
        if row is None:
            raise KeyError(version_id)
        if len(_plans) >= PLANS_CACHED:
            _plans.clear()
        _plans[version_id] = plan_from_document(row.id, row.document)
    return _plans[version_id]


_plans: dict[str, Plan] = {}


def keep_plans(session: Session, *, documents: Sequence[dict[str, Any]], at: datetime) -> list[dict[str, Any]]:
    """Keep plan versions under the hash of their content; those that are there stay. Answers their rows."""
    rows = [_plan_row(document, at) for document in documents]
    insert_missing(session, table_of(PlanVersion), rows)
    return rows


def _plan_row(document: dict[str, Any], at: datetime) -> dict[str, Any]:
    return {
        "id": content_hash(document),
        "book_code": document["book"],
        "plan_code": document["code"],
        "name": document["name"],
        "currency": document["currency"],
        "document": document,
        "loaded_at": at,
    }


def plan_document(book: BookEntry, plan: PlanEntry) -> dict[str, Any]:
    """All that rating the plan takes, in the types canonical JSON knows; its hash is the version's name.

    What has an order is a list: canonical bytes and JSONB sort the keys of an object. A plan without a trial, packs of
    credits, or a plan to move to after dunning says nothing of them, so that its name is what it was before there were
    any.
    """
    assets, terms = plan.assets, plan.gain_share
    trial = {"trial_days": plan.trial_days} if plan.trial_days else {}
    packs = [_pack_document(pack) for pack in book.packs_of(plan)]
    return (
        {
            "format": PLAN_FORMAT,
            "book": book.code,
            "code": plan.code,
            "name": plan.name,
            "tagline": plan.tagline,
            "popular": plan.popular,
            "contact_sales": plan.contact_sales,
            "currency": book.currency,
            "base_price": None if plan.base_price is None else text_of(plan.base_price),
            "annual_discount_pct": text_of(book.annual_discount_pct),
            "features": list(plan.features),
            "sites_max": plan.sites_max,
            "pools": [{"code": code, **pool.model_dump()} for code, pool in book.pools.items()],
            "meters": [
                {"code": code, **meter.model_dump(), "credits_per_unit": text_of(meter.credits_per_unit)}
                for code, meter in book.meters.items()
            ],
            "allowances": {pool: text_of(amount) for pool, amount in plan.allowances.items()},
            "overage": {pool: to_document(book.overage_charge(plan, pool)) for pool in plan.overage},
            "assets": None if assets is None else {"basis": assets.basis, "charge": to_document(assets.charge())},
            "limits": dict(plan.limits),
            "entitlements": list(plan.entitlements),
            "gain_share": None if terms is None else gain_share_document(terms),
        }
        | trial
        | ({"top_ups": packs} if packs else {})
        | ({"after_dunning": plan.after_dunning} if plan.after_dunning else {})
    )


def gain_share_document(terms: GainShareEntry) -> dict[str, Any]:
    """The bounds of the share, and the plan's own KPIs where it has any."""
    kpis = [kpi.model_dump() for kpi in terms.kpis]
    return {"min_pct": text_of(terms.min_pct), "max_pct": text_of(terms.max_pct)} | ({"kpis": kpis} if kpis else {})


def _pack_document(pack: TopUpEntry) -> dict[str, Any]:
    days = {} if pack.expires_after_days is None else {"expires_after_days": pack.expires_after_days}
    return {
        "code": pack.code,
        "name": pack.name,
        "pool": pack.pool,
        "credits": text_of(pack.credits),
        "price": text_of(pack.price),
        "tax_category": pack.tax_category,
    } | days
