"""/v1/stripe/webhook: what is taken for an event, what is refused, and that each is kept once, whatever arrives."""

import asyncio
import json
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import select

from app.api import stripe_webhook
from models import CatalogKind, EventSource, StripeEvent
from services.database import open_engine, reading, transaction
from services.gateways.stripe.events import event_facts
from services.payments import inbox
from services.payments.stripe_catalog import forget_entry, keep_entry
from services.settings import settings
from services.stripe_sandbox.deliveries import signature
from tests.app.api.conftest import Client, assert_problem

SECRET = "whsec_of_the_settings"
URL = "/v1/stripe/webhook"
ACCOUNT = "test"
NOBODYS_ADDRESS = "http://127.0.0.1:9"
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Hook:
    """The webhook, and what was kept of what it was sent."""

    client: Client

    def send(self, body: bytes | str, signed: str | None = None, **headers: str) -> httpx.Response:
        raw = body.encode() if isinstance(body, str) else body
        sent = {"Stripe-Signature": sign(raw) if signed is None else signed, **headers}
        return self.client.post(URL, content=raw, headers={name: text for name, text in sent.items() if text})

    def deliver(self, **changed: Any) -> dict[str, Any]:
        """Deliver an event that must be taken; the answer's document."""
        answer = self.send(body_of(**changed))
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said

    def refuse(self, body: bytes | str, signed: str | None = None) -> str:
        """Deliver what must be refused and leave nothing behind; why it was."""
        reason: str = assert_problem(self.send(body, signed), 400, "invalid_delivery")["reason"]
        assert kept() == []
        return reason


@pytest.fixture
def hook(engine: Engine, client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    """On both databases. Nothing answers where Stripe is said to be, so nothing here waits for it."""
    monkeypatch.setenv("TALLYSTICK_STRIPE_SECRET_KEY", "sk_test_of_the_webhook")
    monkeypatch.setenv("TALLYSTICK_STRIPE_ADDRESS", NOBODYS_ADDRESS)
    monkeypatch.setenv("TALLYSTICK_STRIPE_WEBHOOK_SECRET", SECRET)
    settings.cache_clear()
    stripe_webhook.forget_secrets()
    yield Hook(client)
    stripe_webhook.forget_secrets()


def event(**changed: Any) -> dict[str, Any]:
    envelope = {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1_790_000_000,
        "livemode": False,
        "type": "invoice.paid",
        "data": {"object": {"id": "in_1", "object": "invoice", "customer": "cus_1"}},
        "pending_webhooks": 1,
        "request": None,
    }
    return {name: value for name, value in {**envelope, **changed}.items() if value != "absent"}


def body_of(**changed: Any) -> bytes:
    return json.dumps(event(**changed)).encode()


def sign(body: bytes, *, secret: str = SECRET, ago: timedelta = timedelta(0)) -> str:
    return signature(secret, body, int((datetime.now(UTC) - ago).timestamp()))


def kept() -> list[StripeEvent]:
    with reading() as session:
        return sorted(session.exec(select(StripeEvent)).all(), key=lambda row: row.id)


def test_an_event_is_kept_as_it_was_sent_and_waits_for_its_turn(hook: Hook) -> None:
    before = datetime.now(UTC)
    assert hook.deliver() == {"received": True, "duplicate": False}
    (row,) = kept()
    assert (row.id, row.account, row.type, row.object_id, row.customer_id) == (
        "evt_1", ACCOUNT, "invoice.paid", "in_1", "cus_1",
    )  # fmt: skip
    assert (row.status, row.source, row.attempts, row.error, row.tenant_id) == ("waiting", "webhook", 0, None, None)
    assert row.payload == event()
    assert row.created_at == datetime.fromtimestamp(1_790_000_000, UTC)
    assert before <= row.received_at == row.next_attempt_at <= datetime.now(UTC)


def test_a_duplicate_is_answered_like_the_first_and_changes_nothing(hook: Hook) -> None:
    hook.deliver()
    first = kept()
    assert hook.deliver() == {"received": True, "duplicate": True}
    assert hook.deliver(type="invoice.voided", created=1_790_000_100) == {"received": True, "duplicate": True}
    assert kept() == first


def test_no_key_and_no_cookie_are_needed_and_none_helps(hook: Hook) -> None:
    assert hook.send(body_of(), Authorization="Bearer nonsense").status_code == 200
    assert_problem(hook.send(body_of(id="evt_2"), "t=1,v1=ab", Authorization="Bearer x"), 400, "invalid_delivery")


def test_the_media_type_does_not_matter_for_the_bytes_are_what_is_signed(hook: Hook) -> None:
    for number, media_type in enumerate(("application/json; charset=utf-8", "text/plain", "application/x-nonsense")):
        answer = hook.send(body_of(id=f"evt_{number}"), **{"Content-Type": media_type})
        assert answer.status_code == 200, media_type
    assert len(kept()) == 3


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_a_post_is_a_delivery(hook: Hook, method: str) -> None:
    answer = hook.client.request(method, URL, content=body_of(), headers={"Stripe-Signature": sign(body_of())})
    assert_problem(answer, 405, "method_not_allowed")
    assert kept() == []


# -- signatures


def test_a_delivery_without_a_signature_is_refused(hook: Hook) -> None:
    assert hook.refuse(body_of(), "") == "missing"


@pytest.mark.parametrize(
    "signed",
    [
        "nonsense", "t=1", "v1=ab", "t=,v1=ab", "t=x,v1=ab", "t=-1,v1=ab", "t=1,v1=", "t=1;v1=ab", "t=1,t=2,v1=ab",
        "t=1,v1=" + "a" * 5_000, f"t={'9' * 40},v1=ab", "t=1, v1=ab",
    ],
)  # fmt: skip
def test_a_malformed_signature_is_refused(hook: Hook, signed: str) -> None:
    assert hook.refuse(body_of(), signed) == "malformed"


def test_a_signature_made_with_another_secret_is_refused(hook: Hook) -> None:
    assert hook.refuse(body_of(), sign(body_of(), secret="whsec_of_somebody_else")) == "wrong"
    assert hook.refuse(body_of(), sign(body_of(), secret="")) == "wrong"


@pytest.mark.parametrize("ago", [timedelta(minutes=6), timedelta(days=400), timedelta(minutes=-6), timedelta(days=-9)])
def test_a_signature_of_another_time_is_refused_be_it_past_or_to_come(hook: Hook, ago: timedelta) -> None:
    assert hook.refuse(body_of(), sign(body_of(), ago=ago)) == "stale"


def test_a_delivery_that_is_played_again_is_a_duplicate_and_then_stale(hook: Hook) -> None:
    body = body_of()
    signed = sign(body, ago=timedelta(minutes=4))
    assert [hook.send(body, signed).json()["duplicate"] for _ in range(3)] == [False, True, True]
    assert_problem(hook.send(body, sign(body, ago=timedelta(minutes=6))), 400, "invalid_delivery")
    assert len(kept()) == 1


@pytest.mark.parametrize("change", [b" ", b"\n", b"\x00", b"\xef\xbb\xbf"])
def test_a_body_that_was_changed_after_signing_is_refused(hook: Hook, change: bytes) -> None:
    body = body_of()
    assert hook.refuse(body + change, sign(body)) == "wrong"
    assert hook.refuse(change + body, sign(body)) == "wrong"
    assert hook.refuse(body.replace(b"in_1", b"in_2"), sign(body)) == "wrong"


def test_the_signature_of_one_body_is_none_for_another(hook: Hook) -> None:
    assert hook.refuse(body_of(id="evt_2"), sign(body_of(id="evt_1"))) == "wrong"


# -- bodies that were signed, and are no events


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"null", b"true", b"[]", b"{}", b"3", b'"evt_1"', b"{", b"not json", b"[[[[", b"{'id': 1}",
        b'{"object": "event"}', b'{"object": "list", "data": []}', b"\xff\xfe{}", body_of() + b"}",
        b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        body_of().replace(b"1790000000", b"NaN"), body_of().replace(b"1790000000", b"1" * 5_000),
    ],
    ids=lambda body: body[:16].decode("latin-1"),
)  # fmt: skip
def test_what_is_signed_and_is_no_event_is_refused(hook: Hook, body: bytes) -> None:
    assert hook.refuse(body) == "body"


WRONG = (
    {"id": ""}, {"id": " "}, {"id": "e" * 129}, {"id": 7}, {"id": None}, {"id": "absent"}, {"id": ["evt_1"]},
    {"id": "evt\u0000"}, {"id": "évt_1"}, {"id": "evt 1"}, {"type": ""}, {"type": 3}, {"type": "absent"},
    {"type": "x" * 129}, {"type": "invoice.\u0000paid"}, {"created": "1790000000"}, {"created": 1.5},
    {"created": True}, {"created": "absent"}, {"created": 10**18}, {"created": -(10**18)}, {"livemode": "false"},
    {"livemode": 0}, {"livemode": None}, {"livemode": "absent"}, {"data": None}, {"data": []}, {"data": "absent"},
    {"data": {}}, {"data": {"object": None}}, {"data": {"object": []}}, {"data": {"object": {}}},
    {"data": {"object": {"object": "invoice", "id": ""}}}, {"data": {"object": {"object": "invoice", "id": 5}}},
    {"data": {"object": {"object": "invoice", "id": "i" * 129}}}, {"data": {"object": {"id": "in_1"}}},
    {"object": "charge"}, {"object": None}, {"object": "absent"},
)  # fmt: skip


@pytest.mark.parametrize("changed", WRONG, ids=lambda changed: json.dumps(changed)[:40])
def test_an_event_with_a_wrong_member_is_refused(hook: Hook, changed: dict[str, Any]) -> None:
    assert hook.refuse(body_of(**changed)) == "body"


@pytest.mark.parametrize("customer", [5, "", "c" * 129, {"id": 3}, [], {"object": "customer"}, "cus\u0000"])
def test_a_customer_that_is_none_is_left_out_and_the_event_kept(hook: Hook, customer: Any) -> None:
    hook.deliver(data={"object": {"id": "in_1", "object": "invoice", "customer": customer}})
    (row,) = kept()
    assert (row.customer_id, row.object_id) == (None, "in_1")


@pytest.mark.parametrize("text", ["a\u0000b", "\ud800", "\U0001f9fe", "\u202e", "x" * 200_000])
def test_any_text_in_the_object_is_kept_but_for_what_no_database_holds(hook: Hook, text: str) -> None:
    thing = {"id": "in_1", "object": "invoice", "description": text}
    hook.deliver(data={"object": thing})
    (row,) = kept()
    described = row.payload["data"]["object"]["description"]
    assert described == text.replace("\u0000", "\ufffd").replace("\ud800", "\ufffd")


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" + b"0" * 400, b"1e-999", b"0.1"], ids=repr)
def test_a_number_beyond_any_measure_is_kept_too(hook: Hook, number: bytes) -> None:
    body = body_of(data={"object": {"id": "in_1", "object": "invoice", "total": "HUGE"}})
    assert hook.send(body.replace(b'"HUGE"', number)).status_code == 200
    assert len(kept()) == 1


def test_a_body_of_a_megabyte_is_taken_and_one_byte_more_is_not(hook: Hook) -> None:
    body = body_of()
    largest = body[:-1] + b" " * (MEGABYTE - len(body)) + b"}"
    assert len(largest) == MEGABYTE
    assert_problem(hook.send(largest + b" "), 413, "too_large")
    assert kept() == []
    assert hook.send(largest).json() == {"received": True, "duplicate": False}


def test_a_body_whose_size_is_not_announced_is_bounded_too(hook: Hook) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 65_536

    answer = hook.client.post(URL, content=endless(), headers={"Stripe-Signature": sign(b"")})
    assert_problem(answer, 413, "too_large")
    assert kept() == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(["id", "object", "type", "created", "livemode", "data", "api_version", "request", "account"])


@given(
    changed=st.dictionaries(MEMBERS, JSON, max_size=3), inside=st.dictionaries(st.text(max_size=8), JSON, max_size=3)
)
def test_whatever_is_signed_is_taken_or_refused_and_never_breaks_anything(
    hook: Hook, changed: dict[str, Any], inside: dict[str, Any]
) -> None:
    thing = {"id": "in_1", "object": "invoice", **inside}
    body = json.dumps({**event(data={"object": thing}), **changed}).encode()
    answer = hook.send(body)
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        assert answer.json()["reason"] == "body"


@given(body=st.binary(max_size=200), signed=st.text(max_size=60))
def test_whatever_is_not_signed_is_refused(hook: Hook, body: bytes, signed: str) -> None:
    header = signed.encode("ascii", "ignore").decode().translate(dict.fromkeys(range(33))).replace("\x7f", "")
    assert hook.send(body, header).status_code == 400
    assert kept() == []


# -- what kind of event


@pytest.mark.parametrize("type_", ["invoice.upcoming", "charge.succeeded", "payment_intent.created", "of.the.future"])
def test_a_type_that_we_do_not_act_on_is_kept_and_ignored(hook: Hook, type_: str) -> None:
    assert hook.deliver(type=type_)["duplicate"] is False
    (row,) = kept()
    assert (row.status, row.type, row.done_at) == ("ignored", type_, row.received_at)


@pytest.mark.parametrize("version", ["2019-01-01", "2099-01-01.zebra", None, "absent", 7])
def test_an_event_of_another_api_version_is_kept_for_its_object_is_read_anew(hook: Hook, version: Any) -> None:
    hook.deliver(api_version=version)
    (row,) = kept()
    assert row.api_version == (version if isinstance(version, str) and version != "absent" else None)
    assert row.status == "waiting"


def test_a_live_event_is_refused_where_the_key_is_a_test_key(hook: Hook) -> None:
    answer = hook.send(body_of(livemode=True))
    assert "live event" in assert_problem(answer, 400, "invalid_delivery")["detail"]
    assert kept() == []


def test_a_test_event_is_refused_where_the_key_is_live(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_STRIPE_SECRET_KEY", "sk_live_of_the_webhook")
    monkeypatch.setenv("TALLYSTICK_STRIPE_ADDRESS", "https://stripe.example.com")
    settings.cache_clear()
    assert "test event" in assert_problem(hook.send(body_of()), 400, "invalid_delivery")["detail"]
    assert hook.send(body_of(livemode=True)).status_code == 200
    assert [row.account for row in kept()] == ["live"]


# -- secrets


def note_secret(secret: str, name: str = "tallystick:webhook") -> None:
    with transaction() as session:
        keep_entry(
            session,
            account=ACCOUNT,
            lookup_key=name,
            kind=CatalogKind.WEBHOOK_ENDPOINT,
            stripe_id=f"we_{name}",
            fingerprint="f",
            url="https://portal.example/v1/stripe/webhook",
            secret=secret,
            at=datetime.now(UTC),
        )


def test_a_secret_that_is_rotated_is_taken_from_the_next_delivery_on(hook: Hook) -> None:
    note_secret("whsec_first")
    assert hook.send(body_of(id="evt_1"), sign(body_of(id="evt_1"), secret="whsec_first")).status_code == 200
    note_secret("whsec_second")
    assert hook.send(body_of(id="evt_2"), sign(body_of(id="evt_2"), secret="whsec_second")).status_code == 200
    stripe_webhook.forget_secrets()
    late = hook.send(body_of(id="evt_3"), sign(body_of(id="evt_3"), secret="whsec_first"))
    assert_problem(late, 400, "invalid_delivery")
    assert [row.id for row in kept()] == ["evt_1", "evt_2"]


def test_while_two_endpoints_stand_the_secrets_of_both_are_taken(hook: Hook) -> None:
    note_secret("whsec_old", "tallystick:old")
    note_secret("whsec_new", "tallystick:new")
    for number, secret in enumerate(("whsec_old", "whsec_new", SECRET)):
        body = body_of(id=f"evt_{number}")
        assert hook.send(body, sign(body, secret=secret)).status_code == 200
    with transaction() as session:
        forget_entry(session, account=ACCOUNT, lookup_key="tallystick:old")
    stripe_webhook.forget_secrets()
    assert_problem(hook.send(body_of(), sign(body_of(), secret="whsec_old")), 400, "invalid_delivery")
    assert len(kept()) == 3


def test_without_the_master_key_a_delivery_is_to_be_sent_again(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    note_secret("whsec_sealed")
    monkeypatch.setenv("TALLYSTICK_MASTER_KEY", "B" * 43)
    settings.cache_clear()
    stripe_webhook.forget_secrets()
    assert_problem(hook.send(body_of()), 503, "keys_unavailable")
    assert kept() == []
    monkeypatch.setenv("TALLYSTICK_MASTER_KEY", "A" * 43)
    settings.cache_clear()
    assert hook.send(body_of()).status_code == 200


def test_without_a_secret_nothing_is_taken(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TALLYSTICK_STRIPE_WEBHOOK_SECRET")
    settings.cache_clear()
    stripe_webhook.forget_secrets()
    assert hook.refuse(body_of()) == "wrong"


def test_where_no_stripe_is_to_be_had_a_delivery_is_to_be_sent_again(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TALLYSTICK_STRIPE_SECRET_KEY")
    monkeypatch.setenv("TALLYSTICK_PUBLIC_URL", "https://portal.example")
    settings.cache_clear()
    assert_problem(hook.send(body_of()), 503, "payments_unavailable")


# -- many at once


@pytest.mark.slow
def test_two_thousand_deliveries_of_five_hundred_events_at_once_keep_each_once(hook: Hook) -> None:
    bodies = [body_of(id=f"evt_{number:03}") for number in range(500)] * 4
    random.Random(4).shuffle(bodies)
    requests = [
        hook.client.http.build_request("POST", URL, content=body, headers={"Stripe-Signature": sign(body)})
        for body in bodies
    ]
    answers = hook.client.together(*requests)
    assert {answer.status_code for answer in answers} == {200}
    assert sum(not answer.json()["duplicate"] for answer in answers) == 500
    assert [row.id for row in kept()] == [f"evt_{number:03}" for number in range(500)]


def test_a_delivery_that_cannot_be_kept_fails_alone_and_is_taken_when_it_comes_again(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = inbox.keep_event

    def keep_or_break(*args: Any, **given: Any) -> bool:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(inbox, "keep_event", keep_or_break)
    answer = hook.send(body_of())
    assert answer.status_code == 500
    monkeypatch.setattr(inbox, "keep_event", keep)
    assert hook.deliver() == {"received": True, "duplicate": False}


def at_once(*acts: Callable[[], int]) -> list[int]:
    """Run these in threads that begin together; what each answers."""
    ready = threading.Barrier(len(acts))

    def run(act: Callable[[], int]) -> int:
        ready.wait(10)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_two_processes_that_are_sent_the_same_events_keep_each_once(hook: Hook, database_url: str) -> None:
    engines = [open_engine(database_url) for _ in range(2)]
    events = [event_facts(event(id=f"evt_{number:03}")) for number in range(200)]

    def keep(on: Engine, order: list[Any]) -> int:
        with transaction(on) as session:
            return inbox.keep_events(
                session, account=ACCOUNT, events=order, source=EventSource.WEBHOOK, at=datetime.now(UTC)
            )

    try:
        for round_ in range(5):
            mine = [event_facts(event(id=f"evt_{round_}_{each.id}")) for each in events]
            kept_by = at_once(lambda: keep(engines[0], mine), lambda: keep(engines[1], mine[::-1]))  # noqa: B023
            assert sum(kept_by) == 200
    finally:
        for each in engines:
            each.dispose()
    assert len(kept()) == 1_000


def test_groups_of_deliveries_that_two_processes_write_in_other_orders_do_not_block_each_other(
    hook: Hook, database_url: str
) -> None:
    from app import webhook_commit

    engines = [open_engine(database_url) for _ in range(2)]

    def write(on: Engine, ids: list[str]) -> int:
        loop = asyncio.new_event_loop()
        group = [webhook_commit._Delivery(ACCOUNT, event_facts(event(id=each)), loop.create_future()) for each in ids]
        with transaction(on) as session:
            answers = webhook_commit._keep_all(session, group)
        loop.close()
        return sum(answers)

    try:
        for round_ in range(5):
            ids = [f"evt_{round_}_{number:03}" for number in range(60)]
            kept_by = at_once(lambda: write(engines[0], ids), lambda: write(engines[1], ids[::-1]))  # noqa: B023
            assert sum(kept_by) == 60
    finally:
        for each in engines:
            each.dispose()
    assert len(kept()) == 300
