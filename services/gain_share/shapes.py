"""What notices about gain-share hold: of a run, and of a baseline."""

from datetime import date

from pydantic import Field

from services.notice_values import NoticeAmount, NoticeData


class GainShareData(NoticeData):
    """A gain-share run as it stood when this was told: that it waits, in time or overdue, or how it was decided on."""

    run_id: str
    status: str = Field(examples=["pending_approval"])
    method: str = Field(examples=["downtime-cost"])
    period_start: date
    period_end: date = Field(description="The day after the last one.")
    savings: NoticeAmount
    share_pct: str = Field(examples=["15"])
    fee: NoticeAmount
    deadline_on: date = Field(description="By when a decision is asked for; without one the run goes on waiting.")
    replaces_run_id: str | None
    reason: str | None = Field(description="Why it was rejected or disputed.")
    disputed: list[str] = Field(description="The parts of the savings that are disputed.")
    days_left: int | None = Field(description="Of a reminder: days until the deadline.")


class BaselineData(NoticeData):
    """A baseline as it stood when this was told: what one party proposed, and how it was decided on by the other."""

    baseline_id: str
    kpi: str = Field(examples=["mtbf_hours"])
    kpi_name: str = Field(examples=["Mean time between failures"])
    status: str = Field(description="proposed, accepted, declined or withdrawn.", examples=["proposed"])
    value: str = Field(description="A plain decimal, in `unit`.", examples=["92"])
    unit: str = Field(examples=["hours"])
    currency: str = Field(examples=["CAD"])
    rates: dict[str, str] = Field(description="Plain decimals, by name.", examples=[{"operating_hours": "8000"}])
    period_start: date
    period_end: date = Field(description="The day after the last one it was measured over.")
    effective_from: date = Field(description="Runs that begin on this day or later are measured against it.")
    document_sha256: str = Field(description="Of the source document, in hexadecimal.")
    proposed_by: str = Field(description="The party: seller or customer.", examples=["seller"])
    reason: str | None = Field(description="Why it was declined.")
    receipt_seq: int | None = Field(description="The receipt that seals it, once it is accepted.")
