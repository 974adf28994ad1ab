"""The plan versions a bundle carries, each held to the hash that names it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from services.errors import InvalidBundle, Unverifiable
from services.price_books.plans import PLAN_FORMAT, Plan, plan_from_document
from services.rules.canonical import content_hash
from services.rules.decimals import is_plain
from services.rules.quantities import to_micro
from services.rules.receipt_fields import TEXT_MAX
from services.rules.violations import RuleViolation

_CREDIT_DECIMALS_MAX = 12


def read_plans(documents: Mapping[str, Mapping[str, Any]], *, tenant: str) -> dict[str, Plan]:
    """The plans by name, for the log of that tenant. Raises InvalidBundle where one is not what its name says or was
    agreed with somebody else, and Unverifiable for a format of another version."""
    plans = {}
    for name, document in documents.items():
        plans[name] = _read_plan(name, document)
        if plans[name].only_for not in (None, tenant):
            raise InvalidBundle(f"The plan named {name} was agreed with another customer.")
    return plans


def _read_plan(name: str, document: Mapping[str, Any]) -> Plan:
    if content_hash(document) != name:
        raise InvalidBundle(f"The plan named {name} is another one: its content has another hash.")
    if document.get("format") != PLAN_FORMAT:
        raise Unverifiable(f"The plan named {name} is not of the format known here, which is {PLAN_FORMAT}.")
    try:
        for number in _numbers(document):
            if not is_plain(number):
                raise InvalidBundle(f"The plan named {name} holds a number that is not plain decimal text.")
        plan = plan_from_document(name, document)
        _check_names(plan)
    except (RuleViolation, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise InvalidBundle(f"The plan named {name} cannot be read: {error}") from error
    return plan


def _numbers(document: Mapping[str, Any]) -> Iterator[str]:
    """The numbers of a plan that its reader takes as they come; prices are read more carefully there."""
    yield document["annual_discount_pct"]
    yield from document["allowances"].values()
    yield from (meter["credits_per_unit"] for meter in document["meters"])
    if document["base_price"] is not None:
        yield document["base_price"]
    if document["gain_share"] is not None:
        if not isinstance(document["gain_share"].get("kpis", []), list):
            raise ValueError("its KPIs are a list")
        yield from (document["gain_share"][name] for name in ("min_pct", "max_pct"))
    yield from (pack[name] for pack in document.get("top_ups", ()) for name in ("credits", "price"))


def _check_names(plan: Plan) -> None:
    texts = [plan.name, plan.currency, *plan.pools, *plan.allowances, *plan.overage]
    texts += [] if plan.after_dunning is None else [plan.after_dunning]
    if plan.gain_share is not None:
        texts += [text for kpi in plan.gain_share.kpis for text in (kpi.code, kpi.name, kpi.unit, kpi.better)]
    texts += [text for pack in plan.top_ups.values() for text in (pack.code, pack.name, pack.tax_category)]
    texts += [text for pool in plan.pools.values() for text in (pool.name, pool.unit, pool.resets)]
    if not all(type(text) is str and 0 < len(text) <= TEXT_MAX for text in texts):
        raise ValueError("its names are text of ordinary length")
    for meter in plan.meters.values():
        if meter.pool not in plan.pools or -int(meter.credits_per_unit.as_tuple().exponent) > _CREDIT_DECIMALS_MAX:
            raise ValueError(f"its meter {meter.code} burns what it has not")
    for pool in plan.pools:
        plan.allowance_micro(pool)
    for pack in plan.top_ups.values():
        if pack.pool not in plan.pools or to_micro(pack.credits) <= 0:
            raise ValueError(f"its pack {pack.code} holds nothing that it has")
        _ = pack.charge
    if not Decimal(0) <= plan.annual_discount_pct <= 100:
        raise ValueError("its annual discount is a share")
