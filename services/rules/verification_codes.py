"""The short code on a printed document that leads back to its receipt, such as 482-7Q2M-XK4D-9RTB.

The receipt's number in its log, then the first 60 bits of its hash in Crockford's base 32 (no I, L, O or U), twelve
letters in groups of four. Whoever holds the receipt can work the code out; whoever has the code finds the receipt by
its number and compares. https://www.crockford.com/base32.html
"""

import re
from typing import Final, NamedTuple

from services.rules.canonical import INTEGER_MAX
from services.rules.merkle import HASH_BYTES
from services.rules.violations import InvalidVerificationCode

LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LETTER_BITS: Final = 5
CODE_LETTERS: Final = 12
GROUP_LETTERS: Final = 4
TEXT_MAX: Final = 64

_CODE: Final = re.compile(r"([1-9][0-9]*)([0-9A-HJKMNP-TV-Z]{12})")
_NOT_READ: Final = re.compile(r"[\s.–—-]+")
_READ_AS: Final = str.maketrans("OIL", "011")


class VerificationCode(NamedTuple):
    """A code that was read: which receipt it names, and the first letters its hash must have."""

    seq: int
    letters: str

    def fits(self, receipt_hash: bytes) -> bool:
        """Whether the receipt of that number is the one the code was made from."""
        return self.letters == hash_letters(receipt_hash)


def verification_code(seq: int, receipt_hash: bytes) -> str:
    """The code of receipt `seq`, whose hash is `receipt_hash`."""
    assert 1 <= seq <= INTEGER_MAX, "a receipt's number counts from 1"
    letters = hash_letters(receipt_hash)
    groups = [letters[place : place + GROUP_LETTERS] for place in range(0, CODE_LETTERS, GROUP_LETTERS)]
    return "-".join([str(seq), *groups])


def read_verification_code(text: str) -> VerificationCode:
    """Read a code as a person types it: in small letters, with or without dashes, O for 0, I or L for 1.

    Raises InvalidVerificationCode where it is none.
    """
    plain = _NOT_READ.sub("", text[:TEXT_MAX]).upper().translate(_READ_AS)
    found = _CODE.fullmatch(plain)
    if found is None or len(text) > TEXT_MAX or int(found[1]) > INTEGER_MAX:
        raise InvalidVerificationCode(
            "A verification code is a number and three groups of four letters, such as 482-7Q2M-XK4D-9RTB."
        )
    return VerificationCode(int(found[1]), found[2])


def hash_letters(receipt_hash: bytes) -> str:
    """The first 60 bits of a hash as twelve letters."""
    assert len(receipt_hash) == HASH_BYTES, "a hash has 32 bytes"
    bits = int.from_bytes(receipt_hash, "big") >> (HASH_BYTES * 8 - CODE_LETTERS * LETTER_BITS)
    places = range(CODE_LETTERS - 1, -1, -1)
    return "".join(LETTERS[bits >> (LETTER_BITS * place) & 31] for place in places)
