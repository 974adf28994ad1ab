"""Reading a customer's log: its head as it was signed, single receipts, the steps of a trace."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, select
from sqlmodel import Session

from models import Receipt, ReceiptLog, ReceiptSignature, TraceHop, table_of
from services.errors import NotFound
from services.receipts.log import origin_of
from services.rules import receipts as rules
from services.rules.merkle import Frontier

PAGE_MAX = 200


class Head(NamedTuple):
    """A log as it was signed last: how many receipts, the root over them, and the C2SP note that says so."""

    iss: str
    origin: str
    size: int
    root: bytes
    checkpoint: str
    kid: str
    signed_at: datetime


class OwnSignature(NamedTuple):
    """64 bytes over a receipt, and the key that made them."""

    kid: str
    signature: bytes


class KeptReceipt(NamedTuple):
    """A receipt as it is kept. `signature` is its own, which only some types have."""

    seq: int
    data: bytes
    signature: OwnSignature | None

    @property
    def hash(self) -> bytes:
        return rules.receipt_hash(self.data)

    @property
    def document(self) -> dict[str, Any]:
        """What its bytes say."""
        return rules.read_receipt(self.data).document


def read_head(session: Session, *, tenant_id: str) -> Head:
    """The log's signed head. Raises NotFound before its first receipt, and for an unknown customer."""
    log = session.get(ReceiptLog, tenant_id, populate_existing=True)
    if log is None:
        raise NotFound("There is no receipt yet.", field="tenant_id")
    root = Frontier.from_bytes(log.frontier).root()
    origin = origin_of(log.iss, tenant_id)
    return Head(log.iss, origin, log.size, root, log.checkpoint, log.kid, log.signed_at)


def find_receipt(session: Session, *, tenant_id: str, seq: int) -> KeptReceipt:
    """One receipt by its number. Raises NotFound."""
    row = session.execute(_stored(tenant_id).where(_receipts.seq == seq)).first()
    if row is None:
        raise NotFound("There is no receipt of that number.", field="seq")
    return _kept(row)


def list_receipts(
    session: Session, *, tenant_id: str, limit: int = PAGE_MAX, before_seq: int | None = None
) -> list[KeptReceipt]:
    """The newest receipts, newest first; `before_seq` is the last one already seen."""
    statement = _stored(tenant_id).order_by(_receipts.seq.desc())
    if before_seq is not None:
        statement = statement.where(_receipts.seq < before_seq)
    return [_kept(row) for row in session.execute(statement.limit(min(limit, PAGE_MAX)))]


def list_trace(
    session: Session, *, tenant_id: str, trace_id: str, limit: int = PAGE_MAX, after_hop: int = 0
) -> list[KeptReceipt]:
    """The steps of a trace from its first on; `after_hop` is the last one already seen. None for an unknown trace."""
    on_trace = (_hops.tenant_id == _receipts.tenant_id) & (_hops.seq == _receipts.seq)
    statement = (
        _stored(tenant_id)
        .join(table_of(TraceHop), on_trace)
        .where(_hops.trace_id == trace_id, _hops.hop > after_hop)
        .order_by(_hops.hop)
        .limit(min(limit, PAGE_MAX))
    )
    return [_kept(row) for row in session.execute(statement)]


_receipts, _hops, _signatures = table_of(Receipt).c, table_of(TraceHop).c, table_of(ReceiptSignature).c


def _stored(tenant_id: str) -> Select[Any]:
    signed = (_signatures.tenant_id == _receipts.tenant_id) & (_signatures.seq == _receipts.seq)
    return (
        select(_receipts.seq, _receipts.data, _signatures.kid, _signatures.signature)
        .join_from(table_of(Receipt), table_of(ReceiptSignature), signed, isouter=True)
        .where(_receipts.tenant_id == tenant_id)
    )


def _kept(row: Any) -> KeptReceipt:
    seq, data, kid, signature = row
    return KeptReceipt(seq, bytes(data), None if kid is None else OwnSignature(kid, bytes(signature)))
