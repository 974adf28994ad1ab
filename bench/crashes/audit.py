"""The books against what the crowd remembers, and against each other: after each kill what is new, at the end all."""

from dataclasses import dataclass, field

from sqlalchemy import Engine, case, func, select
from sqlmodel import Session

from bench.crashes.customers import Customer
from bench.crashes.log_audit import LogAudit
from bench.crashes.memory import Memory, Told
from models import CreditEntry, CreditGrant, PoolUsage, TenantHead, UsageDaily, UsageEvent, table_of
from services.database import reading
from services.rules.merkle import Frontier
from services.rules.quantities import plain_micro
from services.rules.receipts import Receipt, written

Places = dict[str, int]
"""The place of each event that is in the books, by its id."""


@dataclass(slots=True)
class Audit:
    """What was found in one database so far. Every finding goes to the crowd's memory."""

    engine: Engine
    memory: Memory
    customers: list[Customer]
    places: Places = field(default_factory=dict)
    logs: dict[str, LogAudit] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    never_sent: set[str] = field(default_factory=set)
    runs: int = 0
    hashes: dict[str, bytes] = field(default_factory=dict)
    _checked: int = 0
    _roots_checked: int = 0

    @property
    def gaps(self) -> int:
        return sum(log.gaps for log in self.logs.values())

    def check_new(self, told: Told) -> None:
        """Check what came since the last time, while the crowd goes on: one snapshot, and what was told before it."""
        self.runs += 1
        with reading(self.engine) as session:
            for customer in self.customers:
                self._read_on(session, customer)
        for event_id, seq in told.acknowledged[self._checked :]:
            self._check_kept(event_id, seq)
        for event_ids, root in told.roots[self._roots_checked :]:
            self._check_root(event_ids, root)
        self._checked, self._roots_checked = len(told.acknowledged), len(told.roots)
        for event_id in told.refused & self.places.keys():
            self.memory.find(f"{event_id} was refused and is in the books")

    def check_all(self, told: Told) -> "Audit":
        """Read everything again from the beginning, with the heads signed on the way to be found in it."""
        heads = {tenant_id: dict(log.heads) for tenant_id, log in self.logs.items()}
        again = Audit(self.engine, self.memory, self.customers, runs=self.runs)
        again.logs = {tenant_id: LogAudit(tenant_id, heads=known) for tenant_id, known in heads.items()}
        again.check_new(told)
        for event_id in self.places.keys() - again.places.keys():
            self.memory.find(f"{event_id} was in the books and is gone")
        return again

    def _read_on(self, session: Session, customer: Customer) -> None:
        log = self.logs.setdefault(customer.tenant_id, LogAudit(customer.tenant_id))
        begun_at = log.size
        read, wrong = log.read_on(session)
        receipts = {receipt.seq: receipt for receipt in read}
        for finding in wrong:
            self.memory.find(finding)
        c = table_of(UsageEvent).c
        rows = session.execute(
            select(c.event_id, c.seq, c.units_micro, c.credits_micro, c.overage_micro)
            .where(c.tenant_id == customer.tenant_id, c.seq > begun_at)
            .order_by(c.seq)
        )
        for event_id, seq, units_micro, credits_micro, overage_micro in rows:
            self._check_event(customer, event_id, seq, units_micro, credits_micro)
            receipt = receipts.pop(seq, None)
            self._check_receipt(receipt, (event_id, plain_micro(units_micro), credits_micro, overage_micro))
        for seq, receipt in receipts.items():
            self.memory.find(f"receipt {seq} is of {receipt.document['idem']}, and no such event is in its place")
        for finding in check_sums(session, customer):
            self.memory.find(finding)

    def _check_event(self, customer: Customer, event_id: str, seq: int, units_micro: int, credits_micro: int) -> None:
        sent = self.memory.sent.get(event_id)
        if self.places.get(event_id, seq) != seq:
            self.doubled.add(event_id)
            self.memory.find(f"{event_id} is in the books twice, as {self.places[event_id]} and as {seq}")
        self.places[event_id] = seq
        if sent is None:
            self.never_sent.add(event_id)
            self.memory.find(f"{event_id} in place {seq} was never sent")
        elif (sent.tenant_id, sent.units_micro, sent.credits_micro) != (customer.tenant_id, units_micro, credits_micro):
            self.memory.find(f"{event_id} was sent as {sent} and kept as {units_micro} units, {credits_micro} credits")

    def _check_receipt(self, receipt: Receipt | None, event: tuple[str, str, int, int]) -> None:
        if receipt is None:
            self.memory.find(f"{event[0]} has no receipt in its place")
            return
        told = receipt.document
        self.hashes[event[0]] = receipt.hash
        if (told["idem"], told["units"], told["credits_micro"], told.get("overage_micro", 0)) != event:
            self.memory.find(f"{event} and its receipt differ: {told}")

    def _check_root(self, event_ids: tuple[str, ...], root: str) -> None:
        """The root a client was given over the receipts of its call is the one over the receipts that are there."""
        hashes = [self.hashes[event_id] for event_id in event_ids if event_id in self.hashes]
        if written(Frontier().extend(hashes)[0].root()) != root:
            self.memory.find(f"the receipts of {', '.join(event_ids)} are not those that were acknowledged as {root}")

    def _check_kept(self, event_id: str, seq: int | None) -> None:
        place = self.places.get(event_id)
        if place is None:
            self.lost.add(event_id)
            self.memory.find(f"{event_id} was acknowledged in place {seq} and is lost")
        elif seq is not None and seq != place:
            self.memory.find(f"{event_id} was acknowledged in place {seq} and is in place {place}")


def check_sums(session: Session, customer: Customer) -> list[str]:
    """Where events, roll-ups, counters, credit entries and lots of a customer do not tell the same story."""
    tenant_id, wrong = customer.tenant_id, []
    used = _sums(session, tenant_id, UsageEvent, "units_micro", "credits_micro", "overage_micro")
    daily = _sums(session, tenant_id, UsageDaily, "units_micro", "credits_micro", "overage_micro")
    pools = _sums(session, tenant_id, PoolUsage, "used_micro", "overage_micro")
    if daily != used or pools != used[1:]:
        wrong.append(f"{tenant_id}: events sum to {used}, the roll-ups to {daily}, the counters to {pools}")
    entries = table_of(CreditEntry).c
    burned = func.sum(case((entries.kind == "burn", -entries.delta_micro), else_=0))
    columns = (func.count(), func.coalesce(func.max(entries.seq), 0), func.coalesce(burned, 0))
    count, last, spent = session.execute(select(*columns).where(entries.tenant_id == tenant_id)).one()
    head = session.get_one(TenantHead, tenant_id, populate_existing=True)
    if not count == last == head.last_entry_seq:
        wrong.append(f"{tenant_id}: {count} credit entries, the last is {last}, the head says {head.last_entry_seq}")
    if int(spent) != used[1] - used[2]:
        wrong.append(f"{tenant_id}: credit entries burn {spent}, events {used[1]} less {used[2]} of overage")
    if _sums(session, tenant_id, CreditEntry, "delta_micro") != _sums(
        session, tenant_id, CreditGrant, "remaining_micro"
    ):
        wrong.append(f"{tenant_id}: the lots do not hold what their entries sum to")
    counted = _sums(session, tenant_id, UsageDaily, "events")
    events = table_of(UsageEvent).c
    kept = session.execute(select(func.count()).where(events.tenant_id == tenant_id)).scalar_one()
    if counted != (kept,):
        wrong.append(f"{tenant_id}: {kept} events, the roll-ups count {counted[0]}")
    if customer.credits_micro_max is not None and used[1] > customer.credits_micro_max:
        wrong.append(f"{tenant_id}: {used[1]} millionths were burned where {customer.credits_micro_max} are the most")
    return wrong


def _sums(session: Session, tenant_id: str, model: type, *columns: str) -> tuple[int, ...]:
    c = table_of(model).c
    summed = [func.coalesce(func.sum(c[name]), 0) for name in columns]
    return tuple(int(value) for value in session.execute(select(*summed).where(c.tenant_id == tenant_id)).one())
