"""Ed25519 keys: outside vectors, encryption at rest, JSON Web Keys."""

import base64
import json
from pathlib import Path
from typing import Any

import nacl.exceptions
import nacl.signing
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import InvalidSignature, KeysUnavailable, Unprocessable
from services.gateways import signing

MASTER_KEY, OTHER_MASTER_KEY = bytes(range(32)), bytes(32)
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
KID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.fixture(scope="module")
def rfc8037(shared_folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((shared_folder / "vectors/jose_rfc8037/rfc8037_A.json").read_text())
    return document


def test_rfc_8037_keys_name_and_signature(rfc8037: dict[str, Any]) -> None:
    private_key = signing.read_base64url(rfc8037["jwk_private"]["d"])
    signer = signing.signer_of(private_key)
    assert signer.public_key == signing.read_public_jwk(rfc8037["jwk_public"]) == PUBLIC
    assert signer.kid == signing.thumbprint(signer.public_key) == rfc8037["thumbprint_sha256_b64url"]
    signed, _, signature = rfc8037["jws_compact"].rpartition(".")
    assert signing.base64url(signer.sign(signed.encode())) == signature
    signing.verify(PUBLIC, signing.read_base64url(signature), signed.encode())


def test_rfc_8032_first_vector() -> None:
    signature = signing.signer_of(SECRET).sign(b"")
    assert signature.hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")
    signing.verify(PUBLIC, signature, b"")


@given(st.binary(max_size=200))
def test_libsodium_verifies_what_we_sign_and_we_what_it_signs(data: bytes) -> None:
    signature = signing.signer_of(SECRET).sign(data)
    nacl.signing.VerifyKey(PUBLIC).verify(data, signature)
    with pytest.raises(nacl.exceptions.BadSignatureError):
        nacl.signing.VerifyKey(PUBLIC).verify(data + b"x", signature)
    signing.verify(PUBLIC, nacl.signing.SigningKey(SECRET).sign(data).signature, data)


@given(st.data())
def test_any_flipped_bit_of_signature_data_or_key_is_refused(data: st.DataObject) -> None:
    parts = [PUBLIC, signing.signer_of(SECRET).sign(b"paid"), b"paid"]
    index = data.draw(st.integers(0, 2))
    position = data.draw(st.integers(0, 8 * len(parts[index]) - 1))
    changed = bytearray(parts[index])
    changed[position // 8] ^= 1 << position % 8
    parts[index] = bytes(changed)
    with pytest.raises(InvalidSignature):
        signing.verify(*parts)


@pytest.mark.parametrize("signature", [b"", b"x", bytes(63), bytes(64), bytes(65)])
def test_what_is_no_signature_is_refused(signature: bytes) -> None:
    with pytest.raises(InvalidSignature):
        signing.verify(PUBLIC, signature, b"")


@pytest.mark.parametrize("public_key", [b"", bytes(31), PUBLIC + b"x"])
def test_what_is_no_key_verifies_nothing(public_key: bytes) -> None:
    with pytest.raises(InvalidSignature):
        signing.verify(public_key, bytes(64), b"")


def test_a_pair_is_new_each_time_and_hides_its_private_half() -> None:
    pair, other = signing.generate_key_pair(), signing.generate_key_pair()
    assert pair.private_key != other.private_key
    assert signing.signer_of(pair.private_key).public_key == pair.public_key
    assert repr(pair) == f"KeyPair(public_key={pair.public_key!r})"


def test_an_encrypted_key_opens_again_and_looks_different_each_time() -> None:
    first, second = (signing.encrypt_private_key(SECRET, kid=KID, master_key=MASTER_KEY) for _ in range(2))
    assert first != second
    assert len(first) == signing.ENCRYPTED_BYTES
    assert SECRET not in first
    assert signing.decrypt_private_key(first, kid=KID, master_key=MASTER_KEY) == SECRET


def test_another_master_key_is_told_in_words() -> None:
    encrypted = signing.encrypt_private_key(SECRET, kid=KID, master_key=MASTER_KEY)
    with pytest.raises(KeysUnavailable, match="does not open with this master key"):
        signing.decrypt_private_key(encrypted, kid=KID, master_key=OTHER_MASTER_KEY)


def test_an_encrypted_key_does_not_open_as_another_key() -> None:
    encrypted = signing.encrypt_private_key(SECRET, kid=KID, master_key=MASTER_KEY)
    with pytest.raises(KeysUnavailable):
        signing.decrypt_private_key(encrypted, kid=KID[::-1], master_key=MASTER_KEY)


@pytest.mark.parametrize("position", range(signing.ENCRYPTED_BYTES))
def test_a_changed_byte_of_an_encrypted_key_is_refused(position: int) -> None:
    changed = bytearray(signing.encrypt_private_key(SECRET, kid=KID, master_key=MASTER_KEY))
    changed[position] ^= 1
    with pytest.raises(KeysUnavailable):
        signing.decrypt_private_key(bytes(changed), kid=KID, master_key=MASTER_KEY)


@pytest.mark.parametrize("size", [0, 11, 28, 59, 61])
def test_an_encrypted_key_of_another_length_is_refused(size: int) -> None:
    encrypted = signing.encrypt_private_key(SECRET, kid=KID, master_key=MASTER_KEY) + b"x"
    with pytest.raises(KeysUnavailable):
        signing.decrypt_private_key(encrypted[:size], kid=KID, master_key=MASTER_KEY)


def test_keys_of_another_length_are_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="master key is 32 bytes"):
        signing.encrypt_private_key(SECRET, kid=KID, master_key=bytes(16))
    with pytest.raises(ValueError, match="private key is 32 bytes"):
        signing.encrypt_private_key(b"short", kid=KID, master_key=MASTER_KEY)
    with pytest.raises(ValueError, match="public key is 32 bytes"):
        signing.thumbprint(b"short")


def test_a_jwk_says_what_it_is_for_and_is_read_back() -> None:
    jwk = signing.public_jwk(PUBLIC)
    x = base64.urlsafe_b64encode(PUBLIC).decode().rstrip("=")
    assert jwk == {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": KID, "use": "sig"}
    assert signing.read_public_jwk(jwk) == PUBLIC


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "RSA"}, {"crv": "X25519"}, {"crv": None}, {"x": None}, {"x": ""}, {"x": 7}, {"x": "é"}, {"x": "AA"},
        {"x": signing.base64url(PUBLIC) + "="}, {"x": signing.base64url(PUBLIC)[:-1] + "b"}, {"x": "+" * 43},
        {"x": signing.base64url(PUBLIC + b"x")}, {"d": signing.base64url(SECRET)}, {"kid": "another"}, {"kid": None},
    ],
)  # fmt: skip
def test_a_jwk_that_is_not_exactly_one_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable):
        signing.read_public_jwk(signing.public_jwk(PUBLIC) | change)


@pytest.mark.parametrize("document", [None, [], "key", 7])
def test_what_is_no_object_is_no_jwk(document: Any) -> None:
    with pytest.raises(Unprocessable):
        signing.read_public_jwk(document)
