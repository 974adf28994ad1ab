"""One receipt with all that proves it, checked again: its link, the way to the signed root, and its own signature.

Everything is worked out from what is stored; nothing is believed because it was right when it was written.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlmodel import Session

from services.errors import InvalidSignature, NotFound
from services.gateways.signing import verify
from services.receipts.log import RECEIPT_CONTEXT, SIGNED_KINDS
from services.receipts.log_proofs import prove_inclusion
from services.receipts.reading import Head, KeptReceipt, OwnSignature, find_receipt, read_head
from services.receipts.signature_checks import verify_checkpoint
from services.receipts.signing_keys import public_key_at
from services.rules.canonical import INTEGER_MAX
from services.rules.merkle import verify_inclusion
from services.rules.notes import read_checkpoint, read_note
from services.rules.receipts import Receipt, read_receipt, written
from services.rules.violations import RuleViolation

NO_SUCH_RECEIPT = "There is no such receipt."


@dataclass(frozen=True, slots=True)
class ProvenReceipt:
    """A receipt with its proof against the log as it was signed last, which is `head`.

    What does not hold is said in `link_broken`, `proof_broken`, `checkpoint_broken` and `own_broken`; "" where it does.
    """

    receipt: Receipt
    head: Head
    proof: tuple[bytes, ...]
    own: OwnSignature | None
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
    if not 0 < seq <= INTEGER_MAX:
        raise NotFound(NO_SUCH_RECEIPT, field="seq")
    kept = find_receipt(session, tenant_id=tenant_id, seq=seq)
    before = find_receipt(session, tenant_id=tenant_id, seq=seq - 1) if seq > 1 else None
    head = read_head(session, tenant_id=tenant_id)
    receipt = read_receipt(kept.data)
    proof = tuple(prove_inclusion(session, tenant_id=tenant_id, seq=seq, size=head.size))
    return ProvenReceipt(
        receipt=receipt,
        head=head,
        proof=proof,
        own=kept.signature,
        link_broken=_broken(lambda: _check_link(receipt, seq, before)),
        proof_broken=_broken(lambda: _check_inclusion(receipt, seq, head, proof)),
        checkpoint_broken=_broken(lambda: _check_checkpoint(session, head)),
        own_broken=_broken(lambda: _check_own(session, receipt, kept.signature)),
    )


def _broken(check: Callable[[], None]) -> str:
    try:
        check()
    except (RuleViolation, InvalidSignature) as error:
        return str(error)
    return ""


def _check_link(receipt: Receipt, seq: int, before: KeptReceipt | None) -> None:
    link = None if before is None else written(before.hash)
    if receipt.seq != seq or receipt.document["prev"] != link:
        raise InvalidSignature("It does not carry the hash of the receipt before it.")


def _check_inclusion(receipt: Receipt, seq: int, head: Head, proof: tuple[bytes, ...]) -> None:
    signed = read_checkpoint(read_note(head.checkpoint).body)
    if signed.size != head.size:
        raise InvalidSignature("The signed checkpoint is of another size than the log.")
    verify_inclusion(seq - 1, signed.size, receipt.hash, proof, signed.root)


def _check_checkpoint(session: Session, head: Head) -> None:
    key = public_key_at(session, head.kid)
    verify_checkpoint(head.checkpoint, {key.kid: key.public_key}, origin=head.origin)


def _check_own(session: Session, receipt: Receipt, own: OwnSignature | None) -> None:
    if own is not None:
        verify(public_key_at(session, own.kid).public_key, own.signature, RECEIPT_CONTEXT + receipt.data)
    elif receipt.typ in SIGNED_KINDS:
        raise InvalidSignature("It must carry a signature of its own and has none.")
