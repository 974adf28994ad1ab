"""What is hidden of a message from the payment provider before anybody of ours looks at it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.redaction import DEPTH_MAX, HIDDEN, TEXT_MAX, redact, redact_text

SECRETS = {
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "phone": "+1 416 555 0100",
    "last4": "4242",
    "client_secret": "pi_123_secret_abcdef",
    "business_name": "Lovelace Engines",
}


@pytest.mark.parametrize(("name", "value"), SECRETS.items())
def test_what_is_private_by_its_name_is_hidden_wherever_it_is(name: str, value: str) -> None:
    message = {"data": {"object": {"list": [{name: value}], f"customer_{name}": value}}}
    assert value not in json.dumps(redact(message))


def test_a_whole_address_is_hidden() -> None:
    address = {"line1": "1 Front Street", "city": "Toronto", "state": "ON", "country": "CA"}
    assert redact({"customer_address": address, "shipping": {"address": address}}) == {
        "customer_address": HIDDEN,
        "shipping": HIDDEN,
    }
    assert redact(address) == {"line1": HIDDEN, "city": HIDDEN, "state": HIDDEN, "country": "CA"}


def test_a_word_of_an_objects_life_is_not_taken_for_a_province() -> None:
    assert redact({"state": "open", "object": "thing"}) == {"state": "open", "object": "thing"}


def test_what_says_how_money_moved_stays() -> None:
    invoice = {
        "id": "in_1",
        "object": "invoice",
        "customer": "cus_1",
        "status": "open",
        "total": 1_060_000,
        "paid": False,
        "number": "ABCD-0001",
        "customer_email": None,
        "lines": {"data": [{"amount": 900_000, "description": "Pro, base fee"}]},
    }
    assert redact(invoice) == invoice


def test_a_tax_number_is_hidden_and_its_kind_stays() -> None:
    shown = redact({"object": "tax_id", "type": "ca_bn", "value": "123456789RT0001"})
    assert shown == {"object": "tax_id", "type": "ca_bn", "value": HIDDEN}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://pay.example.com/i/acct_1/test_x?s=ap", f"https://pay.example.com/{HIDDEN}"),
        ("https://ada:word@pay.example.com/", "https://pay.example.com"),
        ("see http://127.0.0.1:3000/sandbox/pay/x now", f"see http://127.0.0.1:3000/{HIDDEN} now"),
        ("write to ada@example.com", f"write to {HIDDEN}"),
        ("card 4242 4242 4242 4242 was declined", f"card {HIDDEN} was declined"),
        ("card 4000000000000002", f"card {HIDDEN}"),
        ("seti_1_secret_2", HIDDEN),
        ("key sk_live_abc123", f"key {HIDDEN}"),
        ("order 1234567890123 of 2026", "order 1234567890123 of 2026"),
        ("in_1QabcDEF", "in_1QabcDEF"),
    ],
)
def test_texts_lose_only_what_is_private(text: str, shown: str) -> None:
    assert redact_text(text) == shown


def test_a_long_text_is_cut() -> None:
    assert len(redact_text("a" * (TEXT_MAX + 50))) == TEXT_MAX


def test_what_is_nested_too_deep_is_hidden() -> None:
    value: Any = "deep"
    for _ in range(DEPTH_MAX + 2):
        value = {"in": value}
    assert "deep" not in json.dumps(redact(value))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_hiding_twice_hides_no_more(value: Any) -> None:
    once = redact(value)
    assert redact(once) == once


@given(st.dictionaries(st.sampled_from(["name", "email", "phone", "last4"]), st.text(min_size=12), max_size=4))
def test_keys_stay_so_that_one_sees_what_was_there(message: dict[str, str]) -> None:
    assert set(redact(message)) == set(message)
    assert set(redact(message).values()) <= {HIDDEN}
