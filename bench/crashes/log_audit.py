"""One customer's log of receipts, read as it grows: every link, the tree, its nodes, and what was signed over it."""

from dataclasses import dataclass, field

from sqlalchemy import select
from sqlmodel import Session

from models import Receipt, ReceiptLog, SigningKey, TraceHop, table_of
from services.receipts.signature_checks import verify_checkpoint
from services.rules.merkle import Frontier
from services.rules.receipts import Receipt as ReceiptRead
from services.rules.receipts import check_hop, check_link, read_receipt
from services.rules.violations import RuleViolation


@dataclass(slots=True)
class LogAudit:
    """What was read so far. `heads` are the signed (size, root) met on the way: later logs must contain them."""

    tenant_id: str
    frontier: Frontier = field(default_factory=Frontier)
    last: ReceiptRead | None = None
    traces: dict[str, ReceiptRead] = field(default_factory=dict)
    heads: dict[int, bytes] = field(default_factory=dict)
    gaps: int = 0

    @property
    def size(self) -> int:
        return self.frontier.size

    def read_on(self, session: Session) -> tuple[list[ReceiptRead], list[str]]:
        """The usage receipts that came since, and what is wrong with the log."""
        usage: list[ReceiptRead] = []
        wrong: list[str] = []
        c = table_of(Receipt).c
        begun_at = self.size
        rows = session.execute(
            select(c.seq, c.data, c.nodes).where(c.tenant_id == self.tenant_id, c.seq > begun_at).order_by(c.seq)
        )
        for seq, data, nodes in rows:
            self.gaps += seq != self.size + 1
            try:
                receipt = read_receipt(bytes(data))
                if receipt.seq != seq:
                    wrong.append(f"{self.tenant_id}: the receipt in place {seq} says it is {receipt.seq}")
                check_link(self.last, receipt)
                self._follow_trace(receipt)
            except RuleViolation as violation:
                wrong.append(f"{self.tenant_id}: {violation.message}")
                return usage, wrong
            self._grow(receipt, bytes(nodes or b""), wrong)
            if receipt.typ == "usage":
                usage.append(receipt)
        self._check_head(session, wrong)
        self._check_hops(session, begun_at, wrong)
        return usage, wrong

    def _follow_trace(self, receipt: ReceiptRead) -> None:
        trace_id = receipt.document.get("trace_id")
        if trace_id is not None:
            check_hop(self.traces.get(trace_id), receipt)
            self.traces[trace_id] = receipt

    def _grow(self, receipt: ReceiptRead, nodes: bytes, wrong: list[str]) -> None:
        self.last = receipt
        self.frontier, made = self.frontier.append(receipt.hash)
        if nodes != b"".join(hashed for _, _, hashed in made):
            wrong.append(f"{self.tenant_id}: the nodes kept with receipt {self.size} are not those it completes")
        remembered = self.heads.get(self.size)
        if remembered is not None and remembered != self.frontier.root():
            wrong.append(f"{self.tenant_id}: the log does not contain the one that was signed at size {self.size}")

    def _check_head(self, session: Session, wrong: list[str]) -> None:
        head = session.get(ReceiptLog, self.tenant_id, populate_existing=True)
        if head is None or self.last is None:
            if head is not None or self.last is not None:
                wrong.append(f"{self.tenant_id}: there is a head without receipts, or receipts without a head")
            return
        if (head.size, bytes(head.last_hash)) != (self.size, self.last.hash):
            wrong.append(f"{self.tenant_id}: the head is at {head.size}, the receipts end at {self.size}")
        if bytes(head.frontier) != self.frontier.to_bytes():
            wrong.append(f"{self.tenant_id}: the head's frontier is not that of its {self.size} receipts")
        keys = {kid: bytes(key) for kid, key in session.execute(_KEYS)}
        origin = f"{head.iss}/tallystick/{self.tenant_id}"
        try:
            signed = verify_checkpoint(head.checkpoint, keys, origin=origin)
        except Exception as error:
            wrong.append(f"{self.tenant_id}: the checkpoint at {head.size} does not verify: {error}")
            return
        if (signed.size, signed.root) != (self.size, self.frontier.root()):
            wrong.append(f"{self.tenant_id}: size {signed.size} is signed with a root that {self.size} receipts lack")
        self.heads[signed.size] = signed.root
        if max(self.heads) > self.size:
            wrong.append(f"{self.tenant_id}: {max(self.heads)} receipts were signed, {self.size} are there")

    def _check_hops(self, session: Session, begun_at: int, wrong: list[str]) -> None:
        c = table_of(TraceHop).c
        rows = session.execute(
            select(c.trace_id, c.hop, c.seq).where(c.tenant_id == self.tenant_id, c.seq > begun_at).order_by(c.seq)
        )
        latest = {trace_id: (hop, seq) for trace_id, hop, seq in rows}
        for trace_id, (hop, seq) in latest.items():
            last = self.traces.get(trace_id)
            if last is None or (last.document["hop"], last.seq) != (hop, seq):
                wrong.append(f"{self.tenant_id}: the latest hop of {trace_id} is kept as {hop}, in receipt {seq}")


_k = table_of(SigningKey).c
_KEYS = select(_k.kid, _k.public_key)
