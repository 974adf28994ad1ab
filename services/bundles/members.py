"""Reading a bundle's header: every member is there, looks right and agrees with the others. Nothing is verified yet."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from services.bundles.fields import Signature, read_base64, read_count, read_signature, read_text
from services.bundles.headers import (
    FORMAT,
    KINDS,
    PLANS_MAX,
    RANGE_HASHES_MAX,
    ROTATIONS_MAX,
    SIGNATURES_MAX,
    TRACE_RECEIPTS_MAX,
    origin_of,
)
from services.errors import InvalidBundle, Unprocessable, Unverifiable
from services.receipts.signature_checks import PublishedKey, read_jwks
from services.rules.notes import Checkpoint, Note, read_checkpoint, read_note
from services.rules.receipt_fields import ID_MAX, is_hash, is_moment
from services.rules.violations import InvalidNote

_ALWAYS = (
    "format", "kind", "iss", "tenant", "origin", "created", "count", "checkpoint", "keys", "rotations", "signatures",
    "plans",
)  # fmt: skip
_OF_KIND = {"range": ("range",), "invoice": ("range", "invoice_seq"), "trace": ("trace_id", "proofs")}
_RANGE = frozenset({"first_seq", "last_seq", "before", "after"})
_SEQ = re.compile(r"[1-9][0-9]{0,15}")


class Rotation(NamedTuple):
    """One key handing over to the next."""

    statement: bytes
    old_signature: bytes
    new_signature: bytes


class Range(NamedTuple):
    """The receipts `first_seq` to `last_seq`, and the hashes of the complete subtrees on either side."""

    first_seq: int
    last_seq: int
    before: tuple[bytes, ...]
    after: tuple[bytes, ...]


class Consistency(NamedTuple):
    size: int
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What a bundle says of itself. `range` is there for the kinds range and invoice, `proofs` for traces."""

    kind: str
    iss: str
    tenant: str
    origin: str
    created: str
    count: int
    note: Note
    checkpoint: Checkpoint
    keys: Mapping[str, PublishedKey]
    rotations: tuple[Rotation, ...]
    signatures: Mapping[int, Signature]
    plans: Mapping[str, Mapping[str, Any]]
    range: Range | None
    invoice_seq: int | None
    trace_id: str | None
    proofs: tuple[tuple[bytes, ...], ...]
    consistency: Consistency | None

    def expected_seq(self, index: int) -> int | None:
        """The number that receipt `index` of the bundle must have; None where only its trace says."""
        return None if self.range is None else self.range.first_seq + index


def read_header(document: Any) -> Header:
    """Read a header from JSON that anyone may have written.

    Raises Unverifiable for a format or kind of another version and where the proof is left out, and InvalidBundle for
    everything else, naming the member.
    """
    if type(document) is not dict:
        raise InvalidBundle("This is no bundle: its header is not a JSON object.")
    _check_members(document)
    iss, tenant, origin = (read_text(document, name) for name in ("iss", "tenant", "origin"))
    if origin != origin_of(iss, tenant):
        raise InvalidBundle("The header's origin is not that of its iss and tenant.")
    if not (type(document["created"]) is str and is_moment(document["created"])):
        raise InvalidBundle("The header's created is not a UTC time such as 2026-03-31T18:15:46.000000Z.")
    count = read_count(document, "count")
    note, checkpoint = read_head(document["checkpoint"], origin)
    kind = document["kind"]
    proven = None if kind == "trace" else _range(document["range"], count)
    return Header(
        kind=kind,
        iss=iss,
        tenant=tenant,
        origin=origin,
        created=document["created"],
        count=count,
        note=note,
        checkpoint=checkpoint,
        keys=_keys(document["keys"]),
        rotations=tuple(_rotation(item) for item in _list(document, "rotations", ROTATIONS_MAX)),
        signatures=_signatures(document["signatures"], proven),
        plans=_plans(document["plans"]),
        range=proven,
        invoice_seq=_invoice_seq(document, proven) if kind == "invoice" and proven else None,
        trace_id=read_text(document, "trace_id", ID_MAX) if kind == "trace" else None,
        proofs=_proofs(document, count) if kind == "trace" else (),
        consistency=_consistency(document["consistency"]) if "consistency" in document else None,
    )


def read_head(text: Any, origin: str) -> tuple[Note, Checkpoint]:
    """A checkpoint's note and what it says. Raises InvalidBundle for what is none, and for that of another log."""
    try:
        note = read_note(text if type(text) is str else "")
        checkpoint = read_checkpoint(note.body)
    except InvalidNote as error:
        raise InvalidBundle(f"The checkpoint cannot be read: {error.message}") from error
    if checkpoint.origin != origin:
        raise InvalidBundle(f"The checkpoint is that of another log: {checkpoint.origin}.")
    return note, checkpoint


def _check_members(document: Mapping[str, Any]) -> None:
    format_, kind = document.get("format"), document.get("kind")
    if format_ != FORMAT:
        raise Unverifiable(f"This is not a bundle of a format known here, which is {FORMAT}.")
    if type(kind) is not str or kind not in KINDS:
        raise Unverifiable(f"This is not a bundle of a kind known here, which are {', '.join(KINDS)}.")
    for name in _OF_KIND[kind]:
        if name not in document:
            raise Unverifiable(f"The header has no {name}: what would prove the receipts is missing.")
    missing = [name for name in _ALWAYS if name not in document]
    if missing:
        raise InvalidBundle(f"The header has no {missing[0]}.")
    extra = document.keys() - {*_ALWAYS, *_OF_KIND[kind], "consistency"}
    if extra:
        raise InvalidBundle(f"The header of a {kind} has no member {min(extra)[:ID_MAX]}.")


def _range(value: Any, count: int) -> Range:
    if type(value) is not dict or value.keys() != _RANGE:
        raise InvalidBundle("The header's range is an object of first_seq, last_seq, before and after.")
    first_seq, last_seq = read_count(value, "first_seq", "range"), read_count(value, "last_seq", "range")
    if last_seq < first_seq:
        raise InvalidBundle("The header's range ends before it begins.")
    if last_seq - first_seq + 1 != count:
        raise InvalidBundle(f"The header's count is {count}; its range holds {last_seq - first_seq + 1}.")
    return Range(first_seq, last_seq, _hashes(value["before"], "before"), _hashes(value["after"], "after"))


def _invoice_seq(document: Mapping[str, Any], proven: Range) -> int:
    seq = read_count(document, "invoice_seq")
    if not proven.first_seq <= seq <= proven.last_seq:
        raise InvalidBundle("The header's invoice_seq is not in its range.")
    return seq


def _proofs(document: Mapping[str, Any], count: int) -> tuple[tuple[bytes, ...], ...]:
    proofs = _list(document, "proofs", TRACE_RECEIPTS_MAX)
    if len(proofs) != count:
        raise InvalidBundle(f"The header's count is {count}; it has {len(proofs)} proofs.")
    return tuple(_hashes(proof, "proofs") for proof in proofs)


def _consistency(value: Any) -> Consistency:
    if type(value) is not dict or value.keys() != {"size", "hashes"}:
        raise InvalidBundle("The header's consistency is an object of size and hashes.")
    return Consistency(read_count(value, "size", "consistency"), _hashes(value["hashes"], "consistency"))


def _keys(value: Any) -> dict[str, PublishedKey]:
    try:
        return read_jwks(value)
    except Unprocessable as error:
        raise InvalidBundle(f"The header's keys cannot be read: {error.detail}") from error


def _rotation(value: Any) -> Rotation:
    if type(value) is not dict or value.keys() != {"statement", "old_signature", "new_signature"}:
        raise InvalidBundle("Each of the header's rotations is a statement about a key and two signatures.")
    if type(value["statement"]) is not str:
        raise InvalidBundle("The statement of each of the header's rotations is text.")
    signatures = (read_base64(value[name], "A rotation's signature") for name in ("old_signature", "new_signature"))
    return Rotation(value["statement"].encode(errors="surrogatepass"), *signatures)


def _signatures(value: Any, proven: Range | None) -> dict[int, Signature]:
    signatures = {}
    for name, signature in _objects(value, "signatures", SIGNATURES_MAX, _SEQ.fullmatch).items():
        seq = int(name)
        if proven is not None and not proven.first_seq <= seq <= proven.last_seq:
            raise InvalidBundle(f"The header has a signature for receipt {seq}, which is not in the bundle.")
        signatures[seq] = read_signature(signature, f"The signature of receipt {seq}")
    return signatures


def _plans(value: Any) -> dict[str, Mapping[str, Any]]:
    return _objects(value, "plans", PLANS_MAX, is_hash)


def _objects(value: Any, what: str, most: int, named: Callable[[str], object]) -> dict[str, Any]:
    if type(value) is not dict or len(value) > most:
        raise InvalidBundle(f"The header's {what} are an object of at most {most:,} members.")
    if not all(named(name) and type(inner) is dict for name, inner in value.items()):
        raise InvalidBundle(f"The header's {what} have a name that cannot be, or hold something else than objects.")
    return value


def _list(document: Mapping[str, Any], name: str, most: int) -> list[Any]:
    value = document[name]
    if type(value) is not list or len(value) > most:
        raise InvalidBundle(f"The header's {name} are a list of at most {most:,}.")
    return value


def _hashes(value: Any, what: str) -> tuple[bytes, ...]:
    if type(value) is not list or len(value) > 2 * RANGE_HASHES_MAX or not all(map(is_hash, value)):
        raise InvalidBundle(f"The header's {what} holds something that is no hash, or too many of them.")
    return tuple(bytes.fromhex(text[7:]) for text in value)
