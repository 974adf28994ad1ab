"""/v1/checkout/sessions and /v1/billing-portal/sessions: who may open hosted pages, and what becomes of them."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from models import Checkout, SubscriptionStatus
from services.api_keys import TENANT_SCOPES, create_api_key
from services.subscriptions.starting import create_subscription
from tests.app.api.conftest import Client, assert_problem
from tests.given import OPERATOR
from tests.payments_world import PaymentsWorld

SESSIONS = "/v1/checkout/sessions"
PORTAL = "/v1/billing-portal/sessions"


@dataclass
class Shop:
    """A customer with a key in front of the API, and the sandbox behind it."""

    world: PaymentsWorld
    client: Client
    key: str

    def key_with(self, *scopes: str, tenant_id: str | None = None, is_operator: bool = False) -> str:
        made = self.world.transact(
            create_api_key,
            tenant_id=None if is_operator else tenant_id or self.world.tenant_id,
            scopes=list(scopes) or (["operator"] if is_operator else list(TENANT_SCOPES)),
            is_operator=is_operator,
            maker=OPERATOR,
            at=self.world.now(),
        )
        return str(made.key)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {key or self.key}", **headers}
        return self.client.post(path, json={} if body is None else body, headers=sent)

    def get(self, path: str, *, key: str | None = None) -> httpx.Response:
        return self.client.get(path, headers={"Authorization": f"Bearer {key or self.key}"})

    def open(self, plan_code: str = "PRO", **more: Any) -> dict[str, Any]:
        answer = self.post(SESSIONS, {"plan_code": plan_code, **more})
        assert answer.status_code == 201, answer.text
        said: dict[str, Any] = answer.json()
        return said


@pytest.fixture
def shop(payments_world: PaymentsWorld, client: Client) -> Shop:
    shop = Shop(payments_world, client, "")
    shop.key = shop.key_with()
    return shop


@pytest.fixture
def small_shop(sqlite_payments_world: PaymentsWorld, client: Client) -> Shop:
    shop = Shop(sqlite_payments_world, client, "")
    shop.key = shop.key_with()
    return shop


def test_a_checkout_is_opened_paid_and_then_complete(shop: Shop) -> None:
    opened = shop.open("PRO")
    assert opened["url"].startswith(shop.world.sandbox.address)
    assert (opened["status"], opened["subscription_id"]) == ("open", None)
    (session,) = shop.world.at_stripe("checkout.session")
    assert session["metadata"]["tallystick_checkout"] == opened["checkout_id"]
    person = shop.world.pay(shop.world.row(Checkout, id=opened["checkout_id"]))
    assert person.sent_to.endswith(f"/checkout/{opened['checkout_id']}/")
    read = f"{SESSIONS}/{opened['checkout_id']}"
    assert shop.get(read).json()["status"] == "open", "the return address is never believed"
    shop.world.work()
    done = shop.get(read).json()
    assert (done["status"], done["subscription_id"]) == ("completed", shop.world.subscription().id)
    assert shop.world.subscription().status == SubscriptionStatus.ACTIVE


def test_asking_again_for_the_same_plan_leads_to_the_same_page(small_shop: Shop) -> None:
    first, second = small_shop.open("PRO"), small_shop.open("PRO")
    assert first == second
    assert small_shop.open("STARTER")["url"] != first["url"]
    assert small_shop.open("PRO", interval="year")["url"] != first["url"]
    small_shop.world.pass_time(minutes=31)
    assert small_shop.open("PRO")["checkout_id"] != first["checkout_id"]


def test_the_same_idempotency_key_gives_the_same_page_and_another_body_is_a_conflict(small_shop: Shop) -> None:
    headers = {"Idempotency-Key": "buy-1"}
    first = small_shop.post(SESSIONS, {"plan_code": "PRO"}, **headers)
    second = small_shop.post(SESSIONS, {"plan_code": "PRO"}, **headers)
    assert (second.status_code, second.json()) == (201, first.json())
    assert second.headers["idempotent-replayed"] == "true"
    other = small_shop.post(SESSIONS, {"plan_code": "STARTER"}, **headers)
    assert other.status_code == 409
    assert len(small_shop.world.at_stripe("checkout.session")) == 1


def test_with_a_live_subscription_a_second_checkout_is_refused(shop: Shop) -> None:
    shop.world.buy("PRO")
    problem = assert_problem(shop.post(SESSIONS, {"plan_code": "STARTER"}), 409, "subscription_conflict")
    assert "change its plan" in problem["detail"]
    assert len(shop.world.at_stripe("checkout.session")) == 1


def test_a_manual_customer_s_plan_is_not_bought_a_second_time_either(small_shop: Shop) -> None:
    world = small_shop.world
    world.transact(create_subscription, tenant_id=world.tenant_id, plan_code="PRO", at=world.now())
    assert_problem(small_shop.post(SESSIONS, {"plan_code": "PRO"}), 409, "subscription_conflict")


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"plan_code": "NONE"}, 422, "unknown_plan", "plan_code"),
        ({"plan_code": "verified-exchange/starter"}, 422, None, "plan_code"),
        ({}, 422, "invalid", "plan_code"),
        ({"plan_code": ""}, 422, "invalid", "plan_code"),
        ({"plan_code": "PRO; DROP"}, 422, "invalid", "plan_code"),
        ({"plan_code": 5}, 422, "invalid", "plan_code"),
        ({"plan_code": "PRO", "interval": "week"}, 422, "invalid", "interval"),
        ({"plan_code": "PRO", "price": 1}, 422, "invalid", "price"),
        ({"plan_code": "PRO", "trial_days": 400}, 422, "invalid", "trial_days"),
    ],
)
def test_what_cannot_be_bought_is_refused_before_stripe_is_asked(
    small_shop: Shop, body: dict[str, Any], status: int, code: str | None, field: str | None
) -> None:
    answer = small_shop.post(SESSIONS, body)
    problem = answer.json()
    assert (answer.status_code, problem["field"]) == (status, field), answer.text
    assert code in (None, problem["code"])
    assert small_shop.world.at_stripe("checkout.session") == []
    assert small_shop.world.rows(Checkout) == []


def test_a_plan_that_set_up_has_not_offered_yet_says_what_to_run(small_shop: Shop) -> None:
    world = small_shop.world
    other = world.transact(_dollar_tenant, at=world.now())
    answer = small_shop.post(
        SESSIONS, {"plan_code": "verified-exchange/Professional"}, key=small_shop.key_with(tenant_id=other)
    )
    assert "ask us to start it" in assert_problem(answer, 422, "invalid", "plan_code")["detail"]


def _dollar_tenant(session: Any, *, at: Any) -> str:
    from services.identity import create_tenant

    return create_tenant(session, name="Borealis", currency="USD", timezone="UTC", at=at).id


def test_keys_without_the_scope_or_of_another_customer_open_nothing(small_shop: Shop) -> None:
    reader = small_shop.key_with("billing:read")
    assert_problem(small_shop.post(SESSIONS, {"plan_code": "PRO"}, key=reader), 403, "missing_scope")
    assert_problem(small_shop.post(PORTAL, key=reader), 403, "missing_scope")
    stranger = small_shop.key_with(tenant_id=small_shop.world.add_customer("Borealis"))
    named = {"plan_code": "PRO", "tenant_id": small_shop.world.tenant_id}
    assert small_shop.post(SESSIONS, named, key=stranger).status_code == 403
    opened = small_shop.open("PRO")
    assert_problem(small_shop.get(f"{SESSIONS}/{opened['checkout_id']}", key=stranger), 404, "not_found", "checkout_id")
    assert small_shop.post(SESSIONS, {"plan_code": "PRO"}, key="nonsense").status_code == 401


def test_an_operator_names_the_customer(small_shop: Shop) -> None:
    operator = small_shop.key_with(is_operator=True)
    assert small_shop.post(SESSIONS, {"plan_code": "PRO"}, key=operator).status_code in (400, 422)
    named = {"plan_code": "PRO", "tenant_id": small_shop.world.tenant_id}
    assert small_shop.post(SESSIONS, named, key=operator).status_code == 201
    (session,) = small_shop.world.at_stripe("checkout.session")
    assert session["metadata"]["tallystick_tenant"] == small_shop.world.tenant_id


def test_a_checkout_that_is_none_is_not_found(small_shop: Shop) -> None:
    assert_problem(small_shop.get(f"{SESSIONS}/chk_none"), 404, "not_found", "checkout_id")


# -- when Stripe cannot be reached


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    import stripe as sdk

    from services.gateways.stripe import client

    monkeypatch.setattr(client, "BACKOFF_SECONDS", 0)
    monkeypatch.setattr(sdk._http_client.HTTPClient, "INITIAL_DELAY", 0)
    monkeypatch.setattr(sdk._http_client.HTTPClient, "MAX_DELAY", 0)


@pytest.mark.parametrize("status", ["429", "500", "503", "timeout"])
@pytest.mark.parametrize("path", ["/v1/customers", "/v1/checkout/sessions"])
def test_while_stripe_cannot_be_reached_nothing_is_bought_and_the_same_call_works_later(
    small_shop: Shop, impatient: None, status: str, path: str
) -> None:
    world = small_shop.world
    world.sandbox.control("answer_next", status=status, count=4, path_prefix=path, delay_seconds=0)
    headers = {"Idempotency-Key": "buy-1"}
    assert_problem(small_shop.post(SESSIONS, {"plan_code": "PRO"}, **headers), 503, "payment_provider_unavailable")
    world.sandbox.sandbox.world.faults.answers.clear()
    world.pass_time(seconds=6)
    answer = small_shop.post(SESSIONS, {"plan_code": "PRO"}, **headers)
    assert answer.status_code == 201, answer.text
    assert len(world.at_stripe("customer")) == len(world.at_stripe("checkout.session")) == 1


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/checkout/sessions"])
def test_a_lost_answer_makes_no_second_customer_and_no_second_page(
    small_shop: Shop, impatient: None, path: str
) -> None:
    world = small_shop.world
    world.sandbox.control("answer_next", status="drop_after", count=3, path_prefix=path, delay_seconds=0)
    assert small_shop.post(SESSIONS, {"plan_code": "PRO"}).status_code == 503
    world.pass_time(seconds=6)
    assert small_shop.open("PRO")["url"]
    assert len(world.at_stripe("customer")) == len(world.at_stripe("checkout.session")) == 1


# -- expiry


def test_a_page_that_expired_is_over_and_another_can_be_opened(shop: Shop) -> None:
    opened = shop.open("PRO")
    shop.world.pass_time(hours=25)
    shop.world.work()
    assert shop.get(f"{SESSIONS}/{opened['checkout_id']}").json()["status"] == "expired"
    again = shop.open("PRO")
    assert again["checkout_id"] != opened["checkout_id"]
    shop.world.pay(shop.world.row(Checkout, id=again["checkout_id"]))
    shop.world.work()
    assert shop.get(f"{SESSIONS}/{again['checkout_id']}").json()["status"] == "completed"


def test_two_pages_paid_at_once_start_one_subscription_and_give_the_other_s_money_back(shop: Shop) -> None:
    world = shop.world
    first = shop.open("PRO")
    world.pass_time(minutes=31)
    second = shop.open("PRO")
    for opened in (first, second):
        world.pay(world.row(Checkout, id=opened["checkout_id"]))
    world.work()
    statuses = [shop.get(f"{SESSIONS}/{each['checkout_id']}").json()["status"] for each in (first, second)]
    assert sorted(statuses) == ["completed", "failed"]
    assert sorted(each["status"] for each in world.at_stripe("subscription")) == ["active", "canceled"]
    assert [each["amount"] for each in world.at_stripe("refund")] == [900_000]
    (failed,) = world.rows(Checkout, status="failed")
    assert "What was paid is given back." in str(failed.error)
    assert [each.total_minor for each in world.invoices()] == [900_000]
    world.assert_nothing_doubled()


# -- the billing portal


def test_the_portal_opens_once_something_was_bought(shop: Shop) -> None:
    assert_problem(shop.post(PORTAL), 409, "conflict")
    shop.world.buy("PRO")
    answer = shop.post(PORTAL)
    assert answer.status_code == 201
    assert answer.json()["url"].startswith(shop.world.sandbox.address)
    assert shop.world.visitor().open(answer.json()["url"]).status == 200
