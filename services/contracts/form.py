"""The form a contract is drafted with: what it shows of a plan, and the terms that what was typed stands for.

Only what differs from the plan becomes a term, so a form that was sent as it was shown changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from services.contracts.agreements import Paper
from services.errors import Unprocessable
from services.price_books.plans import Plan
from services.price_books.text import read_price, write_price
from services.rules.decimals import is_plain, text_of
from services.rules.price_models import Charge
from services.rules.pricing import to_document
from services.rules.quantities import CREDITS_MAX

NOT_SOLD, NOT_COUNTED = "none", "none"
FIELD_MAX = 2_500
_LINE_KEYS = ("included", "minimum", "maximum")


@dataclass(frozen=True)
class PoolFields:
    """What the form holds of one pool, as typed. `window` is month or day."""

    code: str
    name: str
    window: str
    allowance: str
    model: str
    price: str
    bounds: str
    use: str


@dataclass(frozen=True)
class FormView:
    """The form for one plan, filled with what the plan says."""

    plan_code: str = ""
    plan_name: str = ""
    currency: str = ""
    base_price: str = ""
    annual_discount_pct: str = ""
    trial_days: str = ""
    sites_max: str = ""
    share_min: str = ""
    share_max: str = ""
    pools: tuple[PoolFields, ...] = ()
    asset_basis: str = NOT_COUNTED
    asset_model: str = "per_unit"
    asset_price: str = ""
    asset_included: str = ""
    asset_use: str = ""


NO_FORM = FormView()


def form_of(plan: Plan) -> FormView:
    """The form as the plan fills it."""
    assets, share = plan.assets, plan.gain_share
    model, price = ("per_unit", "") if assets is None else write_price(assets.charge)
    return FormView(
        plan_code=plan.qualified_code,
        plan_name=plan.name,
        currency=plan.currency,
        base_price="" if plan.base_price is None else text_of(plan.base_price),
        annual_discount_pct=text_of(plan.annual_discount_pct),
        trial_days=str(plan.trial_days or ""),
        sites_max="" if plan.sites_max is None else str(plan.sites_max),
        share_min="" if share is None else text_of(share.min_pct),
        share_max="" if share is None else text_of(share.max_pct),
        pools=tuple(_pool_fields(plan, code) for code in plan.pools),
        asset_basis=NOT_COUNTED if assets is None else assets.basis,
        asset_model=model,
        asset_price=price,
        asset_included="" if assets is None else text_of(assets.charge.included),
        asset_use="" if assets is None else text_of(assets.charge.included),
    )


def read_form(plan: Plan, typed: Mapping[str, Any]) -> dict[str, Any]:
    """The terms, as `read_terms` takes them. Raises Unprocessable naming the field that cannot be read."""
    shown, terms = form_of(plan), dict[str, Any]()
    for field in ("base_price", "annual_discount_pct", "trial_days", "sites_max"):
        text = _text(typed, field)
        if text != getattr(shown, field):
            terms[field] = _number(text, field) if text else _absent(field)
    name = _text(typed, "name")
    if name:
        terms["name"] = name
    terms |= _share(shown, typed)
    allowances = {
        pool.code: _number(_text(typed, f"allowance_{pool.code}") or "0", f"allowance_{pool.code}")
        for pool in shown.pools
        if _text(typed, f"allowance_{pool.code}") != pool.allowance
    }
    prices = {pool.code: _pool_price(plan, pool, typed) for pool in shown.pools if _is_priced_anew(pool, typed)}
    terms |= ({"allowances": allowances} if allowances else {}) | ({"overage": prices} if prices else {})
    return terms | _assets(plan, shown, typed)


def read_paper(typed: Mapping[str, Any], *, today: date) -> Paper:
    """What the contract says beside its prices. Raises Unprocessable."""
    return Paper(
        title=_text(typed, "title"),
        reference=_text(typed, "reference"),
        notes=str(typed.get("notes", ""))[:FIELD_MAX].strip(),
        valid_from=read_day(_text(typed, "valid_from"), "valid_from") or today,
        valid_until=read_day(_text(typed, "valid_until"), "valid_until"),
    )


def read_use(plan: Plan, typed: Mapping[str, Any]) -> tuple[dict[str, Decimal], Decimal]:
    """How much of each pool, and how many assets, the month to be worked out has. Raises Unprocessable."""
    use = {code: _quantity(_text(typed, f"use_{code}"), f"use_{code}") for code in plan.pools}
    return use, _quantity(_text(typed, "asset_use"), "asset_use")


def _pool_fields(plan: Plan, code: str) -> PoolFields:
    pool, charge = plan.pools[code], plan.overage.get(code)
    model, price = (NOT_SOLD, "") if charge is None else write_price(charge)
    included = text_of(plan.allowances.get(code, Decimal(0)))
    return PoolFields(
        code=code,
        name=pool.name,
        window="day" if pool.resets_daily else "month",
        allowance=included,
        model=model,
        price=price,
        bounds="" if charge is None else _bounds(charge),
        use=included,
    )


def _bounds(charge: Charge) -> str:
    """What stands around a price and is kept as it is where the price is: minimum 10."""
    document = to_document(charge)
    return ", ".join(f"{key} {document[key]}" for key in _LINE_KEYS if key in document)


def _is_priced_anew(pool: PoolFields, typed: Mapping[str, Any]) -> bool:
    model = _text(typed, f"model_{pool.code}") or pool.model
    return model != pool.model or (model != NOT_SOLD and _text(typed, f"price_{pool.code}") != pool.price)


def _pool_price(plan: Plan, pool: PoolFields, typed: Mapping[str, Any]) -> dict[str, Any] | None:
    model = _text(typed, f"model_{pool.code}") or pool.model
    if model == NOT_SOLD:
        return None
    before = to_document(plan.overage[pool.code]) if pool.code in plan.overage else {}
    kept = {key: before[key] for key in _LINE_KEYS if key in before}
    return read_price(model, _text(typed, f"price_{pool.code}"), field=f"price_{pool.code}") | kept


def _assets(plan: Plan, shown: FormView, typed: Mapping[str, Any]) -> dict[str, Any]:
    fields = ("asset_basis", "asset_model", "asset_price", "asset_included")
    said = {field: _text(typed, field) for field in fields}
    basis = said["asset_basis"] or shown.asset_basis
    if basis == NOT_COUNTED:
        return {} if plan.assets is None else {"assets": None}
    if all(said[field] == getattr(shown, field) for field in fields):
        return {}
    included = _number(said["asset_included"] or "0", "asset_included")
    price = read_price(said["asset_model"], said["asset_price"], field="asset_price")
    return {"assets": {"basis": basis, "included": included} | price}


def _share(shown: FormView, typed: Mapping[str, Any]) -> dict[str, Any]:
    low, high = _text(typed, "share_min"), _text(typed, "share_max")
    if (low, high) == (shown.share_min, shown.share_max):
        return {}
    if not low and not high:
        return {"gain_share": None}
    return {"gain_share": {"min_pct": _number(low, "share_min"), "max_pct": _number(high, "share_max")}}


def _absent(field: str) -> int | None:
    """What an empty field means: any number of sites, no trial."""
    if field in ("sites_max", "trial_days"):
        return None if field == "sites_max" else 0
    raise Unprocessable(f"{field.replace('_', ' ').capitalize()} is a number.", field=field)


def _text(typed: Mapping[str, Any], field: str) -> str:
    return str(typed.get(field, "") or "")[:FIELD_MAX].strip()


def _number(text: str, field: str) -> str:
    plain = text.replace(" ", "")
    if not is_plain(plain):
        raise Unprocessable(f"“{text[:60]}” is not a plain number, such as 12500.00.", field=field)
    return plain


def _quantity(text: str, field: str) -> Decimal:
    quantity = Decimal(_number(text or "0", field))
    if quantity > CREDITS_MAX or -int(quantity.as_tuple().exponent) > 6:
        raise Unprocessable(f"Give at most {CREDITS_MAX:,} with six decimals.", field=field)
    return quantity


def read_day(text: str, field: str) -> date | None:
    """A day as typed; None for none. Raises Unprocessable."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError as error:
        raise Unprocessable("Write a day as 2027-01-31.", field=field) from error
