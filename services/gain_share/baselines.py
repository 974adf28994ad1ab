"""Agree on what a KPI is measured against: one party proposes it with the document that shows it, the other accepts.

Only an accepted baseline counts. It is never edited; one accepted later takes its place from its own date.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlmodel import Session, col, select

from models import BaselineStatus, KpiBaseline, Tenant
from models.kpi import REASON_MAX
from services.errors import Conflict, Forbidden, NotFound, Unprocessable
from services.gain_share.evidence import find_evidence
from services.gain_share.kpis import Kpi, check_unit, find_kpi, kpis_of
from services.gain_share.parties import PARTY_WORDS, Signer, check_other_side
from services.identifiers import new_id
from services.receipts.agreements import baseline_document, write_baseline_receipt
from services.rules import decimals
from services.rules.periods import business_date
from services.rules.price_models import check_rate
from services.rules.savings import MEASURED, RATE_NAMES, Measurements
from services.rules.violations import RuleViolation
from services.tenants import lock_head, read_tenant

RATES: Final = RATE_NAMES
VALUE_RATE: Final = "value_rate"
"""What one unit of a plan's own KPI is worth in a year, in major units of the currency."""

BASELINE_DAYS_MAX: Final = 3 * 366


@dataclass(frozen=True, slots=True)
class BaselineTerms:
    """What is proposed: the KPI's value over the days [period_start, period_end), and what its change is worth.

    `rates` are those of RATES in major units of the customer's currency (`operating_hours` are a year's); a KPI of the
    plan's own has `value_rate` besides. `file_id` is the source document. `unit` may be left to the KPI.
    """

    kpi: str
    value: Decimal
    currency: str
    rates: Mapping[str, Decimal]
    period_start: date
    period_end: date
    file_id: str
    effective_from: date
    unit: str | None = None


class Commitment(NamedTuple):
    """SHA-256(salt ‖ canonical JSON of the document) is the receipt's `cid`."""

    salt: bytes
    document: dict[str, Any]


def propose_baseline(
    session: Session, *, tenant_id: str, terms: BaselineTerms, signer: Signer, at: datetime
) -> KpiBaseline:
    """Propose a baseline to the other party. Raises Unprocessable naming the field, NotFound for an unknown file."""
    lock_head(session, tenant_id=tenant_id)
    tenant = read_tenant(session, tenant_id=tenant_id)
    kpi = find_kpi(kpis_of(session, tenant_id=tenant_id), terms.kpi)
    check_value(kpi, terms.value)
    unit = check_unit(kpi, terms.unit)
    if terms.currency != tenant.currency:
        raise Unprocessable(
            f"This customer is billed in {tenant.currency}; price the baseline in it.", field="currency"
        )
    _check_rates(kpi, terms.rates)
    _check_period(terms, tenant, at)
    find_evidence(session, tenant_id=tenant_id, file_id=terms.file_id)
    baseline = KpiBaseline(
        tenant_id=tenant_id,
        id=new_id("kpi"),
        kpi=kpi.code,
        value=terms.value,
        unit=unit,
        currency=terms.currency,
        rates={name: decimals.text_of(rate) for name, rate in terms.rates.items()},
        period_start=terms.period_start,
        period_end=terms.period_end,
        file_id=terms.file_id,
        effective_from=terms.effective_from,
        status=BaselineStatus.PROPOSED,
        proposed_by=signer.by,
        proposed_party=signer.party,
        proposed_at=at,
    )
    session.add(baseline)
    session.flush()
    return baseline


def accept_baseline(session: Session, *, tenant_id: str, baseline_id: str, signer: Signer, at: datetime) -> KpiBaseline:
    """Agree to what the other party proposed, with a receipt that says so. Accepting again changes nothing.

    Raises Forbidden for who is of the proposing party, Conflict where it was declined or withdrawn.
    """
    baseline = _proposed(session, tenant_id, baseline_id, wanted=BaselineStatus.ACCEPTED, signer=signer)
    if baseline.status == BaselineStatus.PROPOSED:
        sha256 = find_evidence(session, tenant_id=tenant_id, file_id=baseline.file_id).sha256
        with session.no_autoflush:  # an accepted one without its receipt would be refused
            _decide(baseline, BaselineStatus.ACCEPTED, signer, at)
            attested = write_baseline_receipt(session, baseline=baseline, source_sha256=sha256, at=at)
            baseline.receipt_seq, baseline.salt = attested
        session.flush()
    return baseline


def decline_baseline(
    session: Session, *, tenant_id: str, baseline_id: str, reason: str, signer: Signer, at: datetime
) -> KpiBaseline:
    """Refuse what the other party proposed, with a reason. Refusals are those of `accept_baseline`."""
    check_reason(reason)
    baseline = _proposed(session, tenant_id, baseline_id, wanted=BaselineStatus.DECLINED, signer=signer)
    if baseline.status == BaselineStatus.PROPOSED:
        _decide(baseline, BaselineStatus.DECLINED, signer, at, reason)
        session.flush()
    return baseline


def withdraw_baseline(
    session: Session, *, tenant_id: str, baseline_id: str, signer: Signer, at: datetime
) -> KpiBaseline:
    """Take back what the own party proposed and nobody decided on yet. Withdrawing again changes nothing."""
    baseline = _proposed(session, tenant_id, baseline_id, wanted=BaselineStatus.WITHDRAWN, signer=signer)
    if baseline.status == BaselineStatus.PROPOSED:
        _decide(baseline, BaselineStatus.WITHDRAWN, signer, at)
        session.flush()
    return baseline


def read_baseline(session: Session, *, tenant_id: str, baseline_id: str) -> KpiBaseline:
    """Raises NotFound."""
    baseline = session.get(KpiBaseline, (tenant_id, baseline_id))
    if baseline is None:
        raise NotFound("There is no such baseline.", field="baseline_id")
    return baseline


def read_commitment(session: Session, *, baseline: KpiBaseline) -> Commitment | None:
    """What the receipt of an accepted baseline commits to; None of one that has none, or whose salt was destroyed."""
    if baseline.status != BaselineStatus.ACCEPTED or baseline.salt is None:
        return None
    file = find_evidence(session, tenant_id=baseline.tenant_id, file_id=baseline.file_id)
    return Commitment(baseline.salt, baseline_document(baseline, file.sha256))


def list_baselines(
    session: Session,
    *,
    tenant_id: str,
    limit: int,
    before: str | None = None,
    status: BaselineStatus | None = None,
    kpi: str | None = None,
) -> list[KpiBaseline]:
    """A customer's baselines, the newest proposal first, those with an id below `before`."""
    mine = select(KpiBaseline).where(KpiBaseline.tenant_id == tenant_id)
    if before is not None:
        mine = mine.where(KpiBaseline.id < before)
    if status is not None:
        mine = mine.where(KpiBaseline.status == status)
    if kpi is not None:
        mine = mine.where(KpiBaseline.kpi == kpi)
    return list(session.exec(mine.order_by(col(KpiBaseline.id).desc()).limit(limit)))


def baselines_in_force(session: Session, *, tenant_id: str, on: date) -> list[KpiBaseline]:
    """The accepted baseline of each KPI on a day: the one effective last, and of two the one accepted last.

    The built-in KPIs come first, then the plan's own by code.
    """
    statement = (
        select(KpiBaseline)
        .where(
            KpiBaseline.tenant_id == tenant_id,
            KpiBaseline.status == BaselineStatus.ACCEPTED,
            KpiBaseline.effective_from <= on,
        )
        .order_by(col(KpiBaseline.effective_from), col(KpiBaseline.receipt_seq))
    )
    latest = {baseline.kpi: baseline for baseline in session.exec(statement)}
    own = sorted(code for code in latest if code not in MEASURED)
    return [latest[code] for code in (*MEASURED, *own) if code in latest]


def check_value(kpi: Kpi, value: Decimal) -> None:
    """That a KPI can have this value. Raises Unprocessable."""
    try:
        check_rate(value, "value")
        if not kpi.is_own:
            Measurements(**{kpi.code: value})  # type: ignore[arg-type]
    except RuleViolation as violation:
        raise Unprocessable(violation.message, field="value") from violation


def check_reason(reason: str) -> None:
    """A reason in words, on one line or several. Raises Unprocessable."""
    printable = all(letter.isprintable() or letter == "\n" for letter in reason)
    if not 0 < len(reason) <= REASON_MAX or not printable or not reason.strip():
        raise Unprocessable(f"Give a reason of 1 to {REASON_MAX:,} characters.", field="reason")


def _check_rates(kpi: Kpi, rates: Mapping[str, Decimal]) -> None:
    known = (*RATES, VALUE_RATE) if kpi.is_own else RATES
    for name, rate in rates.items():
        if name not in known:
            raise Unprocessable(f"{name!r} is not one of {', '.join(known)}.", field="rates")
        try:
            check_rate(rate, name)
        except RuleViolation as violation:
            raise Unprocessable(violation.message, field="rates") from violation
    if kpi.is_own and VALUE_RATE not in rates:
        raise Unprocessable(
            f"{kpi.name} is priced by {VALUE_RATE}: what one unit of it is worth in a year.", field="rates"
        )


def _check_period(terms: BaselineTerms, tenant: Tenant, at: datetime) -> None:
    starts, ends, today = terms.period_start, terms.period_end, business_date(at, tenant.timezone)
    if not 0 < (ends - starts).days <= BASELINE_DAYS_MAX:
        raise Unprocessable(
            f"A baseline was measured over 1 to {BASELINE_DAYS_MAX} days; period_end is the day after the last.",
            field="period_end",
        )
    if ends > today:
        raise Unprocessable(
            f"The period has not ended by today ({today}); nothing was measured yet.", field="period_end"
        )


def _proposed(
    session: Session, tenant_id: str, baseline_id: str, *, wanted: BaselineStatus, signer: Signer
) -> KpiBaseline:
    """A baseline on which this signer may decide as wanted, or has been decided so already."""
    lock_head(session, tenant_id=tenant_id)
    baseline = read_baseline(session, tenant_id=tenant_id, baseline_id=baseline_id)
    session.refresh(baseline)
    proposed = baseline.proposed_party
    if wanted == BaselineStatus.WITHDRAWN:
        if signer.party != proposed:
            raise Forbidden(f"{PARTY_WORDS[proposed].capitalize()} proposed this; only they can withdraw it.")
    else:
        check_other_side(signer, party=proposed, by=baseline.proposed_by, what="This baseline")
    if baseline.status not in (BaselineStatus.PROPOSED, wanted):
        raise Conflict(f"This baseline was {baseline.status.value} already; propose another one.", field="baseline_id")
    return baseline


def _decide(baseline: KpiBaseline, status: BaselineStatus, signer: Signer, at: datetime, reason: str = "") -> None:
    baseline.status, baseline.reason = status, reason
    baseline.decided_by, baseline.decided_party, baseline.decided_at = signer.by, signer.party, at
