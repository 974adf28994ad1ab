"""Evidence files, baselines and measurements of KPIs."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema

from app.api.json_body import ExponentNumber
from app.api.schemas.values import Body, Code, Day, Id, Quantity, Shown
from models import BaselineStatus, EvidenceFile, KpiBaseline, KpiMeasurement, MeasurementSource, Party
from models.kpi import REASON_MAX, SITE_MAX, UNIT_MAX
from services.gain_share.baseline_lists import Commitment
from services.rules.decimals import TEXT_MAX, is_plain, text_of

FIGURE_PATTERN = r"^[0-9]+(\.[0-9]+)?$"
SITE_PATTERN = r"^[^\x00-\x1f\x7f]*$"


def read_figure(value: Any) -> Decimal:
    """An exact number from a JSON number or a plain decimal text, without an exponent. Raises ValueError."""
    if isinstance(value, str) and is_plain(value):
        return Decimal(value)
    if type(value) is int or (isinstance(value, Decimal) and type(value) is not ExponentNumber):
        return Decimal(value)
    raise ValueError("send a number or plain decimal text, such as 96.5")


Figure = Annotated[
    Decimal,
    BeforeValidator(read_figure),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": FIGURE_PATTERN, "maxLength": TEXT_MAX},
            ],
            "examples": ["96.5"],
        }
    ),
]
Kpi = Annotated[
    Code,
    Field(
        description="availability_pct, mtbf_hours, mttr_hours, inventory_value, overtime_hours, or one of the plan.",
        examples=["mtbf_hours"],
    ),
]
Unit = Annotated[
    str,
    Field(
        min_length=1,
        max_length=UNIT_MAX,
        pattern=SITE_PATTERN,
        description="The KPI's own, if left out; no other is taken.",
    ),
]
Site = Annotated[str, Field(max_length=SITE_MAX, pattern=SITE_PATTERN)]
Reason = Annotated[str, Field(min_length=1, max_length=REASON_MAX, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f]+$")]
RateName = Annotated[str, Field(max_length=64)]


class EvidenceShown(Shown):
    """A file that was uploaded. The same bytes again have the same id, and the name they were sent under first."""

    file_id: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    party: Party
    uploaded_by: str
    uploaded_at: datetime

    @classmethod
    def of(cls, file: EvidenceFile) -> Self:
        names = ("name", "media_type", "size_bytes", "sha256", "party", "uploaded_by", "uploaded_at")
        return cls(file_id=file.id, **{name: getattr(file, name) for name in names})


class EvidencePage(Shown):
    files: list[EvidenceShown]
    next_cursor: str | None


class BaselineBody(Body):
    """A baseline to be proposed to the other party. The period was measured; `period_end` is the day after it."""

    tenant_id: Id | None = None
    kpi: Kpi
    value: Figure
    unit: Unit | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    rates: dict[RateName, Figure] = Field(
        max_length=20,
        description="operating_hours of a year, and what a change is worth: downtime_rate, labour_rate, parts_cost, "
        "availability_cost, failure_cost, repair_cost, carrying_rate_pct, overtime_rate; value_rate of a plan's KPI.",
    )
    period_start: Day
    period_end: Day
    file_id: Id = Field(description="The source document, from `POST /v1/evidence`.")
    effective_from: Day


class DeclineBody(Body):
    tenant_id: Id | None = None
    reason: Reason


class SignedShown(Shown):
    """Which party, who of it (a person or a key), and when."""

    party: Party
    by: str
    at: datetime


class BaselineShown(Shown):
    """`receipt_seq` is the receipt of an accepted one, which says who proposed and who accepted."""

    baseline_id: str
    kpi: str
    value: Quantity
    unit: str
    currency: str
    rates: dict[str, Quantity]
    period_start: date
    period_end: date
    file_id: str
    effective_from: date
    status: BaselineStatus
    proposed: SignedShown
    decided: SignedShown | None
    reason: str
    receipt_seq: int | None

    @classmethod
    def of(cls, baseline: KpiBaseline) -> Self:
        decided = None
        if baseline.decided_party and baseline.decided_by and baseline.decided_at:
            decided = SignedShown(party=baseline.decided_party, by=baseline.decided_by, at=baseline.decided_at)
        return cls(
            baseline_id=baseline.id,
            kpi=baseline.kpi,
            value=text_of(baseline.value),
            unit=baseline.unit,
            currency=baseline.currency,
            rates=baseline.rates,
            period_start=baseline.period_start,
            period_end=baseline.period_end,
            file_id=baseline.file_id,
            effective_from=baseline.effective_from,
            status=baseline.status,
            proposed=SignedShown(party=baseline.proposed_party, by=baseline.proposed_by, at=baseline.proposed_at),
            decided=decided,
            reason=baseline.reason,
            receipt_seq=baseline.receipt_seq,
        )


class CommitmentShown(Shown):
    """SHA-256 of the salt's bytes and the document's canonical JSON (RFC 8785) is `cid` of the baseline's receipt."""

    salt: str = Field(description="Hexadecimal.")
    document: dict[str, Any]


class BaselineRead(BaselineShown):
    """A baseline, and what its receipt commits to once it is accepted."""

    commitment: CommitmentShown | None

    @classmethod
    def with_commitment(cls, baseline: KpiBaseline, found: Commitment | None) -> Self:
        shown = None if found is None else CommitmentShown(salt=found.salt.hex(), document=found.document)
        return cls(**dict(BaselineShown.of(baseline)), commitment=shown)


class BaselinePage(Shown):
    baselines: list[BaselineShown]
    next_cursor: str | None


class MeasurementBody(Body):
    """A KPI over some days: its value, or what was counted.

    That is up_hours and hours for availability, up_hours and failures for MTBF, repair_hours and failures for MTTR.
    """

    tenant_id: Id | None = None
    kpi: Kpi
    site: Site = Field(default="", description="All sites together, if left out: what a run is worked out from.")
    period_start: Day
    period_end: Day = Field(description="The day after the last.")
    value: Figure | None = None
    unit: Unit | None = None
    hours: Figure | None = None
    up_hours: Figure | None = None
    repair_hours: Figure | None = None
    failures: Annotated[int, Field(strict=True, ge=0, le=10**9)] | None = None
    file_id: Id | None = Field(default=None, description="A document that shows it.")


class MeasurementShown(Shown):
    """`value` is null where nothing failed. `replaced_at`: a later one for the same days took its place."""

    measurement_id: str
    kpi: str
    site: str
    period_start: date
    period_end: date
    value: Quantity | None
    unit: str
    source: MeasurementSource
    import_id: str | None
    file_id: str | None
    recorded: SignedShown
    replaced_at: datetime | None

    @classmethod
    def of(cls, measurement: KpiMeasurement) -> Self:
        return cls(
            measurement_id=measurement.id,
            kpi=measurement.kpi,
            site=measurement.site,
            period_start=measurement.period_start,
            period_end=measurement.period_end,
            value=None if measurement.value is None else text_of(measurement.value),
            unit=measurement.unit,
            source=measurement.source,
            import_id=measurement.import_id,
            file_id=measurement.file_id,
            recorded=SignedShown(
                party=measurement.recorded_party, by=measurement.recorded_by, at=measurement.recorded_at
            ),
            replaced_at=measurement.replaced_at,
        )


class MeasurementPage(Shown):
    measurements: list[MeasurementShown]
    next_cursor: str | None
