"""Assets asked for over real HTTP: each slot recorded once, failures kept and tried again."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from app.asset_pulls import pull_due_asset_counts
from models import AssetPull, AssetSnapshot, AssetSource
from services import settings as configuration
from services.assets import sources as asset_sources
from services.assets.sources import claim_pull, keep_count
from services.database import reading, transaction
from services.errors import Conflict, NotFound, Unprocessable
from tests.given import NOON, customer
from tests.receivers import Receiver, receiver

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
NIGHT = datetime(2026, 11, 21, 7, tzinfo=UTC)
"""Two o'clock in Toronto after NOON."""


def body(**fields: Any) -> tuple[int, bytes]:
    return 200, json.dumps(fields).encode()


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as one:
        one.answering = lambda _: body(asset_count=5, site_breakdown={"plant": 5})
        yield one


class World:
    def __init__(self, url: str) -> None:
        with transaction() as session:
            self.tenant_id = customer(session).tenant_id
        self.set(url=url, token="secret-token")

    def set(self, **named: Any) -> None:
        with transaction() as session:
            asset_sources.set_source(session, tenant_id=self.tenant_id, at=NOON, **named)

    def snapshots(self) -> list[AssetSnapshot]:
        with reading() as session:
            return list(session.exec(select(AssetSnapshot).order_by(AssetSnapshot.recorded_at)))

    def pulls(self) -> list[AssetPull]:
        with reading() as session:
            return asset_sources.list_pulls(session, tenant_id=self.tenant_id)


@pytest.fixture
def world(engine: Engine, server: Receiver, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("TALLYSTICK_LOOPBACK_CALLS", "true")
    configuration.settings.cache_clear()
    return World(server.url)


def test_each_night_is_asked_once_with_the_token_and_recorded(world: World, server: Receiver) -> None:
    assert pull_due_asset_counts(at=NOON) == {"recorded": 0, "failed": 0, "broken": 0}, "from the next slot on"
    for at in (NIGHT, NIGHT + MINUTE, NIGHT + 12 * 60 * MINUTE):
        pull_due_asset_counts(at=at)
    pull_due_asset_counts(at=NIGHT + DAY)
    assert [request.headers["authorization"] for request in server.received] == ["Bearer secret-token"] * 2
    assert [(each.asset_count, each.site_breakdown, each.captured_at) for each in world.snapshots()] == [
        (5, {"plant": 5}, NIGHT), (5, {"plant": 5}, NIGHT + DAY),
    ]  # fmt: skip
    newest, first = world.pulls()
    assert (first.slot, first.status, first.snapshot_id) == (NIGHT, "recorded", world.snapshots()[0].id)
    assert newest.slot == NIGHT + DAY


def test_nights_that_nobody_was_there_for_are_not_made_up(world: World, server: Receiver) -> None:
    pull_due_asset_counts(at=NIGHT + 5 * DAY + MINUTE)
    assert len(server.received) == 1
    assert [pull.slot for pull in world.pulls()] == [NIGHT + 5 * DAY]


def test_the_time_of_counting_is_the_answers_own(world: World, server: Receiver) -> None:
    server.answers = [body(asset_count=7, captured_at="2026-11-21T01:00:00-05:00")]
    pull_due_asset_counts(at=NIGHT)
    assert world.snapshots()[0].captured_at == NIGHT - 60 * MINUTE


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((500, b""), "status 500"),
        ((302, b"http://169.254.169.254/"), "status 302"),
        ((200, b"<html>"), "not JSON"),
        ((200, b"[" * 100_000), "not JSON"),
        ((200, b'{"asset_count": 1e999}'), "asset_count"),
        ((200, b"{}"), "asset_count"),
        ((200, b'{"asset_count": "5"}'), "asset_count"),
        ((200, b'{"asset_count": -1}'), "asset_count"),
        ((200, b'{"asset_count": 5, "colour": 1}'), "colour"),
        ((200, b'{"asset_count": 5, "tenant_id": "other"}'), "another customer"),
        ((200, b'{"asset_count": 5, "site_breakdown": {"a": 4}}'), "add up"),
        ((200, b'{"asset_count": 5, "captured_at": "2030-01-01T00:00:00Z"}'), "ahead of our clock"),
        ((200, b" " * 300_000), "longer than"),
    ],
)
def test_what_is_no_count_is_kept_as_the_reason_and_records_nothing(
    world: World, server: Receiver, answer: tuple[int, bytes], error: str
) -> None:
    server.answers = [answer]
    assert pull_due_asset_counts(at=NIGHT)["failed"] == 1
    assert world.snapshots() == []
    (pull,) = world.pulls()
    assert pull.status == "waiting"
    assert error in str(pull.error)


def test_a_failure_is_tried_twice_more_and_then_left_until_the_next_night(world: World, server: Receiver) -> None:
    server.answering = lambda _: (503, b"")
    tried = [NIGHT + minutes * MINUTE for minutes in (0, 4, 5, 34, 36, 60, 600)]
    assert [pull_due_asset_counts(at=at)["failed"] for at in tried] == [1, 0, 1, 0, 1, 0, 0]
    assert world.pulls()[0].status == "failed"
    server.answering = lambda _: body(asset_count=1)
    assert pull_due_asset_counts(at=NIGHT + DAY)["recorded"] == 1


def test_two_workers_ask_once(world: World, server: Receiver) -> None:
    server.seconds = 0.05
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: pull_due_asset_counts(at=NIGHT), range(3)))
    assert (len(server.received), len(world.snapshots())) == (1, 1)


def test_after_a_crash_the_slot_is_asked_again_and_recorded_once(world: World, server: Receiver) -> None:
    with transaction() as session:
        lost = claim_pull(session, tenant_id=world.tenant_id, at=NIGHT)
    assert lost is not None
    assert pull_due_asset_counts(at=NIGHT + MINUTE / 2)["recorded"] == 0, "its claim still stands"
    assert pull_due_asset_counts(at=NIGHT + 2 * MINUTE)["recorded"] == 1
    with transaction() as session:  # the one thought dead answers after all
        late = keep_count(session, lost, asset_count=9, site_breakdown=None, captured_at=None, at=NIGHT + 3 * MINUTE)
    assert not late
    assert [each.asset_count for each in world.snapshots()] == [5]


def test_it_can_be_asked_now_but_not_all_the_time(world: World, server: Receiver) -> None:
    with transaction() as session:
        asset_sources.ask_now(session, tenant_id=world.tenant_id, at=NOON)
    assert pull_due_asset_counts(at=NOON)["recorded"] == 1
    with transaction() as session, pytest.raises(Conflict):
        asset_sources.ask_now(session, tenant_id=world.tenant_id, at=NOON + MINUTE / 2)


def test_the_token_is_sealed_and_goes_to_no_other_host(world: World) -> None:
    with reading() as session:
        assert "secret-token" not in str(session.get_one(AssetSource, world.tenant_id))
    with pytest.raises(Unprocessable) as refusal:
        world.set(url="https://elsewhere.example.com/", keeps_token=True)
    assert refusal.value.field == "token"
    world.set(url="https://elsewhere.example.com/")
    with reading() as session:
        assert session.get_one(AssetSource, world.tenant_id).token is None


@pytest.mark.parametrize(
    "named",
    [{"url": "http://example.com/"}, {"url": "https://10.0.0.1/"}, {"url": "https://a.example.com/", "every_hours": 5},
     {"url": "https://a.example.com/", "token": "a b"}, {"url": "https://a.example.com/", "token": "a\nb"}],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(world: World, named: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable):
        world.set(**named)


def test_an_address_that_was_removed_is_not_asked(world: World, server: Receiver) -> None:
    with transaction() as session:
        asset_sources.remove_source(session, tenant_id=world.tenant_id, at=NOON)
    pull_due_asset_counts(at=NIGHT)
    assert server.received == []
    with reading() as session, pytest.raises(NotFound):
        asset_sources.read_source(session, tenant_id=world.tenant_id)
