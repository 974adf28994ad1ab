"""What a baseline is proposed with from a page of either party, and proposing it as typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from models import KpiBaseline
from services.errors import NotFound, Unprocessable
from services.gain_share.baseline_lists import baselines_in_force
from services.gain_share.baseline_terms import RATES, VALUE_RATE
from services.gain_share.baselines import propose_baseline
from services.gain_share.kpis import kpis_of
from services.gain_share.parties import Signer
from services.gain_share.typed import typed_baseline, typed_text
from services.gain_share.words import RATE_WORDS
from services.rules.periods import business_date
from services.tenants import read_tenant

HOURS: Final = "operating_hours"
RATES_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "availability_pct": (HOURS, "availability_cost"),
    "mtbf_hours": (HOURS, "downtime_rate", "labour_rate", "parts_cost", "failure_cost", "repair_cost"),
    "mttr_hours": (HOURS, "downtime_rate", "labour_rate", "parts_cost", "repair_cost"),
    "inventory_value": (HOURS, "carrying_rate_pct"),
    "overtime_hours": (HOURS, "overtime_rate"),
}
"""By which rates a change of each KPI is priced, in one method or the other."""

RATES_OF_OWN: Final = (HOURS, VALUE_RATE)
FIELDS: Final = ("kpi", "value", "effective_from", "measured_from", "measured_to", "source", *RATES, VALUE_RATE)
_TYPED_AS: Final = {
    "period_start": "measured_from", "period_end": "measured_to", "file_id": "source", "rates": VALUE_RATE,
}  # fmt: skip
"""What the form calls what is refused; a rate that is there is refused by its own name before."""


@dataclass(frozen=True)
class RateField:
    """A rate to be agreed on; `value` is what is agreed by now, `kpis` are those whose change it prices."""

    name: str
    label: str
    value: str
    kpis: tuple[str, ...]


@dataclass(frozen=True)
class BaselineForm:
    """What can be proposed. `kpis` are (code, name), `units` theirs by code. Rates begin as they are agreed on, since
    baselines in force must not differ in them."""

    currency: str = ""
    kpis: tuple[tuple[str, str], ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    rates: tuple[RateField, ...] = ()


NO_BASELINE_FORM = BaselineForm()


def open_baseline_form(session: Session, *, tenant_id: str, at: datetime) -> BaselineForm:
    """The form for a customer. Raises NotFound."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    kpis = kpis_of(session, tenant_id=tenant_id)
    agreed: dict[str, str] = {}
    for each in baselines_in_force(session, tenant_id=tenant_id, on=business_date(at, tenant.timezone)):
        agreed |= {name: rate for name, rate in each.rates.items() if name != VALUE_RATE}
    priced = {code: RATES_OF.get(code, RATES_OF_OWN) for code in kpis}
    return BaselineForm(
        currency=tenant.currency,
        kpis=tuple((kpi.code, kpi.name) for kpi in kpis.values()),
        units={kpi.code: kpi.unit for kpi in kpis.values()},
        rates=tuple(
            RateField(
                name,
                _label(name, tenant.currency),
                agreed.get(name, ""),
                tuple(code for code, rates in priced.items() if name in rates),
            )
            for name in (*RATES, VALUE_RATE)
            if any(name in rates for rates in priced.values())
        ),
    )


def propose_typed(
    session: Session, *, tenant_id: str, typed: Mapping[str, Any], file_id: str, signer: Signer, at: datetime
) -> KpiBaseline:
    """Propose a baseline as typed, with those rates that price its KPI.

    Raises Forbidden, and Unprocessable whose `problems` say what is wrong by the form's own FIELDS.
    """
    currency = read_tenant(session, tenant_id=tenant_id).currency
    priced_by = RATES_OF.get(typed_text(typed, "kpi"), RATES_OF_OWN)
    asked = {name: said for name, said in typed.items() if name not in (*RATES, VALUE_RATE) or name in priced_by}
    try:
        terms = typed_baseline(asked, currency=currency, file_id=file_id)
        return propose_baseline(session, tenant_id=tenant_id, terms=terms, signer=signer, at=at)
    except (Unprocessable, NotFound) as refusal:
        if "problems" in refusal.members:
            raise
        named = _TYPED_AS.get(refusal.field or "", refusal.field or "kpi")
        raise Unprocessable(refusal.detail, field=named, problems={named: refusal.detail}) from refusal


def _label(name: str, currency: str) -> str:
    if name == HOURS:
        return RATE_WORDS[name]
    return f"{RATE_WORDS[name]}, {'%' if name.endswith('_pct') else currency}"
