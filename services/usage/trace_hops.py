"""Traces: the steps of one exchange, each linked to the one before it, within one customer's log."""

from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlmodel import Session

from models import Receipt, TraceHop, table_of
from services.bulk_rows import Row, insert_rows
from services.rules.receipts import receipt_hash, written

_NAMES = ("tenant_id", "trace_id", "hop", "seq")


class LastHop(NamedTuple):
    """The step a trace has come to, and its receipt's hash as the next one writes it; (0, None) before the first."""

    hop: int
    link: str | None


class TraceHops:
    """The traces a run of events continues. `write` stores their steps; nothing before does."""

    def __init__(self, session: Session, *, tenant_id: str) -> None:
        self._session = session
        self._tenant_id = tenant_id
        self._last: dict[str, LastHop] = {}
        self._rows: list[Row] = []

    def last(self, trace_id: str) -> LastHop:
        """Where the trace stands."""
        if trace_id not in self._last:
            found = self._session.connection().execute(_newest, {"tenant": self._tenant_id, "trace": trace_id}).first()
            hop = LastHop(0, None) if found is None else LastHop(found.hop, written(receipt_hash(bytes(found.data))))
            self._last[trace_id] = hop
        return self._last[trace_id]

    def add(self, trace_id: str, hop: int, seq: int, link: str) -> None:
        """Note one more step."""
        self._last[trace_id] = LastHop(hop, link)
        self._rows.append((self._tenant_id, trace_id, hop, seq))

    def write(self) -> None:
        insert_rows(self._session, table_of(TraceHop), _NAMES, self._rows)
        self._rows = []


_hops, _receipts = table_of(TraceHop).c, table_of(Receipt).c
_newest = (
    select(_hops.hop, _receipts.data)
    .join(table_of(Receipt), (_receipts.tenant_id == _hops.tenant_id) & (_receipts.seq == _hops.seq))
    .where(_hops.tenant_id == bindparam("tenant"), _hops.trace_id == bindparam("trace"))
    .order_by(_hops.hop.desc())
    .limit(1)
)
"""Built once: building it costs as much as running it."""
