"""The outbox: a call is written down once, made in its turn by one worker, and left to a person where it is refused."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from models import StripeCall, StripeCallKind
from services.database import open_engine, transaction
from services.errors import NotFound
from services.identity import create_tenant
from services.payments import outbox
from services.payments.calls import KEY_LIFE, prepare_call
from services.payments.orders import key_of
from services.payments.outbox import Owed
from tests.given import NOON

ACCOUNT = "test"
SECOND = timedelta(seconds=1)


@pytest.fixture
def tenant_id(session: Session) -> str:
    return create_tenant(session, name="Acme", currency="CAD", timezone="America/Toronto", at=NOON).id


def calls(*keys: str) -> list[Owed]:
    return [Owed(StripeCallKind.CANCEL_SUBSCRIPTION, key, {"stripe_subscription_id": "sub_1"}) for key in keys]


def owe(session: Session, tenant_id: str, *keys: str, subject: str = "sub", at: datetime = NOON) -> None:
    outbox.owe_calls(session, tenant_id=tenant_id, account=ACCOUNT, subject=subject, calls=calls(*keys), at=at)


def due(session: Session, at: datetime = NOON, **given: Any) -> list[str]:
    return [subject for _, subject in outbox.claim_subjects(session, account=ACCOUNT, at=at, **given)]


def take(session: Session, tenant_id: str, at: datetime = NOON, subject: str = "sub") -> StripeCall | None:
    return outbox.next_call(session, tenant_id=tenant_id, subject=subject, at=at)


def must_take(session: Session, tenant_id: str, at: datetime = NOON, subject: str = "sub") -> StripeCall:
    call = take(session, tenant_id, at, subject)
    assert call is not None
    return call


def every(session: Session) -> list[StripeCall]:
    session.expire_all()
    found = session.exec(select(StripeCall)).all()
    return sorted(found, key=lambda call: (call.subject, call.position))


# -- writing down


def test_a_call_is_written_down_once_however_often_it_is_owed(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a", "b")
    owe(session, tenant_id, "a", "b", at=NOON + SECOND)
    assert [(call.key, call.position, call.created_at) for call in every(session)] == [("a", 1, NOON), ("b", 2, NOON)]


def test_what_is_owed_later_comes_behind_what_was_owed_before(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "b")
    owe(session, tenant_id, "a", "b", "c")
    assert [call.key for call in every(session)] == ["b", "a", "c"]
    assert outbox.has_calls(session, tenant_id=tenant_id, subject="sub")
    assert not outbox.has_calls(session, tenant_id=tenant_id, subject="other")


def test_taking_back_what_was_not_made_leaves_what_was(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a", "b", "c")
    owe(session, tenant_id, "x", subject="other")
    outbox.mark_call_done(session, must_take(session, tenant_id), stripe_id="sub_1", at=NOON)
    outbox.drop_waiting(session, tenant_id=tenant_id, subject="sub")
    assert [(call.key, call.status) for call in every(session)] == [("x", "waiting"), ("a", "done")]


# -- making them in turn


def test_calls_about_one_thing_are_made_in_their_order(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a", "b", "c")
    made = []
    while (call := take(session, tenant_id)) is not None:
        made.append(call.key)
        outbox.mark_call_done(session, call, stripe_id=f"id_{call.key}", at=NOON + SECOND)
    assert made == ["a", "b", "c"]
    assert [(call.stripe_id, call.done_at, call.attempts) for call in every(session)] == [
        (f"id_{key}", NOON + SECOND, 1) for key in "abc"
    ]


def test_a_call_that_waits_holds_up_those_behind_it_and_no_others(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a", "b")
    owe(session, tenant_id, "x", subject="other")
    call = must_take(session, tenant_id)
    outbox.postpone_call(session, call, error="Busy.", after=None, at=NOON)
    assert take(session, tenant_id, NOON + 4 * SECOND) is None
    assert due(session, NOON + 4 * SECOND) == ["other"]
    assert due(session, NOON + 5 * SECOND) == ["sub"]
    assert must_take(session, tenant_id, NOON + 5 * SECOND).key == "a"


def test_a_claimed_subject_is_claimed_by_no_other_until_the_claim_runs_out(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a")
    assert due(session) == ["sub"]
    assert due(session, NOON + outbox.CLAIMED_FOR) == []
    assert due(session, NOON + outbox.CLAIMED_FOR + SECOND) == ["sub"]


def test_whoever_made_a_call_has_the_next_of_its_subject_too(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a", "b")
    assert due(session) == ["sub"]
    outbox.mark_call_done(session, must_take(session, tenant_id), stripe_id=None, at=NOON)
    assert due(session) == []
    assert due(session, NOON + outbox.CLAIMED_FOR + SECOND) == ["sub"]


def test_calls_of_another_account_are_not_ours_to_make(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a")
    assert outbox.claim_subjects(session, account="live", at=NOON) == []


@pytest.fixture
def engines(engine: Engine, database_url: str) -> Iterator[tuple[Engine, Engine]]:
    both = open_engine(database_url), open_engine(database_url)
    yield both
    for each in both:
        each.dispose()


def together(*acts: Callable[[], Any]) -> list[Any]:
    ready = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        ready.wait(10)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_two_workers_at_once_make_each_call_once(engines: tuple[Engine, Engine]) -> None:
    with transaction(engines[0]) as session:
        tenant = create_tenant(session, name="Acme", currency="CAD", timezone="America/Toronto", at=NOON).id
        for number in range(40):
            owe(session, tenant, f"{number:02}:a", f"{number:02}:b", subject=f"s{number:02}")

    def work(on: Engine) -> list[str]:
        made: list[str] = []
        while True:
            with transaction(on) as session:
                mine = due(session, limit=3)
            if not mine:
                return made
            for subject in mine:
                while True:
                    with transaction(on) as session:
                        call = take(session, tenant, subject=subject)
                    if call is None:
                        break
                    made.append(call.key)
                    with transaction(on) as session:
                        outbox.mark_call_done(session, call, stripe_id=None, at=NOON)

    first, second = together(lambda: work(engines[0]), lambda: work(engines[1]))
    assert sorted(first + second) == sorted(f"{number:02}:{step}" for number in range(40) for step in "ab")
    for made in (first, second):
        assert all(made.index(f"{key[:2]}:a") < made.index(key) for key in made if key.endswith(":b"))


# -- putting off


def test_a_call_is_tried_again_later_and_later_and_then_held(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a")
    at, waits = NOON, []
    for _ in range(outbox.ATTEMPTS_MAX - 1):
        outbox.postpone_call(session, must_take(session, tenant_id, at), error="Busy.", after=None, at=at)
        (call,) = every(session)
        waits.append(int((call.next_attempt_at - at).total_seconds()))
        at = call.next_attempt_at
    assert waits[:5] == [5, 10, 20, 40, 80]
    assert set(waits[11:]) == {3_600}
    assert timedelta(hours=24) < at - NOON < timedelta(hours=48)
    outbox.postpone_call(session, must_take(session, tenant_id, at), error="Still busy.", after=None, at=at)
    (call,) = every(session)
    assert (call.status, call.attempts, call.error) == ("held", outbox.ATTEMPTS_MAX, "Still busy.")
    assert due(session, at + timedelta(days=9)) == []
    assert take(session, tenant_id, at + timedelta(days=9)) is None


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (None, 5),
        (timedelta(0), 5),
        (timedelta(seconds=2), 5),
        (timedelta(seconds=90), 90),
        (timedelta(hours=24), 86_400),
    ],
)
def test_stripe_is_given_the_time_it_asks_for_and_never_less_than_our_own(
    session: Session, tenant_id: str, asked: timedelta | None, waited: int
) -> None:
    owe(session, tenant_id, "a")
    outbox.postpone_call(session, must_take(session, tenant_id), error="Busy.", after=asked, at=NOON)
    assert every(session)[0].next_attempt_at == NOON + timedelta(seconds=waited)


# -- for a person


def hold(session: Session, tenant_id: str) -> StripeCall:
    call = must_take(session, tenant_id)
    outbox.hold_call(session, call, error="No such customer.")
    return call


def test_a_held_call_stands_in_the_way_of_those_behind_it(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a", "b")
    hold(session, tenant_id)
    assert take(session, tenant_id, NOON + timedelta(days=3)) is None
    assert due(session, NOON + timedelta(days=3)) == []
    assert [call.key for call in outbox.held_calls(session, account=ACCOUNT)] == ["a"]
    assert outbox.held_calls(session, account="live") == []


def test_a_person_who_retries_asks_under_another_idempotency_key_each_time(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a", "b")
    keys = []
    for _ in range(3):
        call = hold(session, tenant_id)
        keys.append(key_of(call))
        outbox.retry_call(session, tenant_id=tenant_id, account=ACCOUNT, key="a", at=NOON)
        session.expire_all()
    assert keys == ["a", "a:again:1", "a:again:2"]
    (again, _) = every(session)
    assert (again.status, again.attempts, again.error, again.first_attempt_at) == ("waiting", 0, None, None)
    assert must_take(session, tenant_id).key == "a"


def test_retrying_what_is_not_held_changes_nothing(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a")
    outbox.retry_call(session, tenant_id=tenant_id, account=ACCOUNT, key="a", at=NOON)
    assert every(session)[0].arguments == {"stripe_subscription_id": "sub_1"}
    outbox.mark_call_done(session, must_take(session, tenant_id), stripe_id="x", at=NOON)
    outbox.retry_call(session, tenant_id=tenant_id, account=ACCOUNT, key="a", at=NOON)
    assert every(session)[0].status == "done"


def test_only_a_call_that_is_here_can_be_retried(session: Session, tenant_id: str) -> None:
    with pytest.raises(NotFound):
        outbox.retry_call(session, tenant_id=tenant_id, account=ACCOUNT, key="none", at=NOON)
    with pytest.raises(NotFound):
        outbox.find_held(session, account=ACCOUNT, key="none")


# -- whether to look first


def looks_first(session: Session, tenant_id: str, at: datetime) -> bool:
    return prepare_call(session, must_take(session, tenant_id, at), at=at).looks_first


def test_a_first_try_and_one_within_the_day_are_made_without_looking(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a")
    assert not looks_first(session, tenant_id, NOON)
    assert not looks_first(session, tenant_id, NOON + KEY_LIFE)


def test_once_stripe_may_have_forgotten_the_key_we_look_before_we_repeat(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a")
    assert not looks_first(session, tenant_id, NOON)
    assert looks_first(session, tenant_id, NOON + KEY_LIFE + SECOND)


def test_a_first_try_long_after_it_was_owed_needs_no_look(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a")
    assert not looks_first(session, tenant_id, NOON + timedelta(days=9))


def test_a_person_s_retry_always_looks_first(session: Session, tenant_id: str) -> None:
    owe(session, tenant_id, "a")
    hold(session, tenant_id)
    outbox.retry_call(session, tenant_id=tenant_id, account=ACCOUNT, key="a", at=NOON)
    session.expire_all()
    assert looks_first(session, tenant_id, NOON)
