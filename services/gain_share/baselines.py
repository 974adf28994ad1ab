"""Agree on what a KPI is measured against: one party proposes it with the document that shows it, the other accepts.

Only an accepted baseline counts. It is never edited; one accepted later takes its place from its own date.
"""

from datetime import datetime

from sqlmodel import Session

from models import BaselineStatus, KpiBaseline
from models.kpi import REASON_MAX
from services.errors import Conflict, Forbidden, Unprocessable
from services.gain_share.baseline_lists import list_baselines, read_baseline
from services.gain_share.baseline_notices import announce_baseline
from services.gain_share.baseline_terms import WAITING_MAX, BaselineTerms, check_period, check_rates, check_value
from services.gain_share.evidence import find_evidence
from services.gain_share.kpis import check_unit, find_kpi, kpis_of
from services.gain_share.parties import PARTY_WORDS, Signer, check_other_side
from services.identifiers import new_id
from services.key_makers import makers_of_keys
from services.receipts.agreements import write_baseline_receipt
from services.rules import decimals
from services.tenants import lock_head, read_tenant


def propose_baseline(
    session: Session, *, tenant_id: str, terms: BaselineTerms, signer: Signer, at: datetime
) -> KpiBaseline:
    """Propose a baseline to the other party. Raises Unprocessable naming the field, NotFound for an unknown file.

    Raises Conflict where WAITING_MAX proposals of the party wait.
    """
    lock_head(session, tenant_id=tenant_id)
    tenant = read_tenant(session, tenant_id=tenant_id)
    kpi = find_kpi(kpis_of(session, tenant_id=tenant_id), terms.kpi)
    check_value(kpi, terms.value)
    unit = check_unit(kpi, terms.unit)
    if terms.currency != tenant.currency:
        raise Unprocessable(
            f"This customer is billed in {tenant.currency}; price the baseline in it.", field="currency"
        )
    check_rates(kpi, terms.rates)
    check_period(terms, tenant, at)
    find_evidence(session, tenant_id=tenant_id, file_id=terms.file_id)
    _check_room(session, tenant_id, signer)
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
    _tell(session, baseline, at)
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
            makers = makers_of_keys(session, (baseline.proposed_by, signer.by))
            attested = write_baseline_receipt(session, baseline=baseline, source_sha256=sha256, makers=makers, at=at)
            baseline.receipt_seq, baseline.salt = attested
        _tell(session, baseline, at)
    return baseline


def decline_baseline(
    session: Session, *, tenant_id: str, baseline_id: str, reason: str, signer: Signer, at: datetime
) -> KpiBaseline:
    """Refuse what the other party proposed, with a reason. Refusals are those of `accept_baseline`."""
    check_reason(reason)
    baseline = _proposed(session, tenant_id, baseline_id, wanted=BaselineStatus.DECLINED, signer=signer)
    if baseline.status == BaselineStatus.PROPOSED:
        _decide(baseline, BaselineStatus.DECLINED, signer, at, reason)
        _tell(session, baseline, at)
    return baseline


def withdraw_baseline(
    session: Session, *, tenant_id: str, baseline_id: str, signer: Signer, at: datetime
) -> KpiBaseline:
    """Take back what the own party proposed and nobody decided on yet. Withdrawing again changes nothing."""
    baseline = _proposed(session, tenant_id, baseline_id, wanted=BaselineStatus.WITHDRAWN, signer=signer)
    if baseline.status == BaselineStatus.PROPOSED:
        _decide(baseline, BaselineStatus.WITHDRAWN, signer, at)
        _tell(session, baseline, at)
    return baseline


def check_reason(reason: str) -> None:
    """A reason in words, on one line or several. Raises Unprocessable."""
    printable = all(letter.isprintable() or letter == "\n" for letter in reason)
    if not 0 < len(reason) <= REASON_MAX or not printable or not reason.strip():
        raise Unprocessable(f"Give a reason of 1 to {REASON_MAX:,} characters.", field="reason")


def _check_room(session: Session, tenant_id: str, signer: Signer) -> None:
    waiting = list_baselines(session, tenant_id=tenant_id, limit=2 * WAITING_MAX, status=BaselineStatus.PROPOSED)
    if sum(each.proposed_party == signer.party for each in waiting) >= WAITING_MAX:
        raise Conflict(f"{WAITING_MAX} of your proposals wait already; withdraw one, or wait for an answer.")


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


def _tell(session: Session, baseline: KpiBaseline, at: datetime) -> None:
    session.flush()
    announce_baseline(session, baseline=baseline, at=at)
