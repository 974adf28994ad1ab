"""What the sandbox remembers: documents in memory, written through to a SQLite file so that a restart keeps them.

A call's changes are written together by `commit`, or taken back together by `rollback`.
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.stripe_sandbox.documents import KINDS, Document
from services.stripe_sandbox.errors import ResourceMissing
from services.stripe_sandbox.tables import Table

SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    kind TEXT NOT NULL, id TEXT NOT NULL, rank INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
UPSERT = "INSERT INTO document VALUES (?, ?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body"


class Store:
    def __init__(self, path: Path | None) -> None:
        self._file: sqlite3.Connection | None = None
        self.tables = _empty_tables()
        self._before: dict[tuple[str, str], tuple[Document, int] | None] = {}
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._file.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;" + SCHEMA)
            self._load()

    def find(self, kind: str, identifier: str) -> Document | None:
        return self.tables[kind].documents.get(identifier)

    def get(self, kind: str, identifier: str, *, noun: str | None = None, param: str = "id") -> Document:
        """Raises ResourceMissing, naming the parameter that held the id."""
        document = self.find(kind, identifier)
        if document is None or (document.get("deleted") and kind != "customer"):
            raise ResourceMissing(noun or kind.replace("_", " "), identifier, param)
        return document

    def put(self, kind: str, document: Document) -> Document:
        self._keep_before(kind, document["id"])
        self.tables[kind].put(document)
        return document

    def remove(self, kind: str, identifier: str) -> None:
        self._keep_before(kind, identifier)
        self.tables[kind].remove(identifier)

    def _keep_before(self, kind: str, identifier: str) -> None:
        """Note what stood there at the last commit, with its place in the order."""
        if (kind, identifier) not in self._before:
            table = self.tables[kind]
            document = table.documents.get(identifier)
            self._before[kind, identifier] = None if document is None else (document, table.rank[identifier])

    def where(self, kind: str, **equal: Any) -> list[Document]:
        """Documents whose indexed fields have these values, oldest first. `__` in a name stands for a dot."""
        table = self.tables[kind]
        paths = {name.replace("__", "."): value for name, value in equal.items()}
        ids = [table.indexes[path].get(value, []) for path, value in paths.items()]
        shortest = min(ids, key=len)
        found = [table.documents[identifier] for identifier in shortest]
        if len(ids) == 1:
            return found
        wanted = set.intersection(*map(set, ids))
        return [document for document in found if document["id"] in wanted]

    def all(self, kind: str) -> Iterator[Document]:
        table = self.tables[kind]
        return (table.documents[identifier] for identifier in table.order)

    def commit(self) -> None:
        """Write what changed since the last commit or rollback."""
        changed, self._before = self._before, {}
        if self._file is None or not changed:
            return
        self._file.execute("BEGIN")
        for kind, identifier in changed:
            table = self.tables[kind]
            document = table.documents.get(identifier)
            if document is None:
                self._file.execute("DELETE FROM document WHERE kind = ? AND id = ?", (kind, identifier))
            else:
                body = json.dumps(document, separators=(",", ":"))
                self._file.execute(UPSERT, (kind, identifier, table.rank[identifier], body))
        self._file.execute("COMMIT")

    def rollback(self) -> None:
        """Put back what was there at the last commit."""
        changed, self._before = self._before, {}
        for (kind, identifier), before in reversed(changed.items()):
            if before is not None:
                self.tables[kind].put(*before)
            elif self.find(kind, identifier) is not None:
                self.tables[kind].remove(identifier)

    def setting(self, name: str, default: Any = None) -> Any:
        if self._file is None:
            return default
        row = self._file.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else default

    def set_setting(self, name: str, value: Any) -> None:
        if self._file is not None:
            self._file.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value)))

    def clear(self) -> None:
        self.tables = _empty_tables()
        self._before = {}
        if self._file is not None:
            self._file.executescript("DELETE FROM document; DELETE FROM setting;")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _load(self) -> None:
        assert self._file is not None
        for kind, rank, body in self._file.execute("SELECT kind, rank, body FROM document ORDER BY kind, rank"):
            self.tables[kind].put(json.loads(body), rank)


def _empty_tables() -> dict[str, Table]:
    return {name: Table(kind.indexes) for name, kind in KINDS.items()}
