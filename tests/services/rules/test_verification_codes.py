"""The code at the foot of a document: worked out from a receipt, read as people type it, refused where it is none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.canonical import INTEGER_MAX
from services.rules.verification_codes import LETTERS, hash_letters, read_verification_code, verification_code
from services.rules.violations import InvalidVerificationCode

HASH = bytes.fromhex("8f3a" * 16)


def test_it_is_the_number_and_the_first_sixty_bits_of_the_hash() -> None:
    bits = "".join(f"{byte:08b}" for byte in HASH)[:60]
    expected = "".join(LETTERS[int(bits[place : place + 5], 2)] for place in range(0, 60, 5))
    assert hash_letters(HASH) == expected == "HWX8YEMF7A7K"
    assert verification_code(482, HASH) == "482-HWX8-YEMF-7A7K"


@pytest.mark.parametrize(
    "typed",
    ["482-HWX8-YEMF-7A7K", " 482 hwx8 yemf 7a7k ", "482HWX8YEMF7A7K", "482–hwx8–yemf–7a7k\n", "482.HWX8.YEMF.7A7K"],
)
def test_it_is_read_as_people_type_it(typed: str) -> None:
    code = read_verification_code(typed)
    assert (code.seq, code.fits(HASH), code.fits(bytes(32))) == (482, True, False)


def test_letters_that_look_like_figures_are_read_as_figures() -> None:
    assert read_verification_code("7-OIL0-0000-000o").letters == "011000000000"


@pytest.mark.parametrize(
    "typed",
    [
        "", "482", "HWX8-YEMF-7A7K", "0-HWX8-YEMF-7A7K", "-1-HWX8-YEMF-7A7", "482-HWX8-YEMF-7A7U", "482-HWX8-YEMF",
        "482-HWX8-YEMF-7A7K-9", "9" * 40 + "HWX8YEMF7A7K", "x" * 1000, "482-HWX8-YEMF-7A7\x00",
    ],
)  # fmt: skip
def test_what_is_none_is_refused(typed: str) -> None:
    with pytest.raises(InvalidVerificationCode):
        read_verification_code(typed)


@given(st.integers(1, INTEGER_MAX), st.binary(min_size=32, max_size=32))
def test_a_code_reads_back_as_itself_and_fits_its_receipt_alone(seq: int, hashed: bytes) -> None:
    code = read_verification_code(verification_code(seq, hashed))
    assert (code.seq, code.fits(hashed)) == (seq, True)
    assert not code.fits(bytes([hashed[0] ^ 1]) + hashed[1:])


@given(st.text(max_size=40).filter(lambda text: len(re.sub("[^0-9A-Za-z]", "", text)) < 13))
def test_any_other_text_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(InvalidVerificationCode, match="such as 482-7Q2M-XK4D-9RTB"):
        read_verification_code(text)
