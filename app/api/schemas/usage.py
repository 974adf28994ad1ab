"""Usage: events in, what they burned out, and what was used."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import Field, WithJsonSchema

from app.api.schemas.values import Body, Id, Moment, Quantity, Shown
from models import UsageEvent
from services.metering import Metered
from services.rules.merkle import Frontier
from services.rules.quantities import plain_micro
from services.usage.reports import UsageSum, UsageSummary

Units = Annotated[
    Decimal | str,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000_000},
                {"type": "string", "pattern": r"^[0-9]{1,13}(\.[0-9]{1,6})?$"},
            ],
            "description": "Above zero, at most 6 decimals and 10^12, without an exponent.",
            "examples": ["0.418"],
        }
    ),
]
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"


class UsageEventBody(Body):
    """Something was used. Sending it again with the same `event_id` counts once, for ever."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; if sent, it must match.")
    subscription_id: Id | None = Field(
        default=None, description="The one its site is for, else the main or only one, if left out."
    )
    event_type: str = Field(min_length=1, max_length=64, pattern=PRINTABLE, examples=["LLM_token_usage"])
    units: Units
    event_id: str | None = Field(default=None, min_length=1, max_length=128, pattern=PRINTABLE)
    occurred_at: Moment | None = Field(default=None, description="Now, if left out.")
    site: str | None = Field(default=None, min_length=1, max_length=64, pattern=PRINTABLE)
    trace_id: str | None = Field(default=None, min_length=1, max_length=128, pattern=PRINTABLE)
    meta: dict[str, Any] | None = Field(default=None, description="At most 4 KiB, kept with the event.")


class ReceiptShown(Shown):
    """Where an event's receipt stands in the customer's log, and its hash: keep it, and the event can be shown."""

    seq: int = Field(description="Its number in the log, which has no gaps.")
    hash: str = Field(description="SHA-256(0x00 ‖ its bytes), written sha256: and 64 hexadecimal digits.")


class TrackShown(Shown):
    """What an event burned. `alert` is set on the event that crosses a threshold."""

    ok: bool
    event_id: str
    credits_burned: Quantity
    overage_credits: Quantity
    remaining_credits: Quantity
    alert: str | None
    duplicate: bool = Field(description="This event was counted before; these are the first answer's numbers.")
    receipt: ReceiptShown

    @staticmethod
    def document(metered: Metered) -> dict[str, Any]:
        """The same as a plain document, for the path that is taken thousands of times a second."""
        return {
            "ok": True,
            "event_id": metered.event_id,
            "credits_burned": plain_micro(metered.credits_micro),
            "overage_credits": plain_micro(metered.overage_micro),
            "remaining_credits": plain_micro(metered.remaining_micro),
            "alert": metered.alert,
            "duplicate": metered.duplicate,
            "receipt": {"seq": metered.seq, "hash": f"sha256:{metered.receipt_hash.hex()}"},
        }


class RefusedShown(Shown):
    """An event of a batch that was not kept, by its place counted from 0."""

    index: int
    code: str
    detail: str
    field: str | None = None


class ReceiptsShown(Shown):
    """The receipts of the events accepted now. Events of others may have been written between them."""

    first_seq: int
    last_seq: int
    root: str = Field(description="The RFC 9162 root over their hashes, in the order the events were sent.")

    @staticmethod
    def document(fresh: list[Metered]) -> dict[str, Any]:
        frontier, _ = Frontier().extend(metered.receipt_hash for metered in fresh)
        return {"first_seq": fresh[0].seq, "last_seq": fresh[-1].seq, "root": f"sha256:{frontier.root().hex()}"}


class BatchShown(Shown):
    """What became of a batch. The refused events changed nothing; the others are kept."""

    accepted: int
    duplicates: int
    refused: list[RefusedShown]
    remaining_credits: Quantity | None = Field(description="What the last event's pool has left.")
    alert: str | None = Field(description="The gravest alert the batch set off.")
    receipts: ReceiptsShown | None


class UsageEventShown(Shown):
    """One event as it was metered. A correction's units and credits are the difference it makes, of either sign."""

    seq: int
    event_id: str
    corrects_seq: int | None = Field(description="The event that this one corrects.")
    subscription_id: str
    event_type: str
    units: Quantity
    credits: Quantity
    overage_credits: Quantity
    site: str | None
    trace_id: str | None
    occurred_at: datetime
    recorded_at: datetime
    period_start: datetime
    alert: str | None
    meta: dict[str, Any] | None

    @classmethod
    def of(cls, event: UsageEvent) -> Self:
        return cls(
            seq=event.seq,
            event_id=event.event_id,
            corrects_seq=event.corrects_seq,
            subscription_id=event.subscription_id,
            event_type=event.event_type,
            units=plain_micro(event.units_micro),
            credits=plain_micro(event.credits_micro),
            overage_credits=plain_micro(event.overage_micro),
            site=event.site or None,
            trace_id=event.trace_id,
            occurred_at=event.occurred_at,
            recorded_at=event.recorded_at,
            period_start=event.period_start,
            alert=event.alert,
            meta=event.meta,
        )


class UsageEventPage(Shown):
    events: list[UsageEventShown]
    next_cursor: str | None


class UsageGroupShown(Shown):
    key: str
    units: Quantity
    credits: Quantity
    overage_credits: Quantity
    events: int

    @classmethod
    def of(cls, key: str, used: UsageSum) -> Self:
        return cls(
            key=key,
            units=plain_micro(used.units_micro),
            credits=plain_micro(used.credits_micro),
            overage_credits=plain_micro(used.overage_micro),
            events=used.events,
        )


class UsageSummaryShown(Shown):
    """Use from `from` (included) to `to` (excluded)."""

    starts_at: datetime = Field(alias="from")
    ends_at: datetime = Field(alias="to")
    group_by: str
    total_units: Quantity
    total_credits: Quantity
    overage_credits: Quantity
    remaining_credits: Quantity
    total_events: int
    groups: list[UsageGroupShown]

    @classmethod
    def of(cls, summary: UsageSummary) -> Self:
        return cls(
            starts_at=summary.starts_at,
            ends_at=summary.ends_at,
            group_by=summary.group_by.value,
            total_units=plain_micro(summary.total.units_micro),
            total_credits=plain_micro(summary.total.credits_micro),
            overage_credits=plain_micro(summary.total.overage_micro),
            remaining_credits=plain_micro(summary.remaining_micro),
            total_events=summary.total.events,
            groups=[UsageGroupShown.of(key, used) for key, used in summary.groups.items()],
        )
