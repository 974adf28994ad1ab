"""A customer's log of receipts while its head is locked: what is appended, and what is signed when all is done.

Receipts are written with the rows they attest. However many a transaction appends, it signs the log's head once.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlmodel import Session, col

from models import KeyRotation, Receipt, ReceiptLog, ReceiptSignature, SigningKey, Subscription, table_of
from services.bulk_rows import Row, insert_rows
from services.closing.questions import Question
from services.database import before_commit, insert_or_change
from services.errors import InvalidSignature
from services.gateways.signing import Signer
from services.receipts.signature_checks import verify_checkpoint
from services.receipts.signing_keys import active_signer, ensure_active_key, find_signer, signed_checkpoint
from services.rules.merkle import Frontier
from services.rules.receipts import build_receipt, receipt_bytes, receipt_hash, written, written_time
from services.rules.violations import RuleViolation
from services.settings import settings

SIGNED_KINDS = frozenset({"invoice", "credit_note", "approval", "baseline", "key"})
"""Receipts that carry a signature of their own besides the checkpoint's."""

RECEIPT_CONTEXT = b"tallystick-receipt/1\n"
"""What a receipt's own signature is over begins with this, so it can never be taken for one over something else."""

_LOGS, _SIGNER = "receipt_logs", "receipt_signer"
_COLUMNS = ("tenant_id", "seq", "data", "nodes")
_SIGNED_COLUMNS = ("tenant_id", "seq", "kid", "signature")
_MOVES = ("size", "last_hash", "frontier", "checkpoint", "kid", "signed_at")


class BrokenLog(RuntimeError):
    """A log in the database is not the one whose head was signed. Nothing is appended and nothing is signed."""


@dataclass(frozen=True, slots=True)
class LogHead:
    """A log as it was signed last."""

    iss: str
    last_hash: bytes | None
    frontier: Frontier
    kid: str | None

    @property
    def size(self) -> int:
        return self.frontier.size


@dataclass(frozen=True, slots=True)
class Written:
    """Where a receipt stands in its log, and its hash."""

    seq: int
    hash: bytes


class OpenLog:
    """One customer's log in one transaction, by whoever holds the lock on the customer's head."""

    def __init__(self, session: Session, *, tenant_id: str, head: LogHead, at: datetime) -> None:
        self._session = session
        self._at = at
        self._leaves: list[bytes] = []
        self._unwritten: list[bytes] = []
        self._signer: Signer | None = None
        self.tenant_id = tenant_id
        self.head = head
        self.iss = head.iss
        self.seq = head.size
        self.prev = None if head.last_hash is None else written(head.last_hash)

    def move_to(self, at: datetime) -> None:
        """What is appended from here on is written at that moment: one transaction may tell of several, in order."""
        self._at = max(self._at, at)

    def begin(self) -> None:
        """Call before anything is appended: where another key signs than did before, the log says so first.

        Raises KeysUnavailable.
        """
        if self._signer is None:
            self._signer = _signer(self._session, self._at)
            if self.head.kid not in {None, self._signer.kid}:
                self._append_key(self._signer.kid)

    def append(self, *, typ: str, **fields: Any) -> Written:
        """Build one receipt, write it, and sign it where its kind is signed. Raises InvalidReceipt."""
        self.begin()
        place = {"iss": self.iss, "tenant": self.tenant_id, "seq": self.seq + 1, "prev": self.prev}
        data = receipt_bytes(build_receipt(typ=typ, ts=written_time(self._at), **place, **fields))
        hashed = receipt_hash(data)
        self.add(data, hashed, written(hashed))
        self.flush()
        if typ in SIGNED_KINDS:
            self._sign(data)
        return Written(self.seq, hashed)

    def add(self, data: bytes, hashed: bytes, link: str) -> None:
        """Append bytes that were written as receipt `seq` + 1 with `prev`; `link` is their hash, written."""
        self._unwritten.append(data)
        self._leaves.append(hashed)
        self.seq += 1
        self.prev = link

    def flush(self) -> None:
        """Write what was appended since, with the nodes of the tree it completed."""
        if not self._unwritten:
            return
        first = self.head.size
        frontier, nodes = self.head.frontier.extend(self._leaves)
        completed: list[bytes | None] = [None] * len(self._leaves)
        for level, index, hashed in nodes:
            place = ((index + 1) << level) - 1 - first
            completed[place] = (completed[place] or b"") + hashed
        rows: list[Row] = [
            (self.tenant_id, seq, data, held)
            for seq, (data, held) in enumerate(zip(self._unwritten, completed, strict=True), first + 1)
        ]
        insert_rows(self._session, table_of(Receipt), _COLUMNS, rows)
        self.head = replace(self.head, last_hash=self._leaves[-1], frontier=frontier)
        self._unwritten, self._leaves = [], []

    def seal(self) -> dict[str, Any] | None:
        """Write the rest and sign the head: the row that is to be kept of it, None where nothing was appended."""
        self.flush()
        signer, self._signer = self._signer, None
        if signer is None or not self.head.size:
            return None
        origin, frontier = origin_of(self.iss, self.tenant_id), self.head.frontier
        self.head = replace(self.head, kid=signer.kid)
        return {
            "tenant_id": self.tenant_id,
            "iss": self.iss,
            "size": self.head.size,
            "last_hash": self.head.last_hash,
            "frontier": frontier.to_bytes(),
            "checkpoint": signed_checkpoint(signer, origin=origin, size=self.head.size, root=frontier.root()),
            "kid": signer.kid,
            "signed_at": self._at,
        }

    def _sign(self, data: bytes) -> None:
        assert self._signer is not None
        own = (self.tenant_id, self.seq, self._signer.kid, self._signer.sign(RECEIPT_CONTEXT + data))
        insert_rows(self._session, table_of(ReceiptSignature), _SIGNED_COLUMNS, [own])

    def _append_key(self, kid: str) -> None:
        statement = select(col(KeyRotation.statement)).where(col(KeyRotation.new_kid) == kid)
        handed_over = self._session.execute(statement).scalar_one()
        self.append(typ="key", idem=f"key:{kid}", req=kid, cid=written(hashlib.sha256(handed_over).digest()))


def open_log(session: Session, *, tenant_id: str, at: datetime, head: LogHead | None = None) -> OpenLog:
    """The tenant's log in this transaction, which seals it before it commits. The caller holds the tenant's lock.

    `head` is the log as the caller knows it to be; else it is read and checked. Raises BrokenLog where what is stored
    is not what was signed.
    """
    logs: dict[str, OpenLog] | None = session.info.get(_LOGS)
    if logs is None:
        logs = session.info[_LOGS] = {}
        before_commit(session, lambda: seal_logs(session))
    if tenant_id not in logs:
        log = OpenLog(session, tenant_id=tenant_id, head=head or read_head(session, tenant_id=tenant_id), at=at)
        logs[tenant_id] = log
    logs[tenant_id].move_to(at)
    return logs[tenant_id]


def seal_logs(session: Session) -> None:
    """Sign the heads of all logs that the transaction appended to."""
    logs: dict[str, OpenLog] = session.info.pop(_LOGS, {})
    heads = [head for head in (log.seal() for log in logs.values()) if head is not None]
    insert_or_change(session, table_of(ReceiptLog), heads, key=("tenant_id",), changed=_MOVES)


def read_head(session: Session, *, tenant_id: str) -> LogHead:
    """A log's head. Raises BrokenLog unless its checkpoint is signed and is over this very tree."""
    row = next(iter(STORED_HEAD.ask(session, tenant_id)), None)
    if row is None:
        return LogHead(urlsplit(settings().public_url).netloc, None, Frontier(), None)
    try:
        frontier = Frontier.from_bytes(bytes(row.frontier))
        signed = verify_checkpoint(
            row.checkpoint, {row.kid: bytes(row.public_key)}, origin=origin_of(row.iss, tenant_id)
        )
    except (RuleViolation, InvalidSignature) as error:
        raise BrokenLog(f"The log of {tenant_id} has no head that was signed: {error}") from error
    if (signed.size, signed.root) != (frontier.size, frontier.root()) or receipt_hash(bytes(row.data)) != row.last_hash:
        raise BrokenLog(f"The log of {tenant_id} is not the one whose head was signed.")
    return LogHead(row.iss, bytes(row.last_hash), frontier, row.kid)


def origin_of(iss: str, tenant_id: str) -> str:
    """The name of a log in its checkpoints."""
    return f"{iss}/tallystick/{tenant_id}"


def _signer(session: Session, at: datetime) -> Signer:
    """The key that signs in this transaction; the installation's first is made where there is none yet."""
    signer: Signer | None = session.info.get(_SIGNER)
    if signer is None:
        signer = find_signer(session)
        if signer is None:
            ensure_active_key(session, at=at)
            signer = active_signer(session)
        session.info[_SIGNER] = signer
    return signer


_log, _last, _key = table_of(ReceiptLog).c, table_of(Receipt).c, table_of(SigningKey).c
STORED_HEAD = Question(
    lambda tenant: (
        select(_log.iss, _log.last_hash, _log.frontier, _log.checkpoint, _log.kid, _key.public_key, _last.data)
        .join(table_of(SigningKey), _key.kid == _log.kid)
        .join(table_of(Receipt), (_last.tenant_id == _log.tenant_id) & (_last.seq == _log.size))
        .where(_log.tenant_id == tenant)
    ),
    Subscription.tenant_id,
)
