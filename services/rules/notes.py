"""Signed notes and checkpoints as text (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).

A note is a text ending in a newline, an empty line, and one line a signature. A checkpoint is a note whose text is the
log's origin, its size and its root. Signing and verifying happen where the keys are; the functions here take and give
bytes. Reading refuses whatever has a second reading.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from services.rules.merkle import EMPTY_ROOT, HASH_BYTES, SIZE_MAX
from services.rules.violations import InvalidNote

NOTE_CHARACTERS_MAX = 256 * 1024
SIGNATURES_MAX = 32
NAME_MAX = 255
KEY_ID_BYTES = 4
PUBLIC_KEY_BYTES = 32
ED25519 = b"\x01"
"""The signature type of Ed25519 in a key id."""

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")


class NoteSignature(NamedTuple):
    """One signature line: the key's name, the first 4 bytes of its hash, and the signature over the note's text."""

    name: str
    key_id: bytes
    signature: bytes


class Note(NamedTuple):
    """A note's text, final newline included (this is what is signed), and its signatures. Nothing is verified yet."""

    body: str
    signatures: tuple[NoteSignature, ...]


class Checkpoint(NamedTuple):
    """The head of a log: the name it goes by, its number of leaves and its root hash."""

    origin: str
    size: int
    root: bytes


def checkpoint_body(origin: str, size: int, root: bytes) -> str:
    """The text of a checkpoint: origin, decimal size and base64 root, each on a line of its own.

    Raises InvalidNote for an origin that is no key name, a size out of range, or a root that cannot be one.
    """
    _check_name(origin)
    if type(size) is not int or not 0 <= size <= SIZE_MAX:
        raise InvalidNote("A log has between 0 and 2^63 - 1 leaves.")
    _check_root(size, root)
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def read_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint (a note's `body`): three lines, with no extension. Raises InvalidNote."""
    _check_text(text)
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise InvalidNote("A checkpoint has three lines: origin, size and root hash.")
    origin, size_text, root_text, _ = lines
    _check_name(origin)
    if _SIZE.fullmatch(size_text) is None or int(size_text) > SIZE_MAX:
        raise InvalidNote("A checkpoint's size is a plain decimal number without leading zeros.")
    root = _read_base64(root_text)
    _check_root(int(size_text), root)
    return Checkpoint(origin, int(size_text), root)


def key_id(name: str, public_key: bytes) -> bytes:
    """The first 4 bytes of SHA-256(name ‖ newline ‖ 0x01 ‖ public key), by which a note names an Ed25519 key."""
    _check_name(name)
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise InvalidNote(f"An Ed25519 public key is {PUBLIC_KEY_BYTES} bytes.")
    return sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:KEY_ID_BYTES]


def note_signature_line(name: str, key_id: bytes, signature: bytes) -> str:
    """A signature as a line of a note, newline included."""
    _check_name(name)
    if len(key_id) != KEY_ID_BYTES or not signature:
        raise InvalidNote(f"A signature line carries {KEY_ID_BYTES} bytes of key id and a signature.")
    return f"— {name} {base64.b64encode(key_id + signature).decode()}\n"


def format_note(body: str, signatures: Sequence[NoteSignature]) -> str:
    """The note: text, empty line, signatures. What it gives, `read_note` reads back; else it raises InvalidNote."""
    lines = "".join(note_signature_line(*signature) for signature in signatures)
    note = f"{body}\n{lines}"
    if read_note(note) != (body, tuple(signatures)):
        raise InvalidNote("The text would not be read back as it is; it must end in one newline.")
    return note


def read_note(text: str) -> Note:
    """Read a signed note that anyone may have made. Raises InvalidNote with the reason; verifies no signature."""
    _check_text(text)
    body, gap, block = text.rpartition("\n\n")
    if not gap or not body:
        raise InvalidNote("A note is a text, an empty line and its signatures.")
    lines = block.split("\n")
    if lines.pop():
        raise InvalidNote("A note ends in a newline.")
    if not 0 < len(lines) <= SIGNATURES_MAX:
        raise InvalidNote(f"A note has between 1 and {SIGNATURES_MAX} signatures.")
    signatures = tuple(_read_signature(line) for line in lines)
    if len({(signature.name, signature.key_id) for signature in signatures}) < len(signatures):
        raise InvalidNote("The same key signs twice.")
    return Note(f"{body}\n", signatures)


def _read_signature(line: str) -> NoteSignature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—":
        raise InvalidNote("A signature line is a dash (U+2014), the key's name and the signature in base64.")
    _check_name(parts[1])
    signed = _read_base64(parts[2])
    if len(signed) <= KEY_ID_BYTES:
        raise InvalidNote(f"A signature line carries {KEY_ID_BYTES} bytes of key id and a signature.")
    return NoteSignature(parts[1], signed[:KEY_ID_BYTES], signed[KEY_ID_BYTES:])


def _read_base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise InvalidNote("A hash or signature is not in standard base64.") from error
    if base64.b64encode(data).decode() != text:
        raise InvalidNote("A hash or signature is not in the one base64 form it has.")
    return data


def _check_root(size: int, root: bytes) -> None:
    if len(root) != HASH_BYTES or (size == 0) != (root == EMPTY_ROOT):
        raise InvalidNote(f"A root is {HASH_BYTES} bytes, and that of no leaves is SHA-256 of nothing.")


def _check_name(name: str) -> None:
    if not 0 < len(name) <= NAME_MAX or "+" in name or any(map(str.isspace, name)) or _CONTROL.search(name):
        raise InvalidNote(
            f"A name has 1 to {NAME_MAX} characters, none of them a space, a plus or a control character."
        )


def _check_text(text: str) -> None:
    if len(text) > NOTE_CHARACTERS_MAX:
        raise InvalidNote(f"A note has at most {NOTE_CHARACTERS_MAX:,} characters.")
    if _CONTROL.search(text):
        raise InvalidNote("A note is UTF-8 text without control characters other than the newline.")
