"""A tenant's books as a process remembers them from one transaction to the next.

Whoever changes a tenant's books raises the version of its head. Under the lock on the head, books of that version are
as they are stored, so they need not be read again. They are put away only after the transaction is kept. The hash of
the last receipt tells books from those of the same version in another history, where a database was set back.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakKeyDictionary

from sqlalchemy import Pool, bindparam, select
from sqlmodel import Session

from models import ReceiptLog, TenantHead, table_of
from services.database import after_commit
from services.errors import NotFound
from services.receipts.log import LogHead, open_log
from services.tenants import read_tenant
from services.usage.event_admission import Admission
from services.usage.ledger import UsageLedger

TENANTS_MAX = 500
"""Whose books one process remembers; the longest unused are forgotten first."""

LANES_MAX = 2_000
"""Of one tenant: beyond them its books are read anew, so that days long past are forgotten."""

_OPEN = "tenant_books"


@dataclass(slots=True)
class Books:
    """What metering knows of a tenant, and the version of the head it is true for."""

    tenant_id: str
    version: int
    admission: Admission
    ledger: UsageLedger
    log_head: LogHead | None = None


class RememberedBooks:
    """The books of this process, by tenant, for one database."""

    def __init__(self) -> None:
        self._books: OrderedDict[str, Books] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, tenant_id: str, version: int, last_hash: bytes | None) -> Books | None:
        """The books of that version, which are the caller's alone until `keep`; None where others are remembered."""
        with self._lock:
            books = self._books.pop(tenant_id, None)
        if books is None or books.log_head is None:
            return None
        return books if (books.version, books.log_head.last_hash) == (version, last_hash) else None

    def keep(self, books: Books) -> None:
        if books.admission.lanes_opened > LANES_MAX:
            return
        with self._lock:
            known = self._books.get(books.tenant_id)
            if known is None or known.version < books.version:
                self._books[books.tenant_id] = books
                self._books.move_to_end(books.tenant_id)
            while len(self._books) > TENANTS_MAX:
                self._books.popitem(last=False)


_remembered: WeakKeyDictionary[Pool, RememberedBooks] = WeakKeyDictionary()


def open_books(session: Session, *, tenant_id: str, at: datetime) -> Books:
    """Lock the tenant's head and answer its books, ready for a run of events at that moment.

    Raises NotFound for an unknown tenant, KeysUnavailable where nothing can be signed, BrokenLog.
    """
    head = session.connection().execute(_lock_head, {"tenant": tenant_id}).first()
    if head is None:
        raise NotFound("There is no such customer.", field="tenant_id")
    version, last_hash = head.version, None if head.last_hash is None else bytes(head.last_hash)
    opened: dict[str, Books] = session.info.setdefault(_OPEN, {})
    books = opened.get(tenant_id)
    if books is None or books.version != version:
        if tenant_id not in opened:
            after_commit(session, lambda: _keep(session, opened[tenant_id]))
        books = _of(session).take(tenant_id, version, last_hash) or _read(session, tenant_id, version)
        opened[tenant_id] = books
    log = open_log(session, tenant_id=tenant_id, at=at, head=books.log_head)
    books.admission.begin(session, at)
    books.ledger.begin(session, log, at)
    return books


def _read(session: Session, tenant_id: str, version: int) -> Books:
    tenant = read_tenant(session, tenant_id=tenant_id)
    admission = Admission(tenant_id=tenant_id, timezone=tenant.timezone)
    return Books(tenant_id, version, admission, UsageLedger(tenant_id=tenant_id))


def _keep(session: Session, books: Books) -> None:
    books.log_head = books.ledger.log_head
    _of(session).keep(books)


def _of(session: Session) -> RememberedBooks:
    pool = session.get_bind().engine.pool
    if pool not in _remembered:
        _remembered[pool] = RememberedBooks()
    return _remembered[pool]


_heads, _logs = table_of(TenantHead), table_of(ReceiptLog)
_lock_head = (
    select(_heads.c.version, _logs.c.last_hash)
    .select_from(_heads.outerjoin(_logs, _logs.c.tenant_id == _heads.c.tenant_id))
    .where(_heads.c.tenant_id == bindparam("tenant"))
    .with_for_update(of=_heads)
)
"""Built once: building it costs as much as running it."""
