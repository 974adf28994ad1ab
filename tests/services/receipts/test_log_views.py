"""The customer's log in words, and what reservations hold where balances are shown."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from services.credits.reservations import reserve_credits
from services.database import reading, transaction
from services.errors import NotFound
from services.identity import create_tenant
from services.overview import read_overview
from services.receipts import log_views
from services.receipts.log_views import LogView, ago, read_log_view
from services.receipts.signing_keys import rotate_key
from services.rules.notes import read_checkpoint, read_note
from services.rules.quantities import MICRO
from services.usage.views import read_usage
from tests.given import NOON, Customer, customer, event, metered


@pytest.fixture
def acme(engine: Engine) -> Customer:
    with transaction(engine) as session:
        made = customer(session)
        metered(session, made.tenant_id, event("5"), event("7"))
    return made


def shown(engine: Engine, tenant_id: str, after: timedelta = timedelta()) -> LogView:
    with reading(engine) as session:
        return read_log_view(session, tenant_id=tenant_id, at=NOON + after)


def test_the_state_of_the_log_is_one_sentence(engine: Engine, acme: Customer) -> None:
    view = shown(engine, acme.tenant_id, timedelta(minutes=3, seconds=20))
    assert view.state == "Your log holds 3 receipts; signed 3 minutes ago."
    assert (view.size, view.signed_at) == ("3", "20 Nov 2026, 07:00")
    assert (view.invoice_number, view.invoice_id != "") == ("INV-000001", True)
    assert "INV-000001" in view.command


def test_the_checkpoint_is_the_signed_one_under_its_public_address(engine: Engine, acme: Customer) -> None:
    view = shown(engine, acme.tenant_id)
    head = read_checkpoint(read_note(view.checkpoint).body)
    assert (head.size, head.origin) == (3, view.origin)
    assert view.checkpoint_path == f"/.well-known/tallystick/{acme.tenant_id}/checkpoint"


def test_keys_that_signed_are_listed_the_one_that_signs_first(
    engine: Engine, acme: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(engine) as session:
        for day in range(1, 4):
            rotate_key(session, at=NOON + timedelta(days=day))
    view = shown(engine, acme.tenant_id)
    assert [key.is_active for key in view.signing_keys] == [True, False, False, False]
    assert view.signing_keys[0].signed == "signs since 23 Nov 2026"
    assert view.signing_keys[1].signed == "signed until 23 Nov 2026"
    monkeypatch.setattr(log_views, "KEYS_SHOWN_MAX", 2)
    cut = shown(engine, acme.tenant_id)
    assert (len(cut.signing_keys), cut.keys_more) == (2, "and 2 older ones")


def test_before_the_first_receipt_there_is_no_log(engine: Engine) -> None:
    with transaction(engine) as session:
        tenant_id = create_tenant(session, name="New", currency="CAD", timezone="UTC", at=NOON).id
    view = shown(engine, tenant_id)
    assert (view.has_log, view.checkpoint, view.state) == (False, "", "")
    assert view.keys_address.endswith("/.well-known/jwks.json")
    with pytest.raises(NotFound):
        shown(engine, "ten_nobody")


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=47), "1 day ago"),
        (timedelta(days=1_200), "1,200 days ago"),
    ],
)
def test_how_long_ago_is_said_in_one_unit(passed: timedelta, words: str) -> None:
    assert ago(passed) == words


def test_what_reservations_hold_is_said_with_what_is_left(engine: Engine, acme: Customer) -> None:
    with transaction(engine) as session:
        reserve_credits(
            session, tenant_id=acme.tenant_id, event_type="LLM_token_usage", units_micro=1_500 * MICRO, at=NOON
        )
    with reading(engine) as session:
        figures = {one.label: one.hint for one in read_usage(session, tenant_id=acme.tenant_id, at=NOON).figures}
        (pool,) = read_overview(session, tenant_id=acme.tenant_id, at=NOON).pools
    assert figures["Left"].endswith(", held: 1,500")
    assert (pool.left, pool.held) == ("998,488 left", "held: 1,500")
    with reading(engine) as session:
        (later,) = read_overview(session, tenant_id=acme.tenant_id, at=NOON + timedelta(hours=1)).pools
    assert (later.left, later.held) == ("999,988 left", "")
