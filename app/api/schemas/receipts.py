"""Receipts, what proves them, and what checking a bundle found."""

from dataclasses import asdict
from typing import Any, Literal, Self

from pydantic import Field

from app.api.schemas.values import Quantity, Shown
from models import UsageEvent
from services.bundles.headers import signature_text
from services.bundles.verification import BundleReport
from services.errors import BundleRefused, Unverifiable
from services.receipts.reading import Head, KeptReceipt, OwnSignature
from services.rules.quantities import plain_micro
from services.rules.receipts import written

HASH_HELP = "SHA-256(0x00 ‖ its bytes), written sha256: and 64 hexadecimal digits."


class SignatureShown(Shown):
    kid: str
    signature: str = Field(description="Ed25519 over `tallystick-receipt/1`, a line feed and the bytes, in base64.")

    @classmethod
    def of(cls, own: OwnSignature) -> Self:
        return cls(kid=own.kid, signature=signature_text(own.signature))


class KeptReceiptShown(Shown):
    """A receipt. `data` are its bytes exactly as they are kept: the hash is over them. `document` is what they say."""

    seq: int
    hash: str = Field(description=HASH_HELP)
    data: str
    document: dict[str, Any]
    signature: SignatureShown | None = Field(description="Its own, beside the checkpoint's; some types have one.")

    @staticmethod
    def fields(receipt: KeptReceipt) -> dict[str, Any]:
        return {
            "seq": receipt.seq,
            "hash": written(receipt.hash),
            "data": receipt.data.decode(),
            "document": receipt.document,
            "signature": None if receipt.signature is None else SignatureShown.of(receipt.signature),
        }

    @classmethod
    def of(cls, receipt: KeptReceipt) -> Self:
        return cls(**cls.fields(receipt))


class ReceiptPage(Shown):
    receipts: list[KeptReceiptShown]
    next_cursor: str | None


class InclusionShown(Shown):
    """RFC 9162, 2.1.3: the path from leaf `leaf_index`, counted from 0, to the root of `tree_size` leaves."""

    leaf_index: int
    tree_size: int
    hashes: list[str]


class ProvenReceiptShown(KeptReceiptShown):
    """A receipt, its proof, and the signed checkpoint the proof leads to: all it takes to check it offline."""

    inclusion: InclusionShown
    checkpoint: str = Field(description="A C2SP signed note: origin, size, root and signature.")

    @classmethod
    def proven(cls, receipt: KeptReceipt, *, head: Head, proof: list[bytes]) -> Self:
        hashes = [written(hashed) for hashed in proof]
        inclusion = InclusionShown(leaf_index=receipt.seq - 1, tree_size=head.size, hashes=hashes)
        return cls(**cls.fields(receipt), inclusion=inclusion, checkpoint=head.checkpoint)


class ConsistencyShown(Shown):
    """RFC 9162, 2.1.4: that the log of `size` receipts begins with the log it was at `from_size`."""

    from_size: int
    size: int
    hashes: list[str]
    checkpoint: str


class LineEventShown(Shown):
    """An event behind a line of a bill, and its receipt."""

    seq: int
    hash: str = Field(description=HASH_HELP)
    event_id: str
    event_type: str
    units: Quantity
    credits: Quantity
    overage_credits: Quantity
    site: str | None
    occurred_at: str
    corrects_seq: int | None

    @classmethod
    def of(cls, event: UsageEvent, receipt_hash: bytes) -> Self:
        return cls(
            seq=event.seq,
            hash=written(receipt_hash),
            event_id=event.event_id,
            event_type=event.event_type,
            units=plain_micro(event.units_micro),
            credits=plain_micro(event.credits_micro),
            overage_credits=plain_micro(event.overage_micro),
            site=event.site or None,
            occurred_at=event.occurred_at.isoformat(),
            corrects_seq=event.corrects_seq,
        )


class LineEventPage(Shown):
    events: list[LineEventShown]
    next_cursor: str | None


class BundleShown(Shown):
    """What was found of a valid bundle: everything in it was checked, and each bill comes to its amount."""

    kind: str
    tenant: str
    origin: str
    created: str
    first_seq: int
    last_seq: int
    count: int
    size: int
    root: str
    kid: str
    trace_id: str | None
    invoice_seq: int | None
    bills: list[dict[str, Any]]
    usage: list[dict[str, Any]]

    @classmethod
    def of(cls, report: BundleReport) -> Self:
        found = asdict(report) | {"root": written(report.root)}
        for total in found["usage"]:
            total["credits"] = plain_micro(total.pop("credits_micro"))
            total["overage_credits"] = plain_micro(total.pop("overage_micro"))
        return cls(**{name: found[name] for name in cls.model_fields})


class VerdictShown(Shown):
    """`valid`, with what was found; or not, with the first receipt that is wrong, where it is one, and why.

    `unverifiable`: a key or a proof is missing, or something in it is not known here.
    """

    valid: bool
    result: Literal["valid", "invalid", "unverifiable"]
    seq: int | None = None
    reason: str | None = None
    bundle: BundleShown | None = None

    @classmethod
    def found(cls, report: BundleReport) -> Self:
        return cls(valid=True, result="valid", bundle=BundleShown.of(report))

    @classmethod
    def refused(cls, refusal: BundleRefused) -> Self:
        result: Literal["invalid", "unverifiable"] = "invalid"
        if isinstance(refusal, Unverifiable):
            result = "unverifiable"
        return cls(valid=False, result=result, seq=refusal.seq, reason=refusal.detail)
