"""The gain-share part of the demonstration: a plant's year with a run in each state, half of it approved and billed.

Of the second half one quarter is disputed; the other waits, after a run that was rejected and one that was disputed and
gave way to a revised one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

from sqlmodel import Session

from models import MeasurementSource, Party
from services.gain_share.baseline_terms import BaselineTerms
from services.gain_share.baselines import accept_baseline, propose_baseline
from services.gain_share.decisions import add_run_evidence, approve_run, comment_on_run, dispute_run, reject_run
from services.gain_share.evidence import store_evidence
from services.gain_share.kpi_measurements import Reading, record_measurements
from services.gain_share.parties import Signer
from services.gain_share.runs import list_runs, revise_run, submit_run
from services.rules.decimals import text_of

RATES: Final = {
    "operating_hours": Decimal(8_320),
    "downtime_rate": Decimal(1_850),
    "labour_rate": Decimal(240),
    "parts_cost": Decimal(900),
}
BASELINES: Final = (
    ("availability_pct", Decimal("91.2")),
    ("mtbf_hours", Decimal(96)),
    ("mttr_hours", Decimal("6.5")),
)
MONTHS: Final = (
    ("91.4", "95", "6.6"), ("91.9", "101", "6.3"), ("92.1", "104", "6.2"), ("91.8", "99", "6.4"),
    ("92.7", "113", "5.9"), ("93.0", "119", "5.6"), ("93.4", "124", "5.4"), ("92.9", "117", "5.7"),
    ("93.8", "128", "5.2"), ("94.2", "133", "5.0"), ("94.0", "131", "5.1"), ("94.5", "138", "4.8"),
)  # fmt: skip
"""Availability, time between failures and time to repair, month by month."""

HALF, THREE_QUARTERS = 6, 9
SHARE_PCT, TOO_MUCH_PCT = Decimal(15), Decimal(18)
DOCUMENT: Final = "Reliability before, Halifax and Dartmouth.csv"
DAYS_BEFORE: Final = 365
"""What the baselines were measured over: the year before they take effect."""

SUBMITTED_AFTER, APPROVED_AFTER = timedelta(days=40), timedelta(days=43)
"""The first half's end."""

STOCK: Final = Decimal(640_000)
LOW: Final = 10
"""Which month of the year has less availability than the one before it."""

QUESTION: Final = "{low} looks low against {before}. Was the planned overhaul of line 2 left out of the failures?"
ANSWER: Final = "Yes: an overhaul that was planned is no failure. The work orders of {low} are attached."
REJECTION: Final = "Fifteen percent is what we agreed on for this year. Please submit it with that share."
REVISION: Final = "The same figures, now with the work orders behind them."
THANKS: Final = "Thank you, that explains {low}. I pass it on to be approved."
WORK_ORDERS: Final = "Work orders, {low}.csv"
DOUBT: Final = (
    "Two of these repairs were done by our own people at night, within the hours of the contract. Please leave them "
    "out of the shorter repairs."
)
LOOKING: Final = "We are asking for the night shift's work orders and submit a revised run once we have them."
DISPUTED_DAYS: Final = 14
"""How long the customer has to decide on the run that it disputes."""


@dataclass(frozen=True, slots=True)
class DemoGainShare:
    """The year that ends with the month before `until`, and who signs for whom in it."""

    tenant_id: str
    ours: Signer
    owner: Signer
    finance: Signer
    until: date

    @classmethod
    def of(cls, tenant_id: str, *, our_user: str, owner: str, finance: str, until: date) -> "DemoGainShare":
        return cls(
            tenant_id,
            ours=Signer(Party.SELLER, our_user),
            owner=Signer(Party.CUSTOMER, owner),
            finance=Signer(Party.CUSTOMER, finance),
            until=until.replace(day=1),
        )

    @property
    def firsts(self) -> list[date]:
        """The first day of each month, and that of the month after the year."""
        return [_months_before(self.until, count) for count in range(len(MONTHS), -1, -1)]

    def tell_of_day(self, session: Session, day: date, *, at: datetime) -> None:
        """What happened on a day: the first half is submitted on one and approved on another."""
        half = self.firsts[HALF]
        if day == half + SUBMITTED_AFTER:
            self._agree(session, at)
            self._measure(session, at, slice(0, HALF))
            self._submit(session, self.firsts[0], half, at)
        if day == half + APPROVED_AFTER:
            (first,) = list_runs(session, tenant_id=self.tenant_id, limit=1)
            approve_run(session, tenant_id=self.tenant_id, run_id=first.id, signer=self.owner, at=at)

    def tell_rest(self, session: Session, *, at: datetime) -> None:
        """The third quarter, disputed; the last: rejected with too high a share, then disputed, answered and revised,
        and waiting by now; and a baseline that waits, too."""
        self._measure(session, at, slice(HALF, None))
        self._dispute(session, at)
        tenant_id, days = self.tenant_id, (self.firsts[THREE_QUARTERS], self.firsts[-1])
        run_id = self._submit(session, *days, at, share_pct=TOO_MUCH_PCT)
        reject_run(session, tenant_id=tenant_id, run_id=run_id, reason=REJECTION, signer=self.owner, at=at)
        run_id = self._submit(session, *days, at)
        parts, asked = ["fewer_failures"], self._say(QUESTION)
        dispute_run(session, tenant_id=tenant_id, run_id=run_id, parts=parts, reason=asked, signer=self.finance, at=at)
        orders = b"order,line,kind,hours\n4711,2,overhaul,36\n4712,1,lubrication,2\n"
        name, answer = self._say(WORK_ORDERS), self._say(ANSWER)
        shown = store_evidence(session, tenant_id=tenant_id, name=name, content=orders, signer=self.ours, at=at)
        add_run_evidence(
            session, tenant_id=tenant_id, run_id=run_id, file_id=shown.id, text=answer, signer=self.ours, at=at
        )
        revised = revise_run(session, tenant_id=tenant_id, run_id=run_id, text=REVISION, signer=self.ours, at=at)
        thanks = self._say(THANKS)
        comment_on_run(session, tenant_id=tenant_id, run_id=revised.id, text=thanks, signer=self.finance, at=at)
        rates = RATES | {"carrying_rate_pct": Decimal(18)}
        self._propose(session, at, "inventory_value", STOCK, rates=rates, effective_from=self.until)

    def _dispute(self, session: Session, at: datetime) -> None:
        """A run of the third quarter of which the customer disputes a part, and what we say to that."""
        days = (self.firsts[HALF], self.firsts[THREE_QUARTERS])
        run_id = self._submit(session, *days, at, deadline_on=at.date() + timedelta(days=DISPUTED_DAYS))
        tenant_id, parts = self.tenant_id, ["shorter_repairs"]
        dispute_run(session, tenant_id=tenant_id, run_id=run_id, parts=parts, reason=DOUBT, signer=self.finance, at=at)
        comment_on_run(session, tenant_id=tenant_id, run_id=run_id, text=LOOKING, signer=self.ours, at=at)

    def _say(self, words: str) -> str:
        """Words about the months of the year that is told of."""
        return words.format(low=f"{self.firsts[LOW]:%B}", before=f"{self.firsts[LOW - 1]:%B}")

    def _agree(self, session: Session, at: datetime) -> None:
        for kpi, value in BASELINES:
            proposed = self._propose(session, at, kpi, value, rates=RATES, effective_from=self.firsts[0])
            accept_baseline(session, tenant_id=self.tenant_id, baseline_id=proposed, signer=self.owner, at=at)

    def _propose(
        self,
        session: Session,
        at: datetime,
        kpi: str,
        value: Decimal,
        *,
        rates: Mapping[str, Decimal],
        effective_from: date,
    ) -> str:
        source = store_evidence(
            session, tenant_id=self.tenant_id, name=DOCUMENT, content=_document(), signer=self.owner, at=at
        )
        terms = BaselineTerms(
            kpi=kpi,
            value=value,
            currency="CAD",
            rates=rates,
            period_start=effective_from - timedelta(days=DAYS_BEFORE),
            period_end=effective_from,
            file_id=source.id,
            effective_from=effective_from,
        )
        return propose_baseline(session, tenant_id=self.tenant_id, terms=terms, signer=self.ours, at=at).id

    def _measure(self, session: Session, at: datetime, months: slice) -> None:
        told = list(zip(pairwise(self.firsts), MONTHS, strict=True))[months]
        readings = [
            Reading(kpi=kpi, period_start=starts, period_end=ends, value=Decimal(value))
            for (starts, ends), month in told
            for (kpi, _), value in zip(BASELINES, month, strict=True)
        ]
        record_measurements(
            session,
            tenant_id=self.tenant_id,
            readings=readings,
            source=MeasurementSource.ENTERED,
            signer=self.finance,
            at=at,
        )

    def _submit(
        self,
        session: Session,
        starts: date,
        ends: date,
        at: datetime,
        *,
        share_pct: Decimal = SHARE_PCT,
        deadline_on: date | None = None,
    ) -> str:
        return submit_run(
            session,
            tenant_id=self.tenant_id,
            period_start=starts,
            period_end=ends,
            share_pct=share_pct,
            deadline_on=deadline_on,
            signer=self.ours,
            at=at,
        ).id


def _document() -> bytes:
    rows = [f"{kpi},{text_of(value)}" for kpi, value in (*BASELINES, ("inventory_value", STOCK))]
    return "\n".join(["kpi,value", *rows, ""]).encode()


def _months_before(first: date, count: int) -> date:
    month = first.year * 12 + first.month - 1 - count
    return date(month // 12, month % 12 + 1, 1)
