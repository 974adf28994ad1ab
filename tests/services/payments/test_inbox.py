"""The inbox: each event once, to one worker at a time, tried again later and later, and in the end left to a person."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from models import EventSource, StripeEvent
from services.database import open_engine, transaction
from services.errors import NotFound
from services.gateways.stripe.events import event_facts
from services.gateways.stripe.facts import EventFacts
from services.payments import inbox
from services.payments.inbox import Claim
from services.payments.subjects import Subject, SubjectKind
from tests.given import NOON

ACCOUNT = "test"
SECOND = timedelta(seconds=1)


def event(event_id: str, about: str = "in_1", type_: str = "invoice.paid", **thing: Any) -> EventFacts:
    document = {
        "id": event_id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(NOON.timestamp()),
        "livemode": False,
        "type": type_,
        "data": {"object": {"id": about, "object": "invoice", "customer": "cus_1", **thing}},
    }
    return event_facts(document)


def keep(session: Session, *events: EventFacts, at: Any = NOON, account: str = ACCOUNT) -> int:
    return inbox.keep_events(session, account=account, events=events, source=EventSource.WEBHOOK, at=at)


def claim(session: Session, at: Any = NOON, **given: Any) -> Claim:
    return inbox.claim_events(session, account=ACCOUNT, at=at, **given)


def ids(claimed: Claim) -> list[str]:
    return sorted(each for events in claimed.by_subject.values() for each in events)


def row(session: Session, event_id: str) -> StripeEvent:
    session.expire_all()
    return inbox.read_event(session, event_id=event_id)


@pytest.fixture
def engines(engine: Engine, database_url: str) -> Iterator[tuple[Engine, Engine]]:
    """Two processes' worth of connections to one database."""
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


# -- keeping


def test_an_event_that_is_here_already_stays_as_it_is(session: Session) -> None:
    assert keep(session, event("evt_1"), event("evt_2"), event("evt_1")) == 2
    assert keep(session, event("evt_1", about="in_other"), event("evt_3"), at=NOON + SECOND) == 1
    assert (row(session, "evt_1").object_id, row(session, "evt_1").received_at) == ("in_1", NOON)
    assert keep(session) == 0


def test_the_same_id_in_another_account_is_the_same_event(session: Session) -> None:
    assert keep(session, event("evt_1")) == 1
    assert keep(session, event("evt_1"), account="sandbox") == 0
    assert inbox.claim_events(session, account="sandbox", at=NOON).by_subject == {}


def test_what_we_do_not_act_on_is_done_when_it_comes(session: Session) -> None:
    keep(session, event("evt_1", type_="price.created"), event("evt_2", type_="invoice.upcoming"))
    assert claim(session).by_subject == {}
    assert {(row(session, each).status, row(session, each).done_at) for each in ("evt_1", "evt_2")} == {
        ("ignored", NOON)
    }


@pytest.mark.parametrize(
    ("type_", "thing", "kind", "object_id"),
    [
        ("invoice.created", {}, SubjectKind.INVOICE, "in_1"),
        ("customer.subscription.deleted", {}, SubjectKind.SUBSCRIPTION, "in_1"),
        ("checkout.session.async_payment_failed", {}, SubjectKind.CHECKOUT, "in_1"),
        ("customer.updated", {}, SubjectKind.CUSTOMER, "in_1"),
        ("payment_method.attached", {}, SubjectKind.CUSTOMER, "cus_1"),
        ("refund.failed", {}, SubjectKind.REFUND, "in_1"),
        ("charge.refunded", {}, SubjectKind.PAYMENT, "in_1"),
        ("charge.dispute.created", {"charge": "ch_1"}, SubjectKind.PAYMENT, "ch_1"),
        ("credit_note.voided", {}, SubjectKind.CREDIT_NOTE, "in_1"),
    ],
)
def test_an_event_is_about_the_object_that_is_read_for_it(
    session: Session, type_: str, thing: dict[str, Any], kind: SubjectKind, object_id: str
) -> None:
    keep(session, event("evt_1", type_=type_, **thing))
    assert claim(session).by_subject == {Subject(kind, object_id): ["evt_1"]}


@pytest.mark.parametrize(
    ("type_", "thing"),
    [("charge.dispute.created", {"charge": None}), ("payment_method.attached", {"customer": None})],
)
def test_an_event_that_names_nothing_to_read_is_ignored(session: Session, type_: str, thing: dict[str, Any]) -> None:
    keep(session, event("evt_1", type_=type_, **thing))
    assert claim(session).by_subject == {}
    assert row(session, "evt_1").status == "ignored"


# -- claiming


def test_events_about_one_object_are_taken_together(session: Session) -> None:
    keep(session, event("evt_2"), event("evt_1", type_="invoice.created"), event("evt_3", about="in_2"))
    assert claim(session).by_subject == {
        Subject(SubjectKind.INVOICE, "in_1"): ["evt_1", "evt_2"],
        Subject(SubjectKind.INVOICE, "in_2"): ["evt_3"],
    }


def test_with_an_event_all_others_about_its_object_are_taken_however_many_are_asked_for(session: Session) -> None:
    for number in range(6):
        keep(session, event(f"evt_{number}", about=f"in_{number % 2}"), at=NOON + number * SECOND)
    keep(session, event("evt_later"), at=NOON + timedelta(hours=1))
    assert claim(session, NOON + 10 * SECOND, limit=1).by_subject == {
        Subject(SubjectKind.INVOICE, "in_0"): ["evt_0", "evt_2", "evt_4"]
    }
    assert ids(claim(session, NOON + 10 * SECOND, limit=1)) == ["evt_1", "evt_3", "evt_5"]
    assert ids(claim(session, NOON + 10 * SECOND)) == []


def test_what_one_has_claimed_no_other_gets_until_the_claim_runs_out(session: Session) -> None:
    keep(session, event("evt_1"))
    assert ids(claim(session)) == ["evt_1"]
    assert ids(claim(session, NOON + inbox.CLAIMED_FOR)) == []
    assert ids(claim(session, NOON + inbox.CLAIMED_FOR + SECOND)) == ["evt_1"]
    assert row(session, "evt_1").attempts == 2


def test_the_longest_waiting_are_taken_first_and_never_more_than_asked(session: Session) -> None:
    for number in range(5):
        keep(session, event(f"evt_{5 - number}", about=f"in_{number}"), at=NOON + number * SECOND)
    assert ids(claim(session, NOON + 10 * SECOND, limit=2)) == ["evt_4", "evt_5"]
    assert ids(claim(session, NOON + 10 * SECOND, limit=2)) == ["evt_2", "evt_3"]


def test_nothing_is_claimed_before_its_time(session: Session) -> None:
    keep(session, event("evt_1"))
    assert claim(session, NOON - SECOND).by_subject == {}


def test_two_workers_at_once_never_claim_the_same_event(engines: tuple[Engine, Engine]) -> None:
    with transaction(engines[0]) as session:
        keep(session, *(event(f"evt_{number:03}", about=f"in_{number * 7 % 50}") for number in range(120)))

    def take(on: Engine) -> list[str]:
        taken: list[str] = []
        while True:
            with transaction(on) as session:
                found = ids(claim(session, limit=7))
            if not found:
                return taken
            taken += found

    first, second = together(lambda: take(engines[0]), lambda: take(engines[1]))
    assert sorted(first + second) == [f"evt_{number:03}" for number in range(120)]


def test_tickets_only_rise_whoever_draws_them(engines: tuple[Engine, Engine]) -> None:
    def draw(on: Engine) -> list[int]:
        drawn = []
        for _ in range(25):
            with transaction(on) as session:
                drawn.append(inbox.draw_ticket(session, account=ACCOUNT))
        return drawn

    first, second = together(lambda: draw(engines[0]), lambda: draw(engines[1]))
    assert sorted(first + second) == list(range(1, 51))
    assert first == sorted(first)
    assert second == sorted(second)


def test_accounts_have_tickets_of_their_own(session: Session) -> None:
    drawn = [inbox.draw_ticket(session, account=each) for each in ("test", "sandbox", "test", "test")]
    assert drawn == [1, 1, 2, 3]


# -- failing


def fail(session: Session, *event_ids: str, at: Any = NOON, **given: Any) -> None:
    inbox.keep_failure(session, event_ids=event_ids, error="It broke.", at=at, **given)


def test_a_failed_try_comes_again_later_and_later_and_is_then_left_to_a_person(session: Session) -> None:
    keep(session, event("evt_1"))
    at, waits = NOON, []
    for _ in range(inbox.ATTEMPTS_MAX - 1):
        assert ids(claim(session, at)) == ["evt_1"]
        fail(session, "evt_1", at=at)
        waiting = row(session, "evt_1")
        assert (waiting.status, waiting.error, waiting.claimed_until) == ("waiting", "It broke.", None)
        assert ids(claim(session, waiting.next_attempt_at - SECOND)) == []
        waits.append(int((waiting.next_attempt_at - at).total_seconds()))
        at = waiting.next_attempt_at
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600]
    assert ids(claim(session, at)) == ["evt_1"]
    fail(session, "evt_1", at=at)
    assert (row(session, "evt_1").status, row(session, "evt_1").done_at) == ("failed", None)
    assert ids(claim(session, at + timedelta(days=30))) == []


def test_what_cannot_succeed_is_left_to_a_person_at_once(session: Session) -> None:
    keep(session, event("evt_1"))
    claim(session)
    fail(session, "evt_1", tries_max=1)
    assert (row(session, "evt_1").status, row(session, "evt_1").attempts) == ("failed", 1)


def test_an_error_as_long_as_a_book_is_kept_shortened(session: Session) -> None:
    keep(session, event("evt_1"))
    claim(session)
    inbox.keep_failure(session, event_ids=["evt_1"], error="x" * 9_000, at=NOON)
    assert len(str(row(session, "evt_1").error)) == 500


@pytest.mark.parametrize("became", ["failed", "handled", "ignored as none of ours"])
def test_whatever_became_of_an_event_it_can_be_replayed(session: Session, became: str) -> None:
    keep(session, event("evt_1"))
    claim(session)
    if became == "failed":
        fail(session, "evt_1", tries_max=1)
    else:
        inbox.mark_done(session, event_ids=["evt_1"], at=NOON, tenant_id=None, ours=became == "handled")
    later = NOON + timedelta(days=9)
    assert ids(claim(session, later)) == []
    inbox.replay_event(session, event_id="evt_1", at=later)
    again = row(session, "evt_1")
    assert (again.status, again.attempts, again.error, again.done_at) == ("waiting", 0, None, None)
    assert ids(claim(session, later)) == ["evt_1"]


def test_replaying_what_we_do_not_act_on_changes_nothing(session: Session) -> None:
    keep(session, event("evt_1", type_="price.created"))
    inbox.replay_event(session, event_id="evt_1", at=NOON)
    assert row(session, "evt_1").status == "ignored"


def test_only_an_event_that_is_here_can_be_replayed(session: Session) -> None:
    with pytest.raises(NotFound):
        inbox.replay_event(session, event_id="evt_none", at=NOON)


def test_handling_takes_the_failure_of_an_earlier_try_away(session: Session) -> None:
    keep(session, event("evt_1"))
    claim(session)
    fail(session, "evt_1")
    claim(session, NOON + timedelta(minutes=1))
    inbox.mark_done(session, event_ids=["evt_1"], at=NOON + SECOND, tenant_id=None)
    done = row(session, "evt_1")
    assert (done.status, done.error, done.done_at, done.claimed_until) == ("handled", None, NOON + SECOND, None)


# -- the sweep's note


def test_how_far_events_were_swept_is_kept_for_each_account(session: Session) -> None:
    assert inbox.swept_until(session, account=ACCOUNT) is None
    inbox.note_sweep(session, account=ACCOUNT, until=NOON)
    inbox.draw_ticket(session, account=ACCOUNT)
    inbox.note_sweep(session, account=ACCOUNT, until=NOON + SECOND)
    session.expire_all()
    assert inbox.swept_until(session, account=ACCOUNT) == NOON + SECOND
    assert inbox.swept_until(session, account="live") is None
    assert inbox.draw_ticket(session, account=ACCOUNT) == 2
