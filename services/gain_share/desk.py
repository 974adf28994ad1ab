"""What a baseline is proposed with from a page, and proposing it as typed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from models import KpiBaseline
from services.gain_share.baselines import RATES, VALUE_RATE, baselines_in_force, propose_baseline
from services.gain_share.kpis import kpis_of
from services.gain_share.parties import Signer
from services.gain_share.typed import typed_baseline
from services.gain_share.words import RATE_WORDS
from services.rules.periods import business_date
from services.tenants import read_tenant


@dataclass(frozen=True)
class RateField:
    """A rate to be agreed on; `value` is what is agreed by now."""

    name: str
    label: str
    value: str


@dataclass(frozen=True)
class BaselineForm:
    """What can be proposed. `kpis` are (code, name with its unit); rates begin as they are agreed on, since all
    baselines in force have to name the same."""

    currency: str = ""
    kpis: tuple[tuple[str, str], ...] = ()
    rates: tuple[RateField, ...] = ()


NO_BASELINE_FORM = BaselineForm()


def open_baseline_form(session: Session, *, tenant_id: str, at: datetime) -> BaselineForm:
    """The form for a customer. Raises NotFound."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    kpis = kpis_of(session, tenant_id=tenant_id)
    agreed: dict[str, str] = {}
    for each in baselines_in_force(session, tenant_id=tenant_id, on=business_date(at, tenant.timezone)):
        agreed |= {name: rate for name, rate in each.rates.items() if name != VALUE_RATE}
    names = [*RATES, *([VALUE_RATE] if any(kpi.is_own for kpi in kpis.values()) else [])]
    return BaselineForm(
        currency=tenant.currency,
        kpis=tuple((kpi.code, f"{kpi.name}, {kpi.unit}") for kpi in kpis.values()),
        rates=tuple(RateField(name, _label(name, tenant.currency), agreed.get(name, "")) for name in names),
    )


def propose_typed(
    session: Session, *, tenant_id: str, typed: Mapping[str, Any], file_id: str, signer: Signer, at: datetime
) -> KpiBaseline:
    """Propose a baseline as typed. Raises what `propose_baseline` raises, and Unprocessable for what cannot be read."""
    currency = read_tenant(session, tenant_id=tenant_id).currency
    terms = typed_baseline(typed, currency=currency, file_id=file_id)
    return propose_baseline(session, tenant_id=tenant_id, terms=terms, signer=signer, at=at)


def _label(name: str, currency: str) -> str:
    if name == "operating_hours":
        return RATE_WORDS[name]
    return f"{RATE_WORDS[name]}, {'%' if name.endswith('_pct') else currency}"
