"""Read a run out of the books as a report: the same rows give the same report, whoever asks and whenever."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlmodel import Session

from models import GainShareRun, GainShareStep, Party, StepKind
from services.billing_documents.document import Attestation
from services.billing_documents.reading import VERIFICATION_PATH
from services.gain_share.billing import is_taken_back
from services.gain_share.evidence import find_evidence
from services.gain_share.runs import read_run
from services.gain_share.sensitivity import sensitivity_of
from services.gain_share.series import KpiSeries, read_series
from services.gain_share.steps import read_thread
from services.gain_share.thread_views import names_of
from services.gain_share.words import standing_of
from services.parties.billing_profiles import read_billing_profile
from services.parties.seller_profiles import read_seller
from services.receipts.reading import find_receipt
from services.rules import receipts as receipt_rules
from services.rules.periods import business_date, check_timezone
from services.rules.sensitivity import Effect
from services.rules.verification_codes import verification_code
from services.settings import settings
from services.tenants import read_tenant

ENGLISH: Final = "en"
TOLD: Final = (
    StepKind.SUBMITTED, StepKind.EVIDENCE, StepKind.APPROVED, StepKind.REJECTED, StepKind.DISPUTED, StepKind.REPLACED,
)  # fmt: skip
"""What a report tells of the thread: what was signed and shown. What is only said stays on the thread."""


@dataclass(frozen=True, slots=True)
class Signed:
    """One step of the thread. `at` is on the customer's clock; `file` a file's name and SHA-256."""

    kind: StepKind
    party: Party
    who: str
    at: datetime
    text: str
    disputed: Sequence[str]
    file: tuple[str, str] | None
    receipt_seq: int


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run with all that is shown of it, as plain facts in no language but the one it is to be written in."""

    id: str
    language: str
    country: str
    seller: str
    customer: str
    status: str
    submitted_on: date
    deadline_on: date
    calculation: Mapping[str, Any]
    sha256: str
    series: Sequence[KpiSeries]
    effects: Sequence[Effect]
    history: Sequence[Signed]
    made_at: datetime
    receipt: Attestation
    verification_url: str

    @property
    def currency(self) -> str:
        return str(self.calculation["currency"])


def read_report(session: Session, *, tenant_id: str, run_id: str, language: str | None = None) -> RunReport:
    """A run as it stands. `language` is en or fr, the customer's own where it is None. Raises NotFound.

    It is dated by the last step it tells of, and attested by the receipt of the decision, or else of the submission.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    run = read_run(session, tenant_id=tenant_id, run_id=run_id)
    profile = read_billing_profile(session, tenant_id=tenant_id)
    steps = [step for step in read_thread(session, tenant_id=tenant_id, run_id=run_id) if step.kind in TOLD]
    receipt = _attestation(session, run)
    return RunReport(
        id=run.id,
        language=language or (ENGLISH if profile is None else profile.language.value),
        country="" if profile is None else profile.country,
        seller=read_seller(session).legal_name,
        customer=tenant.name if profile is None else profile.legal_name,
        status=standing_of(run.status, taken_back=is_taken_back(session, run=run)),
        submitted_on=business_date(run.submitted_at, tenant.timezone),
        deadline_on=run.deadline_on,
        calculation=run.calculation,
        sha256=run.calculation_sha256,
        series=read_series(session, tenant_id=tenant_id, calculation=run.calculation),
        effects=sensitivity_of(run.calculation),
        history=_history(session, steps, tenant.timezone),
        made_at=max(step.taken_at for step in steps),
        receipt=receipt,
        verification_url=f"{settings().portal_address}{VERIFICATION_PATH}{receipt.code}",
    )


def _history(session: Session, steps: Sequence[GainShareStep], timezone: str) -> tuple[Signed, ...]:
    names = names_of(session, [step.taken_by for step in steps if step.taken_by is not None])
    zone = check_timezone(timezone)
    return tuple(_signed(session, step, names, step.taken_at.astimezone(zone)) for step in steps)


def _signed(session: Session, step: GainShareStep, names: Mapping[str, str], at: datetime) -> Signed:
    assert step.party is not None, "all that is told of was done by a party"
    assert step.receipt_seq is not None, "and has a receipt"
    file = None
    if step.file_id is not None:
        kept = find_evidence(session, tenant_id=step.tenant_id, file_id=step.file_id)
        file = (kept.name, kept.sha256)
    return Signed(
        step.kind,
        step.party,
        names.get(step.taken_by or "", ""),
        at,
        step.text,
        tuple(step.disputed),
        file,
        step.receipt_seq,
    )


def _attestation(session: Session, run: GainShareRun) -> Attestation:
    seq = run.decision_seq or run.receipt_seq
    receipt = find_receipt(session, tenant_id=run.tenant_id, seq=seq)
    return Attestation(seq, receipt_rules.written(receipt.hash), verification_code(seq, receipt.hash))
