"""Webhooks as the portal words them."""

from datetime import timedelta

from sqlmodel import Session

from models import EndpointStatus, NoticeType, SubscriptionStatus
from services.assets.source_views import NO_SOURCE, read_asset_source
from services.assets.sources import ask_now, claim_pull, keep_count, keep_failure, set_source
from services.subscriptions.standing import set_status
from services.webhooks.delivery_views import DELIVERIES_SHOWN, read_deliveries, read_delivery
from services.webhooks.endpoint_views import list_failing, read_endpoint_row, read_endpoints
from services.webhooks.endpoints import EndpointChanges, change_endpoint, create_endpoint, rotate_secret
from services.webhooks.line import claim_next, keep_outcome
from services.webhooks.replays import ask_test, claim_test, keep_test_outcome
from services.webhooks.requests import Outcome
from tests.given import NOON, Customer, customer

UTC = "UTC"
MINUTE = timedelta(minutes=1)


def registered(session: Session, **named: object) -> tuple[Customer, str]:
    one = customer(session)
    made = create_endpoint(session, tenant_id=one.tenant_id, url="https://example.com/in", at=NOON, **named)  # type: ignore[arg-type]
    return one, made.id


def happen(session: Session, one: Customer, *statuses: str) -> None:
    for status in statuses:
        set_status(
            session, tenant_id=one.tenant_id, subscription_id=one.subscription_id, status=SubscriptionStatus(status),
            at=NOON,
        )  # fmt: skip


def sent(session: Session, one: Customer, endpoint_id: str, outcome: Outcome, at: object = NOON) -> None:
    sending = claim_next(session, tenant_id=one.tenant_id, endpoint_id=endpoint_id, at=at)  # type: ignore[arg-type]
    assert sending is not None
    keep_outcome(session, sending, outcome, at=at)  # type: ignore[arg-type]


def test_an_endpoint_says_what_it_is_told_of_and_what_waits(session: Session) -> None:
    one, endpoint_id = registered(session, event_types=[NoticeType.SUBSCRIPTION_PAUSED.value])
    happen(session, one, "paused", "active")
    named = {"tenant_id": one.tenant_id, "timezone": UTC, "now": NOON}
    (row,) = read_endpoints(session, **named).rows  # type: ignore[arg-type]
    assert (row.types, row.status, row.waiting, row.note) == ("subscription.paused", "active", "1 waiting", "")
    rotate_secret(session, tenant_id=one.tenant_id, endpoint_id=endpoint_id, at=NOON)
    assert "21 Nov 2026, 12:00" in read_endpoint_row(session, endpoint_id=endpoint_id, **named).rotation  # type: ignore[arg-type]


def test_one_that_fails_says_since_when_and_operators_see_whose_it_is(session: Session) -> None:
    one, endpoint_id = registered(session)
    happen(session, one, "paused", "active")
    assert list_failing(session) == ()
    sent(session, one, endpoint_id, Outcome(500, "no", duration_ms=7))
    row = read_endpoint_row(session, tenant_id=one.tenant_id, endpoint_id=endpoint_id, timezone=UTC, now=NOON)
    assert (row.status, row.waiting) == ("retrying", "2 waiting")
    assert row.note.startswith("Failing since 20 Nov 2026, 12:00")
    (failing,) = list_failing(session)
    assert (failing.customer, failing.host, failing.waiting) == ("Acme", "example.com", "2")
    sent(session, one, endpoint_id, Outcome(410), at=NOON + MINUTE)
    row = read_endpoint_row(session, tenant_id=one.tenant_id, endpoint_id=endpoint_id, timezone=UTC, now=NOON)
    assert (row.status, row.is_enabled) == ("failed", False)
    assert "410" in row.note
    assert [each.status_word for each in list_failing(session)] == ["Disabled"]


def test_what_a_customer_turned_off_itself_is_no_failure(session: Session) -> None:
    one, endpoint_id = registered(session)
    changed = change_endpoint(
        session, tenant_id=one.tenant_id, endpoint_id=endpoint_id, changes=EndpointChanges(enabled=False), at=NOON
    )
    assert changed.status == EndpointStatus.DISABLED
    row = read_endpoint_row(session, tenant_id=one.tenant_id, endpoint_id=endpoint_id, timezone=UTC, now=NOON)
    assert (row.status_word, row.note) == ("Off", "Turned off, 20 Nov 2026, 12:00.")
    assert list_failing(session) == ()


def test_messages_come_a_page_at_a_time_and_open_to_their_answers(session: Session) -> None:
    one, endpoint_id = registered(session)
    happen(session, one, *(["paused", "active"] * 9))
    for _ in range(DELIVERIES_SHOWN + 2):
        sent(session, one, endpoint_id, Outcome(200, "ok", duration_ms=1_234))
    named = {"tenant_id": one.tenant_id, "endpoint_id": endpoint_id, "timezone": UTC}
    first = read_deliveries(session, **named)
    rest = read_deliveries(session, **named, before=first.last, seen=len(first.rows))
    assert (len(first.rows), first.shown, len(rest.rows), rest.last) == (DELIVERIES_SHOWN, "1–15", 2, 0)
    assert first.rows[0].answer == "Status 200 in 1,234 ms"
    opened = read_delivery(session, **named, delivery_id=first.rows[0].id)
    assert (opened.attempts[0].tone, opened.attempts[0].response, opened.can_replay) == ("good", "ok", True)
    assert opened.message_id == opened.notice_id


def test_a_test_is_called_one_and_cannot_be_sent_again(session: Session) -> None:
    one, endpoint_id = registered(session)
    asked = ask_test(session, tenant_id=one.tenant_id, endpoint_id=endpoint_id, at=NOON)
    sending = claim_test(session, tenant_id=one.tenant_id, delivery_id=asked.id, at=NOON)
    assert sending is not None
    keep_test_outcome(session, sending, Outcome(None, error="No connection could be made."), at=NOON)
    (row,) = read_deliveries(session, tenant_id=one.tenant_id, endpoint_id=endpoint_id, timezone=UTC).rows
    assert (row.kind, row.status, row.can_replay) == ("Test", "failed", False)
    assert row.answer == "No connection could be made."


def test_where_assets_are_asked_for_is_shown_with_what_it_brought(session: Session) -> None:
    one = customer(session)
    assert read_asset_source(session, tenant_id=one.tenant_id, timezone=UTC) == NO_SOURCE
    set_source(session, tenant_id=one.tenant_id, url="https://example.com/assets", every_hours=6, at=NOON)
    for at, count in ((NOON, 1_200), (NOON + 2 * MINUTE, None)):
        ask_now(session, tenant_id=one.tenant_id, at=at)
        asking = claim_pull(session, tenant_id=one.tenant_id, at=at)
        assert asking is not None
        if count is None:
            keep_failure(session, asking, error="It answered with status 500 instead of 200.", at=at)
        else:
            keep_count(session, asking, asset_count=count, site_breakdown=None, captured_at=None, at=at)
    view = read_asset_source(session, tenant_id=one.tenant_id, timezone=UTC)
    assert (view.every, view.has_token) == ("Every 6 hours", False)
    assert [(pull.status_word, pull.said) for pull in view.pulls] == [
        ("Retrying", "It answered with status 500 instead of 200."), ("Recorded", "1,200 assets"),
    ]  # fmt: skip
