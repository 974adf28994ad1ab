"""Webhooks sent to real servers: in order, one at a time, at least once, signed so that receivers can check."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select
from standardwebhooks import Webhook, WebhookVerificationError

from app import webhook_deliveries
from app.webhook_deliveries import deliver_due_webhooks, deliver_test
from models import NoticeType, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from services import settings as configuration
from services.database import reading, transaction
from services.notice_shapes import SpendCapData
from services.notice_values import NoticeAmount
from services.notices import announce, read_notices
from services.rules.webhook_retries import ATTEMPTS_MAX, RETRY_AFTER
from services.webhooks import endpoints, replays
from services.webhooks.endpoints import EndpointChanges
from services.webhooks.line import claim_next
from services.webhooks.waiting import count_waiting
from tests.given import customer
from tests.receivers import Received, Receiver, receiver

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def at() -> datetime:
    """Now: what receivers verify with looks at the clock."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@pytest.fixture
def loopback(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_LOOPBACK_CALLS", "true")
    configuration.settings.cache_clear()


class World:
    """A customer with an endpoint."""

    def __init__(self, url: str, at: datetime) -> None:
        with transaction() as session:
            self.tenant_id = customer(session, at=at, start=at.date() - timedelta(days=1)).tenant_id
            self.endpoint_id = self.register(session, url, at)
        self.told = 0

    def register(self, session: Session, url: str, at: datetime) -> str:
        return endpoints.create_endpoint(session, tenant_id=self.tenant_id, url=url, at=at).id

    def tell(self, at: datetime, count: int = 1) -> None:
        with transaction() as session:
            for _ in range(count):
                self.told += 1
                data = SpendCapData(
                    subscription_id=f"sub_{self.told}", cap=NoticeAmount.of(1, "CAD"), period_start=at, event_id=None,
                    raised_at=at,
                )  # fmt: skip
                announce(
                    session, tenant_id=self.tenant_id, type=NoticeType.SPEND_CAP_REACHED, subject_id=f"sub_{self.told}",
                    data=data, at=at,
                )  # fmt: skip

    def change(self, at: datetime, **changes: object) -> None:
        with transaction() as session:
            wanted = EndpointChanges(**changes)  # type: ignore[arg-type]
            endpoints.change_endpoint(
                session, tenant_id=self.tenant_id, endpoint_id=self.endpoint_id, changes=wanted, at=at
            )

    def endpoint(self) -> WebhookEndpoint:
        with reading() as session:
            return session.get_one(WebhookEndpoint, (self.tenant_id, self.endpoint_id))

    def secrets(self, at: datetime) -> list[str]:
        with reading() as session:
            found = session.get_one(WebhookEndpoint, (self.tenant_id, self.endpoint_id))
            return endpoints.open_secrets(session, found, at=at)

    def deliveries(self) -> list[WebhookDelivery]:
        with reading() as session:
            return list(session.exec(select(WebhookDelivery).order_by(WebhookDelivery.position)))

    def attempts(self) -> list[WebhookAttempt]:
        with reading() as session:
            return list(session.exec(select(WebhookAttempt).order_by(WebhookAttempt.started_at)))

    def waiting(self) -> int:
        with reading() as session:
            return count_waiting(session, session.get_one(WebhookEndpoint, (self.tenant_id, self.endpoint_id)))


@pytest.fixture
def world(loopback: None, server: Receiver, at: datetime) -> World:
    return World(server.url, at)


def told(server: Receiver) -> list[str]:
    return [json.loads(request.body)["data"]["subscription_id"] for request in server.received]


def verified(request: Received, secret: str) -> bool:
    try:
        Webhook(secret).verify(request.body, request.headers)
    except WebhookVerificationError:
        return False
    return True


def test_what_happened_before_it_was_registered_is_not_sent(world: World, server: Receiver, at: datetime) -> None:
    assert deliver_due_webhooks(at=at) == {"delivered": 0, "failed": 0, "broken": 0}
    assert server.received == []


def test_notices_come_in_order_signed_and_once(world: World, server: Receiver, at: datetime) -> None:
    world.tell(at, 3)
    assert deliver_due_webhooks(at=at)["delivered"] == 3
    assert deliver_due_webhooks(at=at + MINUTE)["delivered"] == 0
    assert told(server) == ["sub_1", "sub_2", "sub_3"]
    (secret,) = world.secrets(at)
    assert all(verified(request, secret) for request in server.received)
    body = json.loads(server.received[0].body)
    with reading() as session:
        notice = read_notices(session, tenant_id=world.tenant_id)[-3]
    assert (body["type"], body["sequence"], body["version"]) == ("spend_cap.reached", notice.seq, 1)
    assert server.received[0].headers["webhook-id"] == body["id"] == notice.id
    assert server.received[0].headers["content-type"] == "application/json"
    assert not verified(server.received[0], "whsec_" + "A" * 44)


def test_only_chosen_types_are_sent(world: World, server: Receiver, at: datetime) -> None:
    world.change(at, event_types=["invoice.paid"])
    world.tell(at, 2)
    assert world.waiting() == 0
    assert deliver_due_webhooks(at=at)["delivered"] == 0
    world.change(at, wants_all=True)
    world.tell(at)
    deliver_due_webhooks(at=at)
    assert told(server) == ["sub_3"]


def test_one_that_fails_holds_those_behind_it_and_is_tried_on_the_schedule(
    world: World, server: Receiver, at: datetime
) -> None:
    world.tell(at, 3)
    server.answers = [(500, b"broken"), (503, b"busy")]
    assert deliver_due_webhooks(at=at) == {"delivered": 0, "failed": 1, "broken": 0}
    assert deliver_due_webhooks(at=at + 4 * SECOND)["failed"] == 0, "too early"
    assert deliver_due_webhooks(at=at + 7 * SECOND)["failed"] == 1
    assert told(server) == ["sub_1", "sub_1"]
    assert (world.waiting(), world.endpoint().failing_since is not None) == (3, True)
    assert deliver_due_webhooks(at=at + 6 * MINUTE)["delivered"] == 3
    assert told(server) == ["sub_1", "sub_1", "sub_1", "sub_2", "sub_3"]
    assert len({request.headers["webhook-id"] for request in server.received}) == 3
    assert world.endpoint().failing_since is None
    assert [(each.status_code, each.response) for each in world.attempts()][:2] == [(500, "broken"), (503, "busy")]


def test_two_workers_send_nothing_twice_and_nothing_out_of_turn(world: World, server: Receiver, at: datetime) -> None:
    world.tell(at, 20)
    server.seconds = 0.01
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: deliver_due_webhooks(at=at), range(3)))
    deliver_due_webhooks(at=at)
    assert told(server) == [f"sub_{number}" for number in range(1, 21)]
    assert server.at_once_max == 1


def test_an_endpoint_that_is_slow_or_broken_holds_up_no_other(world: World, server: Receiver, at: datetime) -> None:
    with receiver() as other:
        with transaction() as session:
            world.register(session, other.url, at)
        world.tell(at, 2)
        server.answering = lambda _: (500, b"")
        assert deliver_due_webhooks(at=at) == {"delivered": 2, "failed": 1, "broken": 0}
        assert told(other) == ["sub_1", "sub_2"]


def test_a_run_ends_in_time_and_the_next_one_goes_on(
    world: World, server: Receiver, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.tell(at, 3)
    server.seconds = 0.6
    with monkeypatch.context() as patched:
        patched.setattr(webhook_deliveries, "SECONDS_IN_A_RUN", 0.5)
        assert deliver_due_webhooks(at=at)["delivered"] == 1
    server.seconds = 0.0
    deliver_due_webhooks(at=at)
    assert told(server) == ["sub_1", "sub_2", "sub_3"]


def test_what_was_sent_when_the_process_died_is_sent_again_under_the_same_id(
    world: World, server: Receiver, at: datetime
) -> None:
    world.tell(at, 2)
    with transaction() as session:
        sending = claim_next(session, tenant_id=world.tenant_id, endpoint_id=world.endpoint_id, at=at)
    assert sending is not None
    assert webhook_deliveries.send(sending).is_delivered  # and here the process dies
    assert deliver_due_webhooks(at=at + 30 * SECOND)["delivered"] == 0, "its claim still stands"
    assert deliver_due_webhooks(at=at + 61 * SECOND)["delivered"] == 2
    assert told(server) == ["sub_1", "sub_1", "sub_2"]
    first, again, other = (request.headers["webhook-id"] for request in server.received)
    assert first == again != other
    lost, kept, _ = world.attempts()
    assert (lost.finished_at, kept.status_code) == (None, 200)


def test_after_the_last_attempt_it_is_disabled_told_of_and_can_be_resumed(
    world: World, server: Receiver, at: datetime
) -> None:
    world.tell(at, 2)
    server.answering = lambda _: (500, b"no")
    moment = at
    for wait in (timedelta(0), *RETRY_AFTER):
        moment += wait * 11 // 10 + SECOND
        assert deliver_due_webhooks(at=moment)["failed"] == 1
    assert len(server.received) == ATTEMPTS_MAX
    endpoint = world.endpoint()
    assert (endpoint.status, endpoint.disabled_reason) == ("disabled", "failing")
    with reading() as session:
        disabled = read_notices(session, tenant_id=world.tenant_id)[-1]
    assert (disabled.type, disabled.subject_id) == ("webhook.disabled", endpoint.id)
    assert (disabled.data["host"], disabled.data["reason"]) == ("127.0.0.1", "failing")
    assert deliver_due_webhooks(at=moment + 48 * HOUR) == {"delivered": 0, "failed": 0, "broken": 0}
    server.answering = None
    later = moment + 49 * HOUR
    world.change(later, enabled=True)
    assert deliver_due_webhooks(at=later)["delivered"] == 3
    assert [json.loads(request.body)["type"] for request in server.received[-3:]] == [
        "spend_cap.reached", "spend_cap.reached", "webhook.disabled",
    ]  # fmt: skip


def test_a_receiver_that_is_gone_is_left_alone_at_once(world: World, server: Receiver, at: datetime) -> None:
    world.tell(at)
    server.answers = [(410, b"gone")]
    assert deliver_due_webhooks(at=at)["failed"] == 1
    assert (world.endpoint().status, world.endpoint().disabled_reason) == ("disabled", "gone")


def test_who_goes_on_from_now_skips_what_waited(world: World, server: Receiver, at: datetime) -> None:
    world.tell(at)
    server.answers = [(500, b"")]
    deliver_due_webhooks(at=at)
    world.tell(at, 2)
    world.change(at, enabled=False)
    assert world.waiting() == 3
    world.change(at, enabled=True, skips_held=True)
    assert world.waiting() == 0
    world.tell(at)
    deliver_due_webhooks(at=at + MINUTE)
    assert told(server) == ["sub_1", "sub_4"]
    assert [each.status for each in world.deliveries()] == ["skipped", "delivered"]


def test_a_redirect_is_a_failure_and_not_followed(world: World, server: Receiver, at: datetime) -> None:
    with receiver() as elsewhere:
        server.answers = [(307, elsewhere.url.encode())]
        world.tell(at)
        assert deliver_due_webhooks(at=at)["failed"] == 1
        assert elsewhere.received == []


def test_while_a_secret_is_rotated_both_sign_and_afterwards_the_new_one_alone(
    world: World, server: Receiver, at: datetime
) -> None:
    (old,) = world.secrets(at)
    with transaction() as session:
        endpoints.rotate_secret(
            session, tenant_id=world.tenant_id, endpoint_id=world.endpoint_id, at=at - 2 * HOUR, overlap_hours=3
        )
    new = world.secrets(at)[0]
    world.tell(at)
    deliver_due_webhooks(at=at)
    assert [verified(server.received[0], secret) for secret in (old, new)] == [True, True]
    with transaction() as session:
        session.get_one(WebhookEndpoint, (world.tenant_id, world.endpoint_id)).previous_expires_at = at - SECOND
    world.tell(at)
    deliver_due_webhooks(at=at)
    assert [verified(server.received[1], secret) for secret in (old, new)] == [False, True]


def test_secrets_are_sealed_at_rest(world: World, at: datetime) -> None:
    (secret,) = world.secrets(at)
    assert secret.startswith("whsec_")
    assert secret not in str(world.endpoint())


def test_one_notice_and_all_since_a_moment_are_sent_again(world: World, server: Receiver, at: datetime) -> None:
    world.tell(at)
    later = at + MINUTE
    world.tell(later, 2)
    deliver_due_webhooks(at=later)
    with transaction() as session:
        first = read_notices(session, tenant_id=world.tenant_id)[-3]
        who = {"tenant_id": world.tenant_id, "endpoint_id": world.endpoint_id}
        replays.replay_notice(session, **who, notice_id=first.id, at=later)
        assert len(replays.replay_since(session, **who, since=later, at=later)) == 2
        assert replays.replay_since(session, **who, since=later, at=later) == [], "they wait already"
    deliver_due_webhooks(at=later)
    assert told(server) == ["sub_1", "sub_2", "sub_3", "sub_1", "sub_2", "sub_3"]
    assert len({request.headers["webhook-id"] for request in server.received}) == 3


def test_replaying_what_waits_tries_it_now(world: World, server: Receiver, at: datetime) -> None:
    world.tell(at)
    server.answers = [(500, b"")]
    deliver_due_webhooks(at=at)
    with transaction() as session:
        notice = read_notices(session, tenant_id=world.tenant_id)[-1]
        replays.replay_notice(
            session, tenant_id=world.tenant_id, endpoint_id=world.endpoint_id, notice_id=notice.id, at=at
        )
    assert deliver_due_webhooks(at=at)["delivered"] == 1
    assert len(world.deliveries()) == 1


def test_a_test_is_sent_once_and_out_of_turn(world: World, server: Receiver, at: datetime) -> None:
    world.tell(at)
    server.answers = [(500, b""), (500, b"")]
    deliver_due_webhooks(at=at)
    with transaction() as session:
        asked = replays.ask_test(session, tenant_id=world.tenant_id, endpoint_id=world.endpoint_id, at=at)
    for _ in range(2):
        deliver_test(tenant_id=world.tenant_id, delivery_id=asked.id, at=at)
    assert [json.loads(request.body)["type"] for request in server.received] == ["spend_cap.reached", "webhook.test"]
    assert verified(server.received[1], world.secrets(at)[0])
    assert [each.status for each in world.deliveries()] == ["waiting", "failed"]
    assert deliver_due_webhooks(at=at + 6 * SECOND)["delivered"] == 1


def test_a_test_that_nobody_sent_is_sent_by_the_job(world: World, server: Receiver, at: datetime) -> None:
    with transaction() as session:
        replays.ask_test(session, tenant_id=world.tenant_id, endpoint_id=world.endpoint_id, at=at)
    assert deliver_due_webhooks(at=at)["delivered"] == 1
    assert [each.status for each in world.deliveries()] == ["delivered"]


def test_of_an_answer_the_start_is_kept_without_secrets(world: World, server: Receiver, at: datetime) -> None:
    world.tell(at)
    server.answers = [(200, b"whsec_abcdefgh someone@example.com \x00\xff" + b"x" * 5_000)]
    deliver_due_webhooks(at=at)
    kept = world.attempts()[0].response
    assert kept is not None
    assert len(kept) <= 2_048
    assert "whsec_" not in kept
    assert "example.com" not in kept
    assert "\0" not in kept


def test_a_name_that_leads_to_a_private_address_is_refused(
    engine: Engine, server: Receiver, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World("https://hooks.example.com/in", at)
    monkeypatch.setattr(
        webhook_deliveries.guarded_egress.call, "__kwdefaults__",
        webhook_deliveries.guarded_egress.call.__kwdefaults__ | {"resolving": lambda *_: ["10.0.0.7"]},
    )  # fmt: skip
    world.tell(at)
    assert deliver_due_webhooks(at=at)["failed"] == 1
    assert world.attempts()[0].error == "The name leads to an address that is not public."


def test_a_deleted_endpoint_gets_nothing_and_keeps_no_secret(world: World, server: Receiver, at: datetime) -> None:
    world.tell(at)
    with transaction() as session:
        endpoints.delete_endpoint(session, tenant_id=world.tenant_id, endpoint_id=world.endpoint_id, at=at)
    assert deliver_due_webhooks(at=at)["delivered"] == 0
    assert (world.endpoint().status, world.endpoint().secret) == ("deleted", None)
