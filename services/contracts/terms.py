"""What is negotiated with one customer: a plan of the book with other prices, and the plan version that makes.

The version says whom it is for, so nobody else can be put on it, and is checked and hashed like any plan of a book.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from services.errors import Unprocessable
from services.price_books.books import plan_document
from services.price_books.entries import Amount, AssetEntry, BookEntry, Code, Entry, GainShareEntry, Name, Price
from services.price_books.files import Finding, mistakes_in, shape_finding
from services.price_books.lint import warnings
from services.price_books.plans import TRIAL_DAYS_MAX, Plan, plan_from_document
from services.rules.canonical import content_hash

SAID_IN: Final = "contract"
"""What findings name in place of a file."""

_OWN_FIELDS: Final = ("name", "base_price", "trial_days", "sites_max", "gain_share", "assets")


class ContractTerms(Entry):
    """What differs from the plan; whatever is left out stays as it is there. None takes away what may be absent.

    `allowances` and `overage` are by pool; a pool whose overage is None is not sold beyond its allowance.
    """

    name: Name | None = None
    base_price: Amount | None = None
    annual_discount_pct: Annotated[Decimal, Field(ge=0, le=100)] | None = None
    trial_days: Annotated[int, Field(ge=0, le=TRIAL_DAYS_MAX)] | None = None
    sites_max: Annotated[int, Field(ge=1, le=100_000)] | None = None
    allowances: dict[Code, Amount] = {}
    overage: dict[Code, Price | None] = {}
    assets: AssetEntry | None = None
    gain_share: GainShareEntry | None = None


@dataclass(frozen=True, slots=True)
class Negotiated:
    """The plan that terms make, not stored yet. `document` is what its name is the hash of."""

    plan: Plan
    document: dict[str, Any]
    warnings: tuple[Finding, ...]


class TermsRefused(Unprocessable):
    """Terms that make no plan; `findings` has every mistake."""

    code = "contract_refused"

    def __init__(self, findings: list[Finding]) -> None:
        said = "; ".join(f"{finding.key}: {finding.reason}" for finding in findings)
        super().__init__(f"These terms make no plan. {said}", field=findings[0].key)
        self.findings = findings


def read_terms(written: Mapping[str, Any]) -> ContractTerms:
    """Terms as they were written. Raises TermsRefused with every mistake in their shape."""
    try:
        return ContractTerms.model_validate(written)
    except ValidationError as error:
        raise TermsRefused([shape_finding(SAID_IN, dict(each)) for each in error.errors()]) from error


def negotiate(base: Mapping[str, Any], terms: ContractTerms, *, tenant_id: str) -> Negotiated:
    """The plan version of these terms, from the document of the plan they change. Raises TermsRefused."""
    book = _book(base, terms)
    found = [Finding(SAID_IN, _short(key), reason) for key, reason in mistakes_in(book)]
    if found:
        raise TermsRefused(found)
    (entry,) = book.plans
    document = plan_document(book, entry) | {"only_for": tenant_id}
    plan = plan_from_document(content_hash(document), document)
    listed = plan_from_document("", base)
    said = [Finding(SAID_IN, _short(each.key), each.reason) for each in warnings(book, SAID_IN)]
    said += [Finding(SAID_IN, key, reason) for key, reason in _dearer_than_listed(plan, listed)]
    return Negotiated(plan, document, tuple(said))


def _book(base: Mapping[str, Any], terms: ContractTerms) -> BookEntry:
    """A book of this one plan, as if somebody had written it."""
    given = terms.model_fields_set
    discount = terms.annual_discount_pct
    written = {
        "code": base["book"],
        "name": base["book"],
        "currency": base["currency"],
        "annual_discount_pct": base["annual_discount_pct"] if discount is None else discount,
        "pools": {pool["code"]: _without_code(pool) for pool in base["pools"]},
        "meters": {meter["code"]: _without_code(meter) for meter in base["meters"]},
        "top_ups": base.get("top_ups", []),
        "plans": [_plan(base, terms, given)],
    }
    try:
        return BookEntry.model_validate(written)
    except ValidationError as error:
        shaped = [shape_finding(SAID_IN, dict(each)) for each in error.errors()]
        raise TermsRefused([Finding(SAID_IN, _short(each.key), each.reason) for each in shaped]) from error


def _plan(base: Mapping[str, Any], terms: ContractTerms, given: set[str]) -> dict[str, Any]:
    assets = base["assets"]
    plan = {
        "code": base["code"],
        "name": base["name"],
        "tagline": base["tagline"],
        "base_price": base["base_price"],
        "trial_days": base.get("trial_days", 0),
        "sites_max": base["sites_max"],
        "features": base["features"],
        "allowances": {**base["allowances"], **terms.allowances},
        "overage": {pool: price for pool, price in {**base["overage"], **terms.overage}.items() if price is not None},
        "assets": None if assets is None else {"basis": assets["basis"], **assets["charge"]},
        "limits": base["limits"],
        "entitlements": base["entitlements"],
        "gain_share": base["gain_share"],
    }
    for field in _OWN_FIELDS:
        value = getattr(terms, field)
        if field in given and (value is not None or field in ("assets", "gain_share", "sites_max")):
            plan[field] = value
    share = terms.gain_share
    if share is not None and "kpis" not in share.model_fields_set and base["gain_share"] is not None:
        plan["gain_share"] = {**share.model_dump(), "kpis": base["gain_share"].get("kpis", ())}
    return plan


def _dearer_than_listed(plan: Plan, listed: Plan) -> Iterator[tuple[str, str]]:
    """What a customer would not have negotiated for."""
    if plan.base_price is not None and listed.base_price is not None and plan.base_price > listed.base_price:
        yield "base_price", f"{plan.base_price:,f} is more than the {listed.base_price:,f} of the book"
    for pool, included in listed.allowances.items():
        mine = plan.allowances.get(pool, Decimal(0))
        if mine < included:
            yield f"allowances.{pool}", f"{mine:,f} is less than the {included:,f} the book includes"


def _without_code(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "code"}


def _short(key: str) -> str:
    """plans.0.base_price and plans.PRO.overage.credits, without the plan there is only one of."""
    parts = key.split(".")
    return ".".join(parts[2:]) or key if parts[0] == "plans" else key
