"""What the crowd sent and what it was told. It is kept here, out of reach of what is killed."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from bench.crashes.customers import RATES, Customer

MICRO = 10**6
REFUSALS = {"overage_not_allowed", "spend_cap_reached", "unknown_event_type"}
"""What an event of the crowd may be refused for."""

FINDINGS_MAX = 40


class Event(NamedTuple):
    """One event as it is sent. `event_id` is unique among all customers."""

    tenant_id: str
    event_id: str
    event_type: str
    units_micro: int
    trace_id: str | None
    meta: dict[str, Any] | None

    @property
    def credits_micro(self) -> int:
        return self.units_micro * RATES[self.event_type]

    def document(self) -> dict[str, Any]:
        units = f"{self.units_micro // MICRO}.{self.units_micro % MICRO:06}"
        given = {"event_type": self.event_type, "units": units, "event_id": self.event_id}
        more = {"trace_id": self.trace_id, "meta": self.meta}
        return given | {name: value for name, value in more.items() if value is not None}


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """Events sent together. `key` is the Idempotency-Key, if one is sent."""

    customer: Customer
    events: tuple[Event, ...]
    is_batch: bool
    key: str | None = None


Root = tuple[tuple[str, ...], str]
"""Events acknowledged together, and the root over their receipts' hashes: of a single one it is that hash."""


class Told(NamedTuple):
    """What had been acknowledged, in that order, and refused at one moment; and the roots given over receipts."""

    acknowledged: list[tuple[str, int | None]]
    refused: set[str]
    roots: list[Root]


@dataclass(slots=True)
class Memory:
    """Every event sent; those acknowledged, with their place where it was told; those refused; and what was odd."""

    sent: dict[str, Event] = field(default_factory=dict)
    acknowledged: dict[str, int | None] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    roots: list[Root] = field(default_factory=list)
    told_unavailable: set[str] = field(default_factory=set)
    cut_off: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    answered: int = 0
    calls_cut_off: int = 0
    retried: int = 0
    kept_though_unavailable: int = 0
    findings: list[str] = field(default_factory=list)
    findings_more: int = 0

    def find(self, finding: str) -> None:
        """Something that must not be."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)
        else:
            self.findings_more += 1

    def told(self) -> Told:
        """A copy for another thread; to be taken in the crowd's own."""
        return Told(list(self.acknowledged.items()), set(self.refused), list(self.roots))

    def lose(self, call: Call) -> None:
        """Take note that the connection ended before the answer."""
        self.calls_cut_off += 1
        self.cut_off.update(event.event_id for event in call.events)

    def settle(self, call: Call, status: int, document: dict[str, Any]) -> bool:
        """Take note of an answer; False where the call must be sent again."""
        self.statuses[status] += 1
        if status == 503:
            self.told_unavailable.update(event.event_id for event in call.events)
            return False
        self.answered += 1
        if status == 200 and call.is_batch:
            self._settle_batch(call, document)
        elif status == 200:
            self._settle_one(call, document)
        elif status == 429 and not call.is_batch and document.get("code") in REFUSALS:
            self._refuse(call.events[0])
        else:
            self.find(f"{_named(call)} was answered {status}: {document}")
        return True

    def _settle_one(self, call: Call, document: dict[str, Any]) -> None:
        (event,) = call.events
        if document["event_id"] != event.event_id or not document["ok"]:
            self.find(f"{event.event_id} was answered as {document}")
        if Decimal(document["credits_burned"]) * MICRO != event.credits_micro:
            self.find(f"{event.event_id} burned {document['credits_burned']}, not {event.credits_micro} millionths")
        if event.event_id in self.acknowledged and not document["duplicate"] and call.key is None:
            self.find(f"{event.event_id} was counted twice: its second answer does not say duplicate")
        if document["duplicate"] and event.event_id not in self.acknowledged and event.event_id not in self.cut_off:
            self.kept_though_unavailable += 1
            if event.event_id not in self.told_unavailable:
                self.find(f"{event.event_id} is called a duplicate and was sent once")
        self._acknowledge(event, document["receipt"]["seq"])
        self.roots.append(((event.event_id,), document["receipt"]["hash"]))

    def _settle_batch(self, call: Call, document: dict[str, Any]) -> None:
        refused = {entry["index"]: entry["code"] for entry in document["refused"]}
        if not set(refused.values()) <= REFUSALS:
            self.find(f"{_named(call)} was refused for {sorted(set(refused.values()))}")
        kept = [event for index, event in enumerate(call.events) if index not in refused]
        for index in refused:
            self._refuse(call.events[index])
        fresh, known = document["accepted"], document["duplicates"]
        if fresh + known != len(kept) or (fresh and known):
            self.find(f"{_named(call)} of {len(kept)} was kept in part: {fresh} accepted, {known} duplicates")
        if not fresh or known:
            new = [event for event in kept if event.event_id not in self.acknowledged]
            self.kept_though_unavailable += sum(event.event_id not in self.cut_off for event in new)
            for event in kept:
                self._acknowledge(event, None)
            return
        told = document["receipts"]
        self.roots.append((tuple(event.event_id for event in kept), told["root"]))
        if told["last_seq"] - told["first_seq"] + 1 == fresh:
            places: list[int | None] = list(range(told["first_seq"], told["last_seq"] + 1))
        else:  # receipts of others are between them
            places = [told["first_seq"], *[None] * (fresh - 2), told["last_seq"]]
        for seq, event in zip(places, kept, strict=True):
            self._acknowledge(event, seq)

    def _acknowledge(self, event: Event, seq: int | None) -> None:
        told = self.acknowledged.get(event.event_id)
        if event.event_id in self.refused:
            self.find(f"{event.event_id} was acknowledged after it was refused")
        if told is not None and seq is not None and told != seq:
            self.find(f"{event.event_id} was acknowledged as {told} and then as {seq}")
        self.acknowledged[event.event_id] = told if seq is None else seq

    def _refuse(self, event: Event) -> None:
        if event.event_id in self.acknowledged:
            self.find(f"{event.event_id} was refused after it was acknowledged")
        self.refused.add(event.event_id)


def _named(call: Call) -> str:
    kind = "the batch" if call.is_batch else "the call"
    return f"{kind} from {call.events[0].event_id}"
