"""What is taken for an event: the very bytes that were signed, just now, with our secret, and of an event's shape."""

import json
from datetime import timedelta
from typing import Any

import pytest
import stripe as sdk

from services.errors import InvalidDelivery
from services.gateways.stripe.events import read_delivery
from services.gateways.stripe.facts import EventFacts
from tests.given import NOON

SECRET = "whsec_ours"
INVOICE = {"id": "in_1", "object": "invoice", "customer": "cus_1"}


def event(**changed: Any) -> dict[str, Any]:
    envelope = {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(NOON.timestamp()),
        "livemode": False,
        "type": "invoice.paid",
        "data": {"object": INVOICE},
        "pending_webhooks": 1,
        "request": None,
    }
    return {name: value for name, value in {**envelope, **changed}.items() if value != "absent"}


def signed(body: str, *, secret: str = SECRET, seconds: int = 0) -> str:
    at = int((NOON + timedelta(seconds=seconds)).timestamp())
    return str(sdk.WebhookSignature.generate_signature_header(body, secret, at))


def deliver(body: str, signature: str | None = None, *secrets: str) -> EventFacts:
    return read_delivery(body.encode(), signature or signed(body), secrets or (SECRET,), NOON)


def refused(body: bytes, signature: str | None, *secrets: str) -> str:
    with pytest.raises(InvalidDelivery) as found:
        read_delivery(body, signature, secrets or (SECRET,), NOON)
    assert (found.value.status, found.value.code) == (400, "invalid_delivery")
    assert found.value.members["reason"] == found.value.reason
    return found.value.reason


def test_a_signed_event_is_read() -> None:
    found = deliver(json.dumps(event()))
    assert (found.id, found.type, found.is_live) == ("evt_1", "invoice.paid", False)
    assert (found.object_type, found.object_id, found.customer_id) == ("invoice", "in_1", "cus_1")
    assert (found.created_at, found.api_version) == (NOON, "2026-10-28.endive")
    assert found.payload["data"]["object"] == INVOICE


def test_the_bytes_are_checked_as_they_came() -> None:
    body = json.dumps(event(), indent=3, ensure_ascii=False) + "\n é"
    assert refused(body.encode(), signed(body)) == "body"
    assert refused(json.dumps(event()).encode(), signed(body)) == "wrong"


def test_any_of_our_secrets_will_do() -> None:
    body = json.dumps(event())
    assert deliver(body, signed(body, secret="whsec_second"), "whsec_first", "whsec_second").id == "evt_1"


def test_one_of_several_signatures_will_do() -> None:
    body = json.dumps(event())
    old, new = signed(body, secret="whsec_old"), signed(body)
    assert deliver(body, f"{new},{old.split(',')[1]}").id == "evt_1"


@pytest.mark.parametrize("secrets", [("whsec_other",), (" ",)])
def test_another_secret_is_refused(secrets: tuple[str, ...]) -> None:
    body = json.dumps(event())
    assert refused(body.encode(), signed(body), *secrets) == "wrong"


def test_without_a_secret_nothing_is_taken() -> None:
    body = json.dumps(event())
    with pytest.raises(InvalidDelivery, match="our secret"):
        read_delivery(body.encode(), signed(body), (), NOON)


@pytest.mark.parametrize("signature", [None, ""])
def test_a_missing_signature_is_refused(signature: str | None) -> None:
    assert refused(b"{}", signature) == "missing"


@pytest.mark.parametrize(
    "signature",
    [
        "t=1", "v1=ab", "garbage", "t=x,v1=ab", "t=-1,v1=ab", "t=1,v0=ab", "t=1,v1=", "t=1,v1=é", "t=١,v1=ab",
        "t=1,v1=" + "a" * 5000, "t=" + "9" * 40 + ",v1=a",
    ],
)  # fmt: skip
def test_a_malformed_signature_is_refused(signature: str) -> None:
    assert refused(b"{}", signature) == "malformed"


@pytest.mark.parametrize("signature", ["t=1,v1=ab", "t=1,v0=ab,v1=cd"])
def test_a_signature_that_is_not_ours_is_refused(signature: str) -> None:
    assert refused(b"{}", signature) == "wrong"


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_moment_within_five_minutes_is_taken(seconds: int) -> None:
    body = json.dumps(event())
    assert deliver(body, signed(body, seconds=seconds)).id == "evt_1"


@pytest.mark.parametrize("seconds", [-301, 301, 10**9])
def test_a_moment_further_away_is_stale_back_or_ahead(seconds: int) -> None:
    body = json.dumps(event())
    assert refused(body.encode(), signed(body, seconds=seconds)) == "stale"


@pytest.mark.parametrize("header", ["t= {old},t={new},{v1}", "t={old},t={new},{v1}", "t={new},t={old},{v1}"])
def test_an_old_delivery_does_not_become_new_by_a_second_moment(header: str) -> None:
    body, new = json.dumps(event()), int(NOON.timestamp())
    v1 = signed(body, seconds=-86_400).split(",")[1]
    assert refused(body.encode(), header.format(old=new - 86_400, new=new, v1=v1)) == "malformed"


def test_a_body_that_is_not_utf8_is_refused() -> None:
    assert refused(b"\xff{}", "t=1,v1=ab") == "body"


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[]", "null", "1", '"evt_1"', "{}", "NaN", '{"object": "event", "id": NaN}', "[" * 100_000,
        json.dumps({"object": "v2.core.event", "id": "evt_1", "type": "v1.invoice.paid"}),
        *(json.dumps(event(**{name: "absent"})) for name in ("id", "object", "type", "data", "created", "livemode")),
        json.dumps(event(id="")), json.dumps(event(id="e" * 129)), json.dumps(event(id=7)),
        json.dumps(event(id="evt é")),
        json.dumps(event(type="")), json.dumps(event(type="t" * 129)), json.dumps(event(type=["invoice.paid"])),
        json.dumps(event(created=True)), json.dumps(event(created="now")), json.dumps(event(created=10**30)),
        json.dumps(event(livemode=1)), json.dumps(event(data={})), json.dumps(event(data={"object": []})),
        json.dumps(event(data={"object": {"object": "invoice", "id": ""}})),
        json.dumps(event(data={"object": {"object": "invoice", "id": "i" * 129}})),
        json.dumps(event(data={"object": {"id": "in_1"}})),
    ],
)  # fmt: skip
def test_a_signed_body_that_is_no_event_is_refused(body: str) -> None:
    assert refused(body.encode(), signed(body)) == "body"


def test_an_object_without_an_id_is_known_by_its_event() -> None:
    body = json.dumps(event(type="balance.available", data={"object": {"object": "balance", "available": []}}))
    found = deliver(body)
    assert (found.object_type, found.object_id, found.customer_id) == ("balance", "evt_1", None)


@pytest.mark.parametrize(
    ("thing", "customer_id"),
    [
        ({"id": "cus_7", "object": "customer"}, "cus_7"),
        ({"id": "in_1", "object": "invoice", "customer": {"id": "cus_8", "object": "customer"}}, "cus_8"),
        ({"id": "in_1", "object": "invoice", "customer": None}, None),
        ({"id": "in_1", "object": "invoice", "customer": ""}, None),
        ({"id": "in_1", "object": "invoice", "customer": "c" * 200}, None),
    ],
)
def test_whose_it_is_is_read_where_the_payload_says_so(thing: dict[str, Any], customer_id: str | None) -> None:
    assert deliver(json.dumps(event(data={"object": thing}))).customer_id == customer_id


def test_an_event_without_a_version_is_taken() -> None:
    assert deliver(json.dumps(event(api_version=None))).api_version is None
