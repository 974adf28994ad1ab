"""The receipt of each event, and the event's row beside it, kept until the run is stored."""

import hashlib
import json
import os
from datetime import datetime
from typing import Any

import rfc8785
from sqlmodel import Session

from services.bulk_rows import Row, stored_time
from services.receipts.log import OpenLog
from services.rules.quantities import plain_micro
from services.rules.receipts import SALT_BYTES, commitment, written_time
from services.rules.usage_receipts import UsageReceiptForm
from services.usage.event_admission import Admitted
from services.usage.lanes import Lane
from services.usage.metered import Metered
from services.usage.trace_hops import TraceHops

EVENT_COLUMNS = (
    "tenant_id", "seq", "event_id", "fingerprint", "subscription_id", "event_type", "pool", "site", "trace_id",
    "occurred_at", "recorded_at", "period_start", "units_micro", "credits_micro", "overage_micro", "remaining_micro",
    "alert", "meta", "salt",
)  # fmt: skip


class EventReceipts:
    """The receipts of one run of events of one tenant, whose head the caller has locked."""

    def __init__(self, session: Session, *, log: OpenLog, at: datetime) -> None:
        self._log = log
        self._at = at
        self._at_stored, self._at_written = stored_time(at), written_time(at)
        self._hops = TraceHops(session, tenant_id=log.tenant_id)
        self._rows: list[Row] = []

    @property
    def next_seq(self) -> int:
        """The number the next event's receipt will have. Where another key signs now, the log says so first."""
        if not self._rows:
            self._log.begin()
        return self._log.seq + 1

    def write(
        self,
        admitted: Admitted,
        *,
        event_id: str,
        fingerprint: bytes,
        overage_micro: int,
        remaining_micro: int,
        alert: str | None,
    ) -> Metered:
        """Append the receipt of one event to the log. Credits in millionths."""
        event, lane, credits_micro, occurred_at = admitted
        log, trace_id = self._log, event.trace_id
        hop, before = self._hops.last(trace_id) if trace_id is not None else (0, None)
        salt, cid = (None, None) if event.meta is None else _commit(event.meta)
        happened = None if occurred_at is self._at else written_time(occurred_at)
        seq = log.seq + 1
        form = lane.form or _form(lane, log)
        data = form.fill(
            seq=seq, prev=log.prev, ts=self._at_written, idem=event_id, units=plain_micro(event.units_micro),
            credits_micro=credits_micro, overage_micro=overage_micro, occurred_at=happened, site=event.site,
            alert=alert, req=event.reservation, cid=cid,
            trace_id=trace_id, hop=None if trace_id is None else hop + 1, trace_prev=before,
        )  # fmt: skip
        hashed = hashlib.sha256(b"\x00" + data).digest()
        link = f"sha256:{hashed.hex()}"
        log.add(data, hashed, link)
        if trace_id is not None:
            self._hops.add(trace_id, hop + 1, seq, link)
        self._rows.append(
            (
                log.tenant_id, seq, event_id, fingerprint, lane.subscription_id, lane.event_type, lane.pool,
                event.site or "", trace_id,
                self._at_stored if happened is None else f"{happened[:10]} {happened[11:26]}",
                self._at_stored, lane.period_start_text, event.units_micro, credits_micro, overage_micro,
                remaining_micro, alert, None if event.meta is None else json.dumps(event.meta), salt,
            )
        )  # fmt: skip
        return Metered(event_id, seq, hashed, credits_micro, overage_micro, remaining_micro, alert)

    def take_rows(self) -> list[Row]:
        """The events' rows, in the order of EVENT_COLUMNS; from here on there are none."""
        rows, self._rows = self._rows, []
        return rows

    def write_hops(self) -> None:
        """Store the steps of traces; their receipts are stored before."""
        self._hops.write()


def _form(lane: Lane, log: OpenLog) -> UsageReceiptForm:
    lane.form = UsageReceiptForm(
        iss=log.iss,
        tenant=log.tenant_id,
        subscription=lane.subscription_id,
        metric=lane.event_type,
        price=lane.plan.version_id,
        day=lane.day.isoformat() if lane.is_daily else None,
    )
    return lane.form


def _commit(meta: dict[str, Any]) -> tuple[bytes, str]:
    """The salt and the commitment to what else was sent with an event."""
    salt = os.urandom(SALT_BYTES)
    return salt, commitment(salt, rfc8785.dumps(meta))
