"""Secrets of others at rest."""

import pytest

from services.errors import KeysUnavailable
from services.gateways.sealing import seal, unseal
from services.gateways.signing import decrypt_private_key, read_base64url

KEY, OTHER = bytes(32), bytes([1] * 32)
SECRET = "whsec_0123456789"


def test_a_sealed_secret_opens_again() -> None:
    assert unseal(seal(SECRET, name="we_1", master_key=KEY), name="we_1", master_key=KEY) == SECRET


def test_a_secret_is_sealed_differently_each_time_and_never_shown() -> None:
    first, second = (seal(SECRET, name="we_1", master_key=KEY) for _ in range(2))
    assert first != second
    assert SECRET.encode() not in read_base64url(first)


@pytest.mark.parametrize(("name", "master_key"), [("we_2", KEY), ("we_1", OTHER)])
def test_it_opens_for_its_name_and_under_its_key_alone(name: str, master_key: bytes) -> None:
    sealed = seal(SECRET, name="we_1", master_key=KEY)
    with pytest.raises(KeysUnavailable, match="TALLYSTICK_MASTER_KEY"):
        unseal(sealed, name=name, master_key=master_key)


@pytest.mark.parametrize("spoilt", ["", "AAAA", "not base64!", "A" * 80])
def test_what_was_changed_does_not_open(spoilt: str) -> None:
    with pytest.raises(KeysUnavailable):
        unseal(spoilt, name="we_1", master_key=KEY)


def test_a_sealed_secret_is_no_private_key() -> None:
    sealed = read_base64url(seal("x" * 32, name="kid", master_key=KEY))
    with pytest.raises(KeysUnavailable):
        decrypt_private_key(sealed, kid="kid", master_key=KEY)
