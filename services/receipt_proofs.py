"""One receipt with what proves it: the hash it links to, the hashes up to the signed root, and its own signature.

Everything is worked out again from what is stored; nothing is believed because it was right when it was written.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models import Receipt as ReceiptRow
from models import ReceiptLog, ReceiptSignature
from services.errors import InvalidSignature, NotFound
from services.gateways.signing import verify
from services.receipt_log import RECEIPT_CONTEXT, SIGNED_KINDS, origin_of
from services.rules.canonical import INTEGER_MAX
from services.rules.merkle import HASH_BYTES, inclusion_places, inclusion_proof, verify_inclusion
from services.rules.notes import read_checkpoint, read_note
from services.rules.receipts import Receipt, read_receipt, receipt_hash, written
from services.rules.violations import RuleViolation
from services.signature_checks import verify_checkpoint
from services.signing_keys import public_key_at

NO_SUCH_RECEIPT = "There is no such receipt."


@dataclass(frozen=True, slots=True)
class ProvenReceipt:
    """Receipt `seq` with its proof against the log of `size` receipts as it was signed last, in `checkpoint`.

    `before` is the hash of the receipt before it, None for the first. A broken link, proof or signature is said in
    `link_broken`, `proof_broken`, `checkpoint_broken` and `own_broken`; "" where it holds.
    """

    receipt: Receipt
    before: bytes | None
    size: int
    proof: tuple[bytes, ...]
    checkpoint: str
    kid: str
    signed_at: datetime
    own: ReceiptSignature | None
    link_broken: str
    proof_broken: str
    checkpoint_broken: str
    own_broken: str

    @property
    def is_sound(self) -> bool:
        return not (self.link_broken or self.proof_broken or self.checkpoint_broken or self.own_broken)


def prove_receipt(session: Session, *, tenant_id: str, seq: int) -> ProvenReceipt:
    """Receipt `seq` of the tenant's log, checked from its bytes up to the signature over the log.

    Raises NotFound, and InvalidReceipt where what is stored is no receipt.
    """
    log = session.get(ReceiptLog, tenant_id)
    if log is None or not 0 < seq <= min(log.size, INTEGER_MAX):
        raise NotFound(NO_SUCH_RECEIPT, field="seq")
    rows = _rows(session, tenant_id, seq, log.size)
    receipt = read_receipt(bytes(rows[seq].data))
    before = receipt_hash(bytes(rows[seq - 1].data)) if seq > 1 else None
    proof = tuple(inclusion_proof(seq - 1, log.size, _node_of(rows)))
    own = session.get(ReceiptSignature, (tenant_id, seq))
    return ProvenReceipt(
        receipt=receipt,
        before=before,
        size=log.size,
        proof=proof,
        checkpoint=log.checkpoint,
        kid=log.kid,
        signed_at=log.signed_at,
        own=own,
        link_broken=_broken(lambda: _check_link(receipt, seq, before)),
        proof_broken=_broken(lambda: _check_inclusion(log, receipt, proof)),
        checkpoint_broken=_broken(lambda: _check_checkpoint(session, log)),
        own_broken=_broken(lambda: _check_own(session, receipt, own)),
    )


def _rows(session: Session, tenant_id: str, seq: int, size: int) -> Mapping[int, ReceiptRow]:
    """The receipt, the one before it, and those that hold the nodes of its proof: about 2·log2(size) by their key."""
    places = [place for group in inclusion_places(seq - 1, size) for place in group]
    wanted = {(index + 1) << level for level, index in places} | {seq, max(1, seq - 1)}
    statement = select(ReceiptRow).where(ReceiptRow.tenant_id == tenant_id, col(ReceiptRow.seq).in_(wanted))
    found = {row.seq: row for row in session.exec(statement)}
    if found.keys() != wanted:
        raise NotFound(NO_SUCH_RECEIPT, field="seq")
    return found


def _node_of(rows: Mapping[int, ReceiptRow]) -> Callable[[int, int], bytes]:
    def read_node(level: int, index: int) -> bytes:
        row = rows[(index + 1) << level]
        if level == 0:
            return receipt_hash(bytes(row.data))
        return bytes(row.nodes or b"")[(level - 1) * HASH_BYTES : level * HASH_BYTES]

    return read_node


def _broken(check: Callable[[], None]) -> str:
    try:
        check()
    except (RuleViolation, InvalidSignature) as error:
        return str(error)
    return ""


def _check_link(receipt: Receipt, seq: int, before: bytes | None) -> None:
    link = None if before is None else written(before)
    if receipt.seq != seq or receipt.document["prev"] != link:
        raise InvalidSignature("It does not carry the hash of the receipt before it.")


def _check_inclusion(log: ReceiptLog, receipt: Receipt, proof: tuple[bytes, ...]) -> None:
    head = read_checkpoint(read_note(log.checkpoint).body)
    if head.size != log.size:
        raise InvalidSignature("The signed checkpoint is of another size than the log.")
    verify_inclusion(receipt.seq - 1, head.size, receipt.hash, proof, head.root)


def _check_checkpoint(session: Session, log: ReceiptLog) -> None:
    key = public_key_at(session, log.kid)
    verify_checkpoint(log.checkpoint, {key.kid: key.public_key}, origin=origin_of(log.iss, log.tenant_id))


def _check_own(session: Session, receipt: Receipt, own: ReceiptSignature | None) -> None:
    if own is not None:
        verify(public_key_at(session, own.kid).public_key, own.signature, RECEIPT_CONTEXT + receipt.data)
    elif receipt.typ in SIGNED_KINDS:
        raise InvalidSignature("It must carry a signature of its own and has none.")
