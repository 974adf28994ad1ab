"""The inbox as an operator pages through it."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from models import StripeEventStatus
from services.payments.inbox_views import EVENTS_SHOWN, age, ago, list_events
from tests import stripe_rows
from tests.given import NOON, customer


def test_pages_follow_one_another_without_a_gap_or_a_repeat(session: Session) -> None:
    for number in range(2 * EVENTS_SHOWN + 3):
        stripe_rows.event(session, f"evt_{number:03}", received_at=NOON + timedelta(minutes=number // 2))
    seen: list[str] = []
    after = ""
    for _ in range(3):
        view = list_events(session, account="sandbox", at=NOON, after=after, seen=len(seen))
        seen += [row.id for row in view.rows]
        after = view.last
    assert after == ""
    assert view.shown == "51–53 of 53"
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 53


def test_the_counts_are_of_all_and_the_oldest_waiting_is_told(session: Session) -> None:
    stripe_rows.event(session, "evt_1", status=StripeEventStatus.WAITING, received_at=NOON - timedelta(minutes=7))
    stripe_rows.event(session, "evt_2", status=StripeEventStatus.FAILED)
    stripe_rows.event(session, "evt_3")
    view = list_events(session, account="sandbox", at=NOON, status="failed")
    assert [(each.word, each.count) for each in view.counts] == [
        ("All", "3"), ("Waiting", "1"), ("Failed", "1"), ("Handled", "1"), ("Ignored", "0"),
    ]  # fmt: skip
    assert (view.oldest, view.is_late, [row.id for row in view.rows]) == ("7 min", True, ["evt_2"])


def test_events_are_found_by_type_id_object_and_customer(session: Session) -> None:
    acme = customer(session, name="Acme 100 %")
    stripe_rows.customer_at_stripe(session, acme.tenant_id, stripe_id="cus_acme")
    stripe_rows.event(session, "evt_1", type="charge.refunded", object_id="ch_9", tenant_id=acme.tenant_id)
    stripe_rows.event(session, "evt_2", customer_id="cus_acme", status=StripeEventStatus.WAITING)
    stripe_rows.event(session, "evt_3", object_id="in_3")

    def found(**wanted: str) -> list[str]:
        return sorted(row.id for row in list_events(session, account="sandbox", at=NOON, **wanted).rows)

    assert found(family="charge.") == ["evt_1"]
    assert found(text="100 %") == ["evt_1", "evt_2"]
    assert found(text="in_3") == found(text="evt_3") == ["evt_3"]
    assert found(text="cus_acme") == ["evt_2"]
    assert found(text="%") == ["evt_1", "evt_2"]
    assert found(status="no such", family="no such", text="\x00 ") == ["evt_1", "evt_2", "evt_3"]
    (waiting,) = list_events(session, account="sandbox", at=NOON, status="waiting").rows
    assert waiting.customer == "Acme 100 %"


@pytest.mark.parametrize(
    ("seconds", "worded"),
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_600, "1 h"),
        (7_500, "2 h 5 min"),
        (86_400, "1 day"),
        (172_800, "2 days"),
    ],
)
def test_ages_are_worded_in_two_units_at_most(seconds: int, worded: str) -> None:
    assert age(timedelta(seconds=seconds)) == worded


def test_what_was_a_moment_ago_was_just_now() -> None:
    assert (ago(timedelta(seconds=3)), ago(timedelta(minutes=3))) == ("just now", "3 min ago")


def test_what_another_account_sent_is_neither_listed_nor_counted(session: Session) -> None:
    stripe_rows.event(session, "evt_1", account="live", status=StripeEventStatus.WAITING)
    view = list_events(session, account="sandbox", at=NOON + timedelta(days=1))
    assert (view.rows, view.oldest, view.counts[0].count) == ((), "", "0")
