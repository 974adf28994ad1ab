"""The documents of one kind in the order they came, and the ways to find them."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Any

from services.stripe_sandbox.documents import Document, at_path


class Table:
    """Lookups by id and by each indexed path, without scanning. Every list of ids is in the order of creation."""

    def __init__(self, indexes: tuple[str, ...]) -> None:
        self.documents: dict[str, Document] = {}
        self.rank: dict[str, int] = {}
        self.order: list[str] = []
        self.indexes: dict[str, dict[Any, list[str]]] = {path: {} for path in indexes}
        self._next_rank = 0

    def put(self, document: Document, rank: int | None = None) -> None:
        identifier = document["id"]
        old = self.documents.get(identifier)
        if old is None:
            self.rank[identifier] = self._next_rank if rank is None else rank
            self._next_rank = max(self._next_rank, self.rank[identifier] + 1)
            self._insert(self.order, identifier)
        self.documents[identifier] = document
        for path, index in self.indexes.items():
            before, after = at_path(old, path) if old else None, at_path(document, path)
            if before != after:
                self._unlist(index, before, identifier)
                if after is not None:
                    self._insert(index.setdefault(after, []), identifier)

    def remove(self, identifier: str) -> None:
        document = self.documents.pop(identifier)
        for path, index in self.indexes.items():
            self._unlist(index, at_path(document, path), identifier)
        del self.order[self._position(self.order, identifier)]
        del self.rank[identifier]

    def ids(self, where: dict[str, Any]) -> list[str]:
        """The ids to look through for these equalities: of the shortest indexed list, or all of them."""
        lists = [self.indexes[path].get(value, []) for path, value in where.items() if path in self.indexes]
        return min(lists, key=len, default=self.order)

    def newest_first(self, ids: list[str], after: str | None) -> Iterator[Document]:
        """Documents older than `after`."""
        start = len(ids) if after is None else self._position(ids, after)
        return (self.documents[ids[place]] for place in range(start - 1, -1, -1))

    def oldest_first(self, ids: list[str], before: str | None) -> Iterator[Document]:
        """Documents newer than `before`, the nearest first."""
        start = 0 if before is None else self._position(ids, before)
        if start < len(ids) and ids[start] == before:
            start += 1
        return (self.documents[ids[place]] for place in range(start, len(ids)))

    def _insert(self, ids: list[str], identifier: str) -> None:
        insort(ids, identifier, key=self.rank.__getitem__)

    def _position(self, ids: list[str], identifier: str) -> int:
        return bisect_left(ids, self.rank[identifier], key=self.rank.__getitem__)

    def _unlist(self, index: dict[Any, list[str]], value: Any, identifier: str) -> None:
        ids = index.get(value)
        if ids is None:
            return
        del ids[self._position(ids, identifier)]
        if not ids:
            del index[value]
