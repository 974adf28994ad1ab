"""The one place where asking twice is told from asking anew.

A caller may give a POST a key of their choosing. What was asked (its fingerprint) and what was answered are recorded in
the transaction that did the work: the record and the effect are both there or both missing. A refusal is not recorded;
it had no effect, so asking again is asking anew.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col, select

from models import IdempotencyRecord, table_of
from models.usage import EVENT_ID_MAX
from services.database import insert_into
from services.errors import BadRequest, IdempotencyConflict

KEY_MAX = EVENT_ID_MAX
"""Short enough to be an event's id too, which is what it becomes where a usage event names none."""

_KEY = re.compile(r"[!-~]{1,%d}" % KEY_MAX)  # noqa: UP031 — braces
_NOT_YET = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was, or is, answered: an HTTP status and a JSON text. `replayed` where it was given before."""

    status: int
    body: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that carries a key: which route, and the fingerprint of everything it says."""

    key: str
    route: str
    fingerprint: str


def check_key(key: str) -> str:
    """The key, if it can be one. Raises BadRequest."""
    if _KEY.fullmatch(key) is None:
        raise BadRequest(
            f"An Idempotency-Key has 1 to {KEY_MAX} visible ASCII characters, such as a UUID.", field="Idempotency-Key"
        )
    return key


def fingerprint(route: str, query: str, document: object) -> str:
    """SHA-256 of what was asked. Key order and spaces of a JSON body do not count; numbers count as written.

    Raises MalformedJson for a document nested too deeply.
    """
    text = json.dumps([route, query, document], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def answer_once(
    session: Session, *, tenant_id: str, asked: Asked | None, act: Callable[[], tuple[int, str]], at: datetime
) -> Answer:
    """Do `act` and record its (status, body), or give again the answer recorded under the same key.

    Without a key it is simply done. Two calls with one key at the same time: the second waits for the first, and gets
    its answer. Raises IdempotencyConflict where the key was used for another request.
    """
    if asked is None:
        return Answer(*act())
    given = _find(session, tenant_id, asked)
    if given is not None:
        return given
    if not _claim(session, tenant_id, asked, at):
        given = _find(session, tenant_id, asked)
        assert given is not None, "a key that is taken has a record"
        return given
    status, body = act()
    record = update(IdempotencyRecord).where(*_is(tenant_id, asked.key)).values(status=status, body=body)
    session.execute(record)
    return Answer(status, body)


def _find(session: Session, tenant_id: str, asked: Asked) -> Answer | None:
    columns: Any = (
        IdempotencyRecord.route,
        IdempotencyRecord.fingerprint,
        IdempotencyRecord.status,
        IdempotencyRecord.body,
    )
    row = session.execute(select(*columns).where(*_is(tenant_id, asked.key))).first()
    if row is None:
        return None
    if (row.route, row.fingerprint) != (asked.route, asked.fingerprint):
        raise IdempotencyConflict(
            "This Idempotency-Key was used for another request; use a new key for a new request.",
            field="Idempotency-Key",
        )
    return Answer(row.status, row.body, replayed=True)


def _claim(session: Session, tenant_id: str, asked: Asked, at: datetime) -> bool:
    """Take the key for this transaction; False where another took it, once that one has been committed."""
    row = {
        "tenant_id": tenant_id,
        "key": asked.key,
        "route": asked.route,
        "fingerprint": asked.fingerprint,
        "status": _NOT_YET,
        "body": "",
        "created_at": at,
    }
    table = table_of(IdempotencyRecord)
    statement = insert_into(session, table).values(row).on_conflict_do_nothing().returning(table.c.key)
    return session.execute(statement).first() is not None


def _is(tenant_id: str, key: str) -> tuple[Any, Any]:
    return col(IdempotencyRecord.tenant_id) == tenant_id, col(IdempotencyRecord.key) == key
