"""What is due when: a heap for each clock, read from the documents' own `_due` so that a restart rebuilds it.

A document says `{"_due": {"renew": 1767225600}}`. An entry whose document no longer says so is stale and passed over,
which is all that rescheduling, cancelling and undoing need.
"""

import heapq
from dataclasses import dataclass, field
from itertools import count

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.store import Store

HOST_CLOCK = ""


@dataclass(order=True)
class Entry:
    due_at: int
    sequence: int
    work: str = field(compare=False)
    kind: str = field(compare=False)
    identifier: str = field(compare=False)


class Agenda:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._heaps: dict[str, list[Entry]] = {}
        self._sequence = count()

    def rebuild(self) -> None:
        self._heaps = {}
        for kind, table in self._store.tables.items():
            for document in table.documents.values():
                self.note(kind, document)

    def note(self, kind: str, document: Document) -> None:
        """Enter what the document says is due. Noting the same again is harmless."""
        for work, due_at in (document.get("_due") or {}).items():
            heap = self._heaps.setdefault(document.get("test_clock") or HOST_CLOCK, [])
            heapq.heappush(heap, Entry(due_at, next(self._sequence), work, kind, document["id"]))

    def next_due(self, clock: str = HOST_CLOCK) -> Entry | None:
        """The earliest entry that still stands, left in place."""
        heap = self._heaps.get(clock, [])
        while heap:
            document = self._store.find(heap[0].kind, heap[0].identifier)
            if document is not None and (document.get("_due") or {}).get(heap[0].work) == heap[0].due_at:
                return heap[0]
            heapq.heappop(heap)
        return None
