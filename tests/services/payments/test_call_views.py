"""The outbox as an operator sees it."""

from datetime import timedelta

from sqlmodel import Session

from models import StripeCallStatus
from services.payments.call_views import CALLS_SHOWN, KIND_WORDS, STATUS_WORDS, list_calls
from tests import stripe_rows
from tests.given import NOON, customer


def test_held_calls_come_with_their_reason_and_can_be_tried_again(session: Session) -> None:
    acme = customer(session)
    held = StripeCallStatus.HELD
    stripe_rows.call(session, acme.tenant_id, "first", status=held, error="Refused, said ada@example.com")
    stripe_rows.call(session, acme.tenant_id, "second", position=2)
    view = list_calls(session, account="sandbox", at=NOON)
    (row,) = view.rows
    assert (row.key, row.customer, row.can_retry, view.held) == ("first", "Acme", True, 1)
    assert row.note == "Refused, said (hidden)"
    (behind,) = list_calls(session, account="sandbox", at=NOON, status="waiting").rows
    assert (behind.note, behind.can_retry) == ("Waits for the held call before it", False)


def test_a_waiting_call_says_when_it_is_tried_next(session: Session) -> None:
    acme = customer(session)
    stripe_rows.call(session, acme.tenant_id, "later", next_attempt_at=NOON + timedelta(minutes=4), error="Busy.")
    view = list_calls(session, account="sandbox", at=NOON, status="waiting")
    assert (view.rows[0].note, view.oldest) == ("Busy. Next try in 4 min", "5 min")
    assert (
        list_calls(session, account="sandbox", at=NOON + timedelta(hours=1), status="waiting").rows[0].note
        == "Busy. Due now"
    )


def test_pages_of_what_waits_and_of_what_was_made_have_no_gap(session: Session) -> None:
    acme = customer(session)
    for number in range(CALLS_SHOWN + 5):
        stripe_rows.call(
            session, acme.tenant_id, f"w{number:02}", next_attempt_at=NOON + timedelta(minutes=number // 3)
        )
        stripe_rows.call(
            session, acme.tenant_id, f"d{number:02}", status=StripeCallStatus.DONE,
            created_at=NOON - timedelta(minutes=number // 3),
        )  # fmt: skip
    for status, first in (("waiting", "w00"), ("done", "d02")):
        view = list_calls(session, account="sandbox", at=NOON, status=status)
        following = list_calls(session, account="sandbox", at=NOON, status=status, after=view.last, seen=CALLS_SHOWN)
        keys = [row.key for row in (*view.rows, *following.rows)]
        assert (keys[0], len(keys), len(set(keys)), following.last) == (first, CALLS_SHOWN + 5, CALLS_SHOWN + 5, "")
        assert following.shown == "26–30 of 30"


def test_calls_are_found_by_key_and_customer(session: Session) -> None:
    acme, other = customer(session), customer(session, name="Other")
    stripe_rows.call(session, acme.tenant_id, "invoice:1")
    stripe_rows.call(session, other.tenant_id, "invoice:2", subject="inv_2")
    for text, keys in (("invoice:2", ["invoice:2"]), ("acme", ["invoice:1"]), ("inv_2", ["invoice:2"]), ("%", [])):
        assert [
            row.key for row in list_calls(session, account="sandbox", at=NOON, status="waiting", text=text).rows
        ] == keys


def test_every_kind_and_every_status_has_words() -> None:
    assert set(KIND_WORDS) == set(type(next(iter(KIND_WORDS))))
    assert set(STATUS_WORDS) == set(StripeCallStatus)


def test_calls_to_another_account_are_neither_listed_nor_counted(session: Session) -> None:
    acme = customer(session)
    stripe_rows.call(session, acme.tenant_id, "first", account="live", status=StripeCallStatus.HELD)
    view = list_calls(session, account="sandbox", at=NOON)
    assert (view.rows, view.held, view.counts[0].count) == ((), 0, "0")
