"""Gain-share runs: what is asked for, how they stand, and what each party said."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from app.api.schemas.kpis import Figure
from app.api.schemas.values import Body, Code, Day, Id, MoneyShown, Quantity, Shown, major
from models import GainShareRun, GainShareStatus, GainShareStep, Party, StepKind
from models.gain_share_run import STEP_TEXT_MAX
from services.gain_share.calculations import Calculation
from services.gain_share.follow_ups import FollowUp
from services.rules.decimals import text_of
from services.rules.gain_share import DOWNTIME_COST
from services.rules.sensitivity import Effect, Outcome

PARTS_MAX = 50
Method = Annotated[Literal["downtime-cost", "kpi-delta"], Field(description="How savings are worked out.")]
Words = Annotated[str, Field(max_length=STEP_TEXT_MAX, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f]*$")]
Reason = Annotated[str, Field(min_length=1, max_length=STEP_TEXT_MAX, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f]+$")]
TenantId = Annotated[Id | None, Field(default=None, description="Operators name the customer.")]


class RunBody(Body):
    """A run over the days from `period_start` up to, but not including, `period_end`: at most twelve months."""

    tenant_id: TenantId
    period_start: Day
    period_end: Day
    share_pct: Annotated[Figure, Field(description="Within the bounds of the plan.")]
    method: Method = DOWNTIME_COST  # type: ignore[assignment]
    deadline_on: Day | None = Field(default=None, description="By when to decide; in 30 days, if left out.")
    text: Words = ""
    dry_run: bool = Field(default=False, description="Work it out and store nothing. Either party may.")


class ReviseBody(Body):
    """What changes in the run that takes the place of another; the rest stays, and what is measured by now counts."""

    tenant_id: TenantId
    share_pct: Figure | None = None
    method: Method | None = None
    deadline_on: Day | None = None
    text: Words = ""


class ApproveBody(Body):
    tenant_id: TenantId
    text: Words = ""


class RejectBody(Body):
    tenant_id: TenantId
    reason: Reason


class DisputeBody(Body):
    """Which parts of the savings are disputed, by their names in `savings_breakdown`, and why."""

    tenant_id: TenantId
    parts: list[Code] = Field(min_length=1, max_length=PARTS_MAX, examples=[["shorter_repairs"]])
    reason: Reason


class CommentBody(Body):
    tenant_id: TenantId
    text: Reason


class RunEvidenceBody(Body):
    """A file that was uploaded before, shown on the run's thread."""

    tenant_id: TenantId
    file_id: Id
    text: Words = ""


class StepShown(Shown):
    """A step on a run's thread. Reminders have no party and no receipt."""

    number: int
    kind: StepKind
    text: str
    disputed: list[str]
    file_id: str | None
    party: Party | None
    by: str | None
    key_made_by: str | None = Field(
        description="Who made the key, where `by` is one: a person's id, or `cli:` and an account of the command line."
    )
    at: datetime
    receipt_seq: int | None

    @classmethod
    def of(cls, step: GainShareStep, makers: Mapping[str, str]) -> Self:
        return cls(
            number=step.number,
            kind=step.kind,
            text=step.text,
            disputed=step.disputed,
            file_id=step.file_id,
            party=step.party,
            by=step.taken_by,
            key_made_by=makers.get(step.taken_by or ""),
            at=step.taken_at,
            receipt_seq=step.receipt_seq,
        )


class WorkedOutShown(Shown):
    """Savings and fee, and how they came about. `calculation` is the document whose SHA-256 every receipt names."""

    gainshare_run_id: str | None = Field(description="Null where it was a dry run.")
    status: GainShareStatus | None
    method: str
    period_start: date
    period_end: date
    share_pct: Quantity
    calculated_savings: MoneyShown
    calculated_savings_cad: str | None = Field(examples=["3200000.00"], description="Where the currency is CAD.")
    fee: MoneyShown
    fee_cad: str | None = Field(examples=["480000.00"], description="Where the currency is CAD.")
    savings_breakdown: dict[str, str] = Field(examples=[{"availability": "2500000.00", "overtime": "700000.00"}])
    calculation: dict[str, Any]
    calculation_sha256: str

    @classmethod
    def of_dry_run(cls, worked_out: Calculation) -> "WorkedOutShown":
        savings, fee = worked_out.savings.total, worked_out.fee
        facts = _facts(worked_out.document, savings.amount_minor, fee.amount_minor)
        return WorkedOutShown(gainshare_run_id=None, status=None, calculation_sha256=worked_out.sha256, **facts)


class RunShown(WorkedOutShown):
    """A run that was submitted, as it stands. After its deadline it goes on waiting: silence approves nothing."""

    deadline_on: date
    is_overdue: bool
    submitted_by: str
    submitted_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    receipt_seq: int
    decision_seq: int | None
    replaces_run_id: str | None
    replaced_by_run_id: str | None
    invoice_id: str | None = Field(description="The invoice that charges its fee, once there is one.")
    is_taken_back: bool = Field(
        description="Whether all of that invoice was taken back, so that nothing of the run is charged. A revised run, "
        "approved anew, may charge its days again."
    )

    @classmethod
    def of(cls, run: GainShareRun, came: FollowUp, *, today: date) -> Self:
        is_waiting = run.status == GainShareStatus.PENDING_APPROVAL
        return cls(
            gainshare_run_id=run.id,
            status=run.status,
            calculation_sha256=run.calculation_sha256,
            deadline_on=run.deadline_on,
            is_overdue=is_waiting and today > run.deadline_on,
            submitted_by=run.submitted_by,
            submitted_at=run.submitted_at,
            decided_by=run.decided_by,
            decided_at=run.decided_at,
            receipt_seq=run.receipt_seq,
            decision_seq=run.decision_seq,
            replaces_run_id=run.replaces_run_id,
            replaced_by_run_id=came.replaced_by,
            invoice_id=came.invoice_id,
            is_taken_back=came.is_taken_back,
            **_facts(run.calculation, run.savings_minor, run.fee_minor),
        )


class RunThreadShown(RunShown):
    """A run with all that both parties said and did."""

    thread: list[StepShown] = Field(default_factory=list)


class RunsShown(Shown):
    """A page of runs, the newest first."""

    runs: list[RunShown]
    next_cursor: str | None


class OutcomeShown(Shown):
    value: Quantity
    savings: MoneyShown
    fee: MoneyShown

    @classmethod
    def of(cls, outcome: Outcome | None) -> "OutcomeShown | None":
        if outcome is None:
            return None
        amounts = (MoneyShown.of(each.amount_minor, each.currency) for each in (outcome.savings, outcome.fee))
        savings, fee = amounts
        return cls(value=text_of(outcome.value), savings=savings, fee=fee)


class EffectShown(Shown):
    """An input, and what comes of a tenth less and a tenth more of it; null where that cannot be worked out."""

    input: str = Field(examples=["actual mttr_hours"])
    value: Quantity
    lower: OutcomeShown | None
    higher: OutcomeShown | None

    @classmethod
    def of(cls, effect: Effect) -> Self:
        lower, higher = OutcomeShown.of(effect.lower), OutcomeShown.of(effect.higher)
        return cls(input=effect.name, value=text_of(effect.value), lower=lower, higher=higher)


class SensitivityShown(Shown):
    """Each input that the fee depends on, the one with the largest effect first."""

    gainshare_run_id: str
    fee: MoneyShown
    effects: list[EffectShown]


def _facts(calculation: dict[str, Any], savings_minor: int, fee_minor: int) -> dict[str, Any]:
    currency = calculation["currency"]
    is_cad = currency == "CAD"
    return {
        "method": calculation["method"],
        "period_start": date.fromisoformat(calculation["period"]["start"]),
        "period_end": date.fromisoformat(calculation["period"]["end"]),
        "share_pct": calculation["share_pct"],
        "calculated_savings": MoneyShown.of(savings_minor, currency),
        "calculated_savings_cad": major(savings_minor, currency) if is_cad else None,
        "fee": MoneyShown.of(fee_minor, currency),
        "fee_cad": major(fee_minor, currency) if is_cad else None,
        "savings_breakdown": {part["name"]: part["amount"] for part in calculation["parts"]},
        "calculation": calculation,
    }
