"""The sandbox's inside, handed to every operation: its documents, its clock, its events and what is due."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.stripe_sandbox.agenda import HOST_CLOCK, Agenda, Entry
from services.stripe_sandbox.clock import SandboxClock
from services.stripe_sandbox.documents import KINDS, Document, new_id, previous_attributes, shown
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.faults import Faults
from services.stripe_sandbox.store import Store

logger = logging.getLogger(__name__)

API_VERSION = "2026-10-28.endive"

Work = Callable[["World", Document], object]


@dataclass(frozen=True)
class Cause:
    """What an event names as its request: a call, or nothing where the clock caused it."""

    request_id: str | None = None
    idempotency_key: str | None = None


class World:
    """Everything an operation reads and changes. Whoever calls in holds `lock`."""

    def __init__(self, *, store: Store, clock: SandboxClock, secret_key: str, public_url: str) -> None:
        self.lock = threading.RLock()
        self.store = store
        self.clock = clock
        self.secret_key = secret_key
        self.public_url = public_url.rstrip("/")
        self.agenda = Agenda(store)
        self.agenda.rebuild()
        self.faults = Faults()
        self.calls: Counter[str] = Counter()
        self.cause = Cause()
        self.works: dict[str, Work] = {}
        self.on_emit: Callable[[Document, list[Document]], None] = lambda event, endpoints: None

    def now(self, test_clock: str | None = None) -> int:
        """Seconds since 1970 on the sandbox's clock, or on a test clock."""
        if test_clock is not None:
            clock = self.store.find("test_helpers.test_clock", test_clock)
            if clock is not None:
                return int(clock["_now"])
        return self.clock.now()

    def now_for(self, document: Document) -> int:
        """The time where this customer, subscription, invoice or payment lives."""
        return self.now(document.get("test_clock") or document.get("_clock"))

    def get(self, kind: str, identifier: str, *, param: str = "id", noun: str | None = None) -> Document:
        """The document. Raises ResourceMissing."""
        return self.store.get(kind, identifier, param=param, noun=noun)

    def new_id(self, kind: str) -> str:
        return new_id(KINDS[kind].prefix)

    def add(self, kind: str, document: Document, event: str | None = None) -> Document:
        """Remember a new document and tell of it."""
        self.store.put(kind, document)
        self.agenda.note(kind, document)
        if event is not None:
            self.emit(event, document)
        return document

    def change(self, kind: str, document: Document, changes: Mapping[str, Any], event: str | None = None) -> Document:
        """The document with these fields replaced. The event is told only when something shown differs."""
        changed = {**document, **changes}
        if changed == document:
            return document
        self.store.put(kind, changed)
        if changed.get("_due") != document.get("_due"):
            self.agenda.note(kind, changed)
        if event is not None:
            self.emit_change(event, document, changed)
        return changed

    def schedule(self, kind: str, document: Document, **due: int | None) -> Document:
        """Set when works are due on this document; None takes one off."""
        merged = {**(document.get("_due") or {}), **due}
        return self.change(kind, document, {"_due": {work: at for work, at in merged.items() if at is not None}})

    def remove(self, kind: str, document: Document) -> Document:
        """Delete for good. The answer is what Stripe gives for a deleted object."""
        self.store.remove(kind, document["id"])
        return {"id": document["id"], "object": document["object"], "deleted": True}

    def emit_change(self, event_type: str, old: Document, new: Document) -> None:
        """Tell of a change made in several steps, with the former values of all of them."""
        previous = previous_attributes(old, new)
        if previous:
            self.emit(event_type, new, previous=previous)

    def emit(self, event_type: str, document: Document, previous: Mapping[str, Any] | None = None) -> Document:
        """Record an event with the object as it is now, and owe it to every endpoint that listens."""
        data: Document = {"object": shown(document)}
        if previous is not None:
            data["previous_attributes"] = dict(previous)
        endpoints = [endpoint for endpoint in self.store.all("webhook_endpoint") if listens(endpoint, event_type)]
        event = {
            "id": self.new_id("event"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now_for(document),
            "data": data,
            "livemode": False,
            "pending_webhooks": len(endpoints),
            "request": {"id": self.cause.request_id, "idempotency_key": self.cause.idempotency_key},
            "type": event_type,
        }
        self.store.put("event", event)
        self.on_emit(event, endpoints)
        return event

    def do_next_due(self, until: int, test_clock: str | None = None) -> bool:
        """Do the earliest work due by `until`, at its own time. False where there is none."""
        entry = self.agenda.next_due(test_clock or HOST_CLOCK)
        if entry is None or entry.due_at > until:
            return False
        document = self.get(entry.kind, entry.identifier)
        cause, self.cause = self.cause, Cause()
        try:
            if test_clock is None:
                with self.clock.standing_at(entry.due_at):
                    self._do(entry, document)
            else:
                clock = self.get("test_helpers.test_clock", test_clock)
                self.change("test_helpers.test_clock", clock, {"_now": entry.due_at})
                self._do(entry, document)
        finally:
            self.cause = cause
        return True

    def catch_up(self) -> None:
        """Do everything the clock has reached."""
        now = self.clock.now()
        while self.do_next_due(now):
            pass

    def _do(self, entry: Entry, document: Document) -> None:
        """Work that fails is taken back and not tried again; a refusal is logged, a fault goes up."""
        try:
            self.works[entry.work](self, self.schedule(entry.kind, document, **{entry.work: None}))
        except Exception as failure:
            self.store.rollback()
            self.schedule(entry.kind, document, **{entry.work: None})
            if not isinstance(failure, StripeError):
                raise
            logger.warning("Due work %s of %s was refused: %s", entry.work, entry.identifier, failure.message)
        finally:
            self.store.commit()


def listens(endpoint: Document, event_type: str) -> bool:
    enabled = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in enabled or event_type in enabled)
