"""One event opened: what it said, without private data."""

import pytest
from sqlmodel import Session

from models import StripeEventStatus
from services.errors import NotFound
from services.payments import inbox_event
from services.payments.inbox_event import read_event
from tests import stripe_rows


def test_an_opened_event_hides_who_it_is_about(session: Session) -> None:
    payload = {"data": {"object": {"customer_email": "ada@example.com", "amount_due": 1_060_000}}}
    stripe_rows.event(session, "evt_1", payload=payload, status=StripeEventStatus.FAILED, error="To ada@example.com")
    view = read_event(session, event_id="evt_1")
    assert "1060000" in view.payload
    assert "ada@" not in view.payload + view.error
    assert view.can_replay


def test_a_type_nothing_is_done_for_cannot_be_replayed(session: Session) -> None:
    stripe_rows.event(session, "evt_1", type="price.created", status=StripeEventStatus.IGNORED)
    assert not read_event(session, event_id="evt_1").can_replay


def test_a_very_long_payload_is_cut(session: Session) -> None:
    stripe_rows.event(session, "evt_1", payload={"rows": [{"number": each} for each in range(9_000)]})
    payload = read_event(session, event_id="evt_1").payload
    assert payload.endswith("cut here")
    assert len(payload) < inbox_event.PAYLOAD_MAX + 20


@pytest.mark.parametrize("event_id", ["evt_none", "", "\x00", "x" * 500])
def test_an_event_there_is_not_is_refused(session: Session, event_id: str) -> None:
    with pytest.raises(NotFound):
        read_event(session, event_id=event_id)
