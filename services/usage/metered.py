"""An event as it is sent, and the answer to it."""

import hashlib
import json
from datetime import datetime
from typing import Any, NamedTuple


class UsageInput(NamedTuple):
    """One event as sent. `units_micro` are millionths of the meter's unit; without `occurred_at` it is now.

    Without `event_id` the event gets an id of its own, and sending it again counts again. `own_id` is an id of ours for
    an event that was sent without one, so that writing it twice still counts it once. `reservation` is the hold that it
    finalises.
    """

    subscription_id: str | None
    event_type: str
    units_micro: int
    event_id: str | None = None
    occurred_at: datetime | None = None
    site: str | None = None
    trace_id: str | None = None
    meta: dict[str, Any] | None = None
    own_id: str | None = None
    reservation: str | None = None

    @property
    def identity(self) -> str | None:
        """What the event is known by, if anything yet."""
        return self.event_id or self.own_id

    def fingerprint(self) -> bytes:
        """SHA-256 of what was sent, by which a retry is told from another event under the same id."""
        subscription_id, event_type, units_micro, _, occurred_at, site, trace_id, meta, _, reservation = self
        occurred = None if occurred_at is None else occurred_at.timestamp()
        meta_text = None if meta is None else json.dumps(meta, sort_keys=True, separators=(",", ":"))
        sent: tuple[Any, ...] = (subscription_id, event_type, units_micro, occurred, site, trace_id, meta_text)
        if reservation is not None:
            sent = (*sent, reservation)
        return hashlib.sha256(repr(sent).encode("utf-8", "surrogatepass")).digest()


class Metered(NamedTuple):
    """The answer to one event: what it burned (millionths of a credit), what its pool has left, any alert.

    `seq` and `receipt_hash` say where its receipt stands in the log, and its SHA-256.
    """

    event_id: str
    seq: int
    receipt_hash: bytes
    credits_micro: int
    overage_micro: int
    remaining_micro: int
    alert: str | None
    duplicate: bool = False
