"""Baselines in words: what was proposed by whom, what the other party decided, and which are in force."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlmodel import Session, col, select

from models import BaselineStatus, EvidenceFile, KpiBaseline, Party, Tenant
from services import wording
from services.gain_share.baseline_lists import baselines_in_force
from services.gain_share.kpis import Kpi, kpis_of
from services.gain_share.parties import SIGNING_ROLES
from services.gain_share.run_views import NamedValue, period_words, rates_view
from services.gain_share.thread_views import PARTY_NAMES, names_of
from services.gain_share.words import kpi_value
from services.sign_in import Member

BASELINES_SHOWN_MAX: Final = 50
_ORDER: Final = {BaselineStatus.PROPOSED: 0, BaselineStatus.ACCEPTED: 1}
_STATUS_WORDS: Final = {
    BaselineStatus.PROPOSED: "Proposed",
    BaselineStatus.ACCEPTED: "Accepted",
    BaselineStatus.DECLINED: "Declined",
    BaselineStatus.WITHDRAWN: "Withdrawn",
}


@dataclass(frozen=True)
class BaselineView:
    """Where a KPI stood, the document that shows it, and where the agreement on it stands.

    `is_in_force`: runs that begin today use it. `may_decide`: the member may accept or decline it; `may_withdraw`:
    take it back. `receipt` is the number of the receipt that seals it, "" for none.
    """

    id: str
    name: str
    value: str
    effective_from: str
    measured_over: str
    file_id: str
    document: str
    sha256: str
    rates: tuple[NamedValue, ...]
    status: str
    status_word: str
    proposed: str
    decided: str
    reason: str
    receipt: str
    is_in_force: bool
    is_from_seller: bool
    may_decide: bool
    may_withdraw: bool


def baseline_views(session: Session, *, tenant: Tenant, on: date, member: Member | None) -> tuple[BaselineView, ...]:
    """Those that wait to be decided on in front, then those accepted by KPI, then the others; each newest first."""
    its_file = (col(EvidenceFile.tenant_id) == KpiBaseline.tenant_id) & (col(EvidenceFile.id) == KpiBaseline.file_id)
    statement = (
        select(KpiBaseline, EvidenceFile.name, EvidenceFile.sha256)
        .join(EvidenceFile, its_file)
        .where(KpiBaseline.tenant_id == tenant.id)
        .order_by(col(KpiBaseline.effective_from).desc(), col(KpiBaseline.proposed_at).desc(), col(KpiBaseline.id))
        .limit(BASELINES_SHOWN_MAX)
    )
    kpis = kpis_of(session, tenant_id=tenant.id)
    order = {code: number for number, code in enumerate(kpis)}
    found = sorted(
        session.exec(statement),
        key=lambda row: (_ORDER.get(row[0].status, 2), order.get(row[0].kpi, len(order))),
    )
    in_force = {baseline.id for baseline in baselines_in_force(session, tenant_id=tenant.id, on=on)}
    people = _people(session, (row for row, _, _ in found))
    words = _Words(kpis, people, tenant.timezone, member)
    return tuple(words.view(row, document, sha256, is_in_force=row.id in in_force) for row, document, sha256 in found)


def baseline_view(
    session: Session, *, tenant: Tenant, baseline: KpiBaseline, file: EvidenceFile, on: date, member: Member | None
) -> BaselineView:
    """One of them, with the minute at which it was proposed and decided on."""
    in_force = {each.id for each in baselines_in_force(session, tenant_id=tenant.id, on=on)}
    kpis = kpis_of(session, tenant_id=tenant.id)
    words = _Words(kpis, _people(session, [baseline]), tenant.timezone, member, with_times=True)
    return words.view(baseline, file.name, file.sha256, is_in_force=baseline.id in in_force)


def _people(session: Session, found: Iterable[KpiBaseline]) -> dict[str, str]:
    return names_of(session, [by for row in found for by in (row.proposed_by, row.decided_by) if by])


@dataclass(frozen=True, slots=True)
class _Words:
    """What baselines of one customer are worded with, for one member."""

    kpis: Mapping[str, Kpi]
    people: Mapping[str, str]
    timezone: str
    member: Member | None
    with_times: bool = False

    def view(self, baseline: KpiBaseline, document: str, sha256: str, *, is_in_force: bool) -> BaselineView:
        side = _side_of(self.member)
        waits = baseline.status == BaselineStatus.PROPOSED and side is not None
        is_own = side == baseline.proposed_party
        is_proposer = self.member is not None and self.member.user_id == baseline.proposed_by
        kpi = self.kpis.get(baseline.kpi)
        return BaselineView(
            id=baseline.id,
            name=baseline.kpi if kpi is None else kpi.name,
            value=kpi_value(baseline.kpi, baseline.value, baseline.currency, baseline.unit),
            effective_from=wording.day(baseline.effective_from),
            measured_over=period_words(baseline.period_start, baseline.period_end),
            file_id=baseline.file_id,
            document=document,
            sha256=sha256,
            rates=rates_view(baseline.rates, baseline.currency),
            status=baseline.status.value,
            status_word=_STATUS_WORDS[baseline.status],
            proposed=self._signed("Proposed", baseline.proposed_party, baseline.proposed_by, baseline.proposed_at),
            decided=self._decided(baseline),
            reason=baseline.reason,
            receipt="" if baseline.receipt_seq is None else str(baseline.receipt_seq),
            is_in_force=is_in_force,
            is_from_seller=baseline.proposed_party == Party.SELLER,
            may_decide=waits and not is_own and not is_proposer,
            may_withdraw=waits and is_own,
        )

    def _decided(self, baseline: KpiBaseline) -> str:
        if baseline.decided_at is None or baseline.decided_party is None or baseline.decided_by is None:
            return ""
        word = _STATUS_WORDS[baseline.status]
        return self._signed(word, baseline.decided_party, baseline.decided_by, baseline.decided_at)

    def _signed(self, what: str, party: Party, by: str, at: datetime) -> str:
        who = f", {self.people[by]}," if by in self.people else ""
        when = wording.moment(at, self.timezone) if self.with_times else wording.moment_day(at, self.timezone)
        return f"{what} by the {PARTY_NAMES[party].lower()}{who} on {when}"


def _side_of(member: Member | None) -> Party | None:
    """The party a member signs for; None for who may only look."""
    if member is None:
        return None
    if member.is_operator:
        return Party.SELLER
    return Party.CUSTOMER if member.role in SIGNING_ROLES else None
