"""The checker of shapes says what is wrong, finds operations by their path and counts what it checked."""

from pathlib import Path
from typing import Any

import pytest

from tests.stripe_conformance import Conformance, Routes, Tally

EMPTY_LIST = {"object": "list", "data": [], "has_more": False, "url": "/v1/customers"}
REFUSAL = {"error": {"type": "invalid_request_error", "message": "No such customer: 'cus_1'"}}


@pytest.fixture
def checker(shared_folder: Path) -> Conformance:
    """One whose counts are its own, so that wrong exchanges made here are not told of at the end of the run."""
    return Conformance(shared_folder / "stripe", Tally())


def test_an_exchange_of_the_right_shape_passes_and_is_counted(checker: Conformance) -> None:
    checker.check_exchange("GET", "/v1/customers?limit=3", b"", 200, EMPTY_LIST)
    assert checker.tally.exchanges == {"GET /v1/customers": 1}
    assert "1 operations exercised in 1 exchanges and 0 events; all conform" in checker.tally.sentence()


def test_an_unknown_parameter_that_was_granted_is_a_problem(checker: Conformance) -> None:
    with pytest.raises(AssertionError, match="unknown-param"):
        checker.check_exchange("GET", "/v1/customers?colour=red", b"", 200, EMPTY_LIST)
    assert "not conforming" in checker.tally.sentence()


def test_an_unknown_parameter_that_was_refused_is_none(checker: Conformance) -> None:
    checker.check_exchange("GET", "/v1/customers?colour=red", b"", 400, REFUSAL)
    assert not checker.tally.wrong


def test_a_field_that_stripe_does_not_give_is_a_problem(checker: Conformance) -> None:
    with pytest.raises(AssertionError, match=r"/colour: \[extra\]"):
        checker.check_exchange("GET", "/v1/customers", b"", 200, EMPTY_LIST | {"colour": "red"})


def test_an_error_without_a_message_is_a_problem(checker: Conformance) -> None:
    with pytest.raises(AssertionError, match="no message"):
        checker.check_exchange("GET", "/v1/customers/cus_1", b"", 404, {"error": {"type": "invalid_request_error"}})


def test_an_operation_that_stripe_lacks_may_only_be_refused(checker: Conformance) -> None:
    checker.check_exchange("GET", "/v1/unheard_of", b"", 404, REFUSAL)
    assert not checker.tally.exchanges
    with pytest.raises(AssertionError, match="unknown-endpoint"):
        checker.check_exchange("GET", "/v1/unheard_of", b"", 200, {})


def test_an_event_is_checked_with_the_object_in_it(checker: Conformance) -> None:
    event: dict[str, Any] = {
        "id": "evt_1", "object": "event", "api_version": "2026-10-28.endive", "created": 1, "livemode": False,
        "pending_webhooks": 0, "request": None, "type": "product.deleted",
        "data": {"object": {"id": "prod_1", "object": "product"}},
    }  # fmt: skip
    with pytest.raises(AssertionError, match="/data/object/"):
        checker.check_event(event)
    assert checker.tally.events == {"product.deleted": 1}


def test_a_literal_path_wins_over_a_template() -> None:
    paths = {"/v1/invoices/{id}": {"post": "update"}, "/v1/invoices/create_preview": {"post": "preview"}}
    routes = Routes(paths)
    assert routes.find("POST", "/v1/invoices/create_preview")[1] == "preview"
    assert routes.find("POST", "/v1/invoices/in_1")[1] == "update"
    assert routes.find("POST", "/v1/invoices/")[1] is None
    assert routes.find("GET", "/v1/invoices/in_1") == (None, None)


def test_what_several_processes_counted_is_added_up() -> None:
    one, other, both = Tally("2026-10-28.endive"), Tally("2026-10-28.endive"), Tally()
    one.note(one.exchanges, "GET /v1/customers", [])
    other.note(other.exchanges, "GET /v1/customers", [])
    other.note(other.events, "customer.created", [])
    both.add(one.as_plain_data())
    both.add(other.as_plain_data())
    assert both.sentence() == (
        "Stripe: 1 operations exercised in 2 exchanges and 1 events; all conform to 2026-10-28.endive"
    )
