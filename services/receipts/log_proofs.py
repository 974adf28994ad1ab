"""Proofs from a customer's log as it is stored: each takes one query by primary key, of at most 2·log2(size) rows."""

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, select
from sqlmodel import Session

from models import Receipt, table_of
from services.errors import Unprocessable
from services.receipts.log import BrokenLog
from services.rules.merkle import (
    HASH_BYTES,
    Place,
    consistency_places,
    consistency_proof,
    inclusion_places,
    inclusion_proof,
)
from services.rules.receipts import receipt_hash

ROWS_MAX = 1_000
"""Of one query; more places than that are read in several."""


def prove_inclusion(session: Session, *, tenant_id: str, seq: int, size: int) -> list[bytes]:
    """The proof that receipt `seq` is among the first `size` of the log, whose root a checkpoint signs."""
    (proof,) = prove_inclusions(session, tenant_id=tenant_id, seqs=[seq], size=size)
    return proof


def prove_inclusions(session: Session, *, tenant_id: str, seqs: Sequence[int], size: int) -> list[list[bytes]]:
    """The proofs of several receipts, in their order; what they share is read once."""
    groups = (group for seq in seqs for group in inclusion_places(seq - 1, size))
    subtrees = read_subtrees(session, tenant_id=tenant_id, places={place for group in groups for place in group})
    return [inclusion_proof(seq - 1, size, lambda *place: subtrees[place]) for seq in seqs]


def prove_consistency(session: Session, *, tenant_id: str, from_size: int, size: int) -> list[bytes]:
    """The proof that the log of `size` receipts begins with the log it was at `from_size`.

    Raises Unprocessable unless 1 <= from_size <= size.
    """
    if not 1 <= from_size <= size:
        raise Unprocessable(f"The log has {size:,} receipts; name a size from 1 to that.", field="from_size")
    places = {place for group in consistency_places(from_size, size) for place in group}
    subtrees = read_subtrees(session, tenant_id=tenant_id, places=places)
    return consistency_proof(from_size, size, lambda *place: subtrees[place])


def read_subtrees(session: Session, *, tenant_id: str, places: Iterable[Place]) -> dict[Place, bytes]:
    """The hashes of complete subtrees: a leaf's is that of its receipt, the others stand with the last of theirs."""
    wanted = sorted(set(places))
    rows: dict[int, tuple[bytes, bytes | None]] = {}
    seqs = sorted({_seq_of(place) for place in wanted})
    for start in range(0, len(seqs), ROWS_MAX):
        asked = {"tenant": tenant_id, "seqs": seqs[start : start + ROWS_MAX]}
        rows |= {seq: (data, nodes) for seq, data, nodes in session.execute(_nodes, asked)}
    try:
        return {place: _hash_at(place, *rows[_seq_of(place)]) for place in wanted}
    except (LookupError, TypeError) as error:
        raise BrokenLog(f"The log of {tenant_id} lacks a part of its tree.") from error


def _seq_of(place: Place) -> int:
    level, index = place
    return (index + 1) << level


def _hash_at(place: Place, data: bytes, nodes: bytes | None) -> bytes:
    level, _ = place
    if level == 0:
        return receipt_hash(bytes(data))
    end = level * HASH_BYTES
    if nodes is None or len(nodes) < end:
        raise LookupError(place)
    return bytes(nodes[end - HASH_BYTES : end])


_c = table_of(Receipt).c
_nodes = select(_c.seq, _c.data, _c.nodes).where(
    _c.tenant_id == bindparam("tenant"), _c.seq.in_(bindparam("seqs", expanding=True))
)
"""Built once: building it costs as much as running it."""
