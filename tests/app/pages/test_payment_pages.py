"""Paying in the portal: who may, for what was shown, and what our own side may do that customers may not."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import reflex as rx
from sqlalchemy import Engine
from sqlmodel import select

from app import checkout
from app.pages.billing_portal import BillingPortal
from app.pages.calls import CallsPage
from app.pages.checkout import CheckoutPage
from app.pages.comparison_run import ComparisonRun
from app.pages.give_back import GiveBackForm
from app.pages.invoice import InvoicePage
from app.pages.invoices import InvoicesPage
from app.pages.plan_start import PlanStart
from app.pages.plans import PlansPage
from app.pages.reconciliation import ReconciliationPage
from app.pages.sandbox import Sandbox
from app.pages.webhooks import WebhooksPage
from models import (
    Checkout,
    CheckoutStatus,
    CreditNote,
    InvoiceCheck,
    Role,
    StripeCallStatus,
    StripeEventStatus,
    Subscription,
)
from services.database import reading, transaction
from services.errors import ProviderUnavailable
from services.identity import create_tenant, create_user
from services.invoices.finding import mark_invoice_paid
from services.payments import checkouts
from services.price_books.books import load_shipped_books, plan_in_force
from services.settings import settings
from services.sign_in import choose_tenant, open_session
from services.subscriptions.starting import create_subscription
from tests import stripe_rows
from tests.app.pages.test_state_handlers import answers_of, connected, handlers_of

AT = datetime.now(UTC).replace(microsecond=0)
PAYMENT_PAGE = "https://pay.example.com/c/1"
OPERATOR = "operator"


@pytest.fixture
def tenant_id(sqlite_engine: Engine) -> str:
    """Without a plan."""
    with transaction() as session:
        load_shipped_books(session, at=AT)
        return create_tenant(session, name="Acme", currency="CAD", timezone="UTC", at=AT).id


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A payment provider that opens one page for everybody; what it was asked for."""
    asked: list[dict[str, Any]] = []

    async def open_checkout(**wanted: Any) -> Checkout:
        asked.append(wanted)
        with reading() as session:
            found = checkouts.read_checkout(session, tenant_id=wanted["tenant_id"], checkout_id=wanted["checkout_id"])
        found.url = PAYMENT_PAGE
        return found

    async def open_portal(**wanted: Any) -> str:
        asked.append(wanted)
        return PAYMENT_PAGE

    monkeypatch.setattr(checkout, "open_checkout", open_checkout)
    monkeypatch.setattr(checkout, "open_portal", open_portal)
    monkeypatch.setattr(checkouts, "find_price", lambda *_args, **_named: "price_1")
    return asked


def signed_in(tenant_id: str, who: str) -> rx.State:
    with transaction() as session:
        is_operator = who == OPERATOR
        named: dict[str, Any] = {"is_operator": True} if is_operator else {"tenant_id": tenant_id, "role": Role(who)}
        user = create_user(session, email=f"{who}@acme.example", at=AT, **named)
        cookie = open_session(session, user_id=user.id, at=AT).cookie
        choose_tenant(session, cookie_token=cookie, tenant_id=tenant_id, at=AT)
    return connected(cookie)


def look_at(root: rx.State, **parameters: str) -> None:
    before = root.router_data
    root.router_data = before | {"query": parameters}
    root._update_router_vars(root.router_data, before)


def page(root: rx.State, state: type[rx.State]) -> Any:
    return root.get_substate(state.get_full_name().split("."))


def call(root: rx.State, state: type[rx.State], name: str, *arguments: Any) -> list[Any]:
    return asyncio.run(answers_of(handlers_of(state)[name](page(root, state), *arguments)))


def on_a_plan(tenant_id: str, *, is_paid: bool = False) -> str:
    """The id of the invoice of the start."""
    with transaction() as session:
        start = (AT - timedelta(days=3)).date()
        create_subscription(session, tenant_id=tenant_id, plan_code="PRO", start_date=start, at=AT)
        invoice = stripe_rows.first_invoice(session, tenant_id)
        if is_paid:
            mark_invoice_paid(session, tenant_id=tenant_id, invoice_id=invoice.id, reference="EFT 1", at=AT)
        return invoice.id


def checkouts_of(tenant_id: str) -> list[Checkout]:
    with reading() as session:
        return list(session.exec(select(Checkout).where(Checkout.tenant_id == tenant_id)))


def has_subscription(tenant_id: str) -> bool:
    with reading() as session:
        return session.exec(select(Subscription.id).where(Subscription.tenant_id == tenant_id)).first() is not None


@pytest.mark.parametrize("who", ["billing_admin", "owner"])
def test_who_answers_for_the_bills_is_led_to_the_payment_page(
    tenant_id: str, provider: list[dict[str, Any]], who: str
) -> None:
    root = signed_in(tenant_id, who)
    call(root, PlansPage, "load")
    call(root, PlanStart, "load")
    call(root, PlanStart, "ask", "PRO", "year")
    assert page(root, PlanStart).is_paid_by_card
    answers = call(root, PlanStart, "pay")
    assert PAYMENT_PAGE in str(answers[-1].args)
    (visit,) = checkouts_of(tenant_id)
    assert provider == [{"tenant_id": tenant_id, "checkout_id": visit.id, "email": f"{who}@acme.example"}]
    assert (visit.interval, has_subscription(tenant_id)) == ("year", False)


def test_what_is_paid_by_card_cannot_be_started_without(tenant_id: str, provider: list[dict[str, Any]]) -> None:
    root = signed_in(tenant_id, "owner")
    call(root, PlansPage, "load")
    call(root, PlanStart, "load")
    call(root, PlanStart, "ask", "PRO", "month")
    assert call(root, PlanStart, "start") == [PlanStart.pay]
    assert not has_subscription(tenant_id)


def test_a_viewer_opens_no_payment_page(tenant_id: str, provider: list[dict[str, Any]]) -> None:
    root = signed_in(tenant_id, "viewer")
    call(root, PlansPage, "load")
    call(root, PlanStart, "load")
    call(root, PlanStart, "pay")
    call(root, BillingPortal, "manage_cards")
    assert "billing admin" in page(root, PlanStart).refusal
    assert (provider, checkouts_of(tenant_id)) == ([], [])


def test_an_operator_starts_a_plan_that_is_invoiced(tenant_id: str, provider: list[dict[str, Any]]) -> None:
    root = signed_in(tenant_id, OPERATOR)
    call(root, PlansPage, "load")
    call(root, PlanStart, "load")
    call(root, PlanStart, "ask", "PRO", "month")
    assert not page(root, PlanStart).is_paid_by_card
    call(root, PlanStart, "pay")
    assert checkouts_of(tenant_id) == []
    call(root, PlanStart, "start")
    assert has_subscription(tenant_id)


def test_where_payments_are_off_a_plan_is_invoiced(tenant_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_PUBLIC_URL", "https://billing.example.com")
    settings.cache_clear()
    with transaction() as session:
        user = create_user(session, email="o@acme.example", tenant_id=tenant_id, role=Role.OWNER, at=AT)
        cookie = open_session(session, user_id=user.id, at=AT).cookie
    root = connected()
    before = root.router_data
    root.router_data = before | {"headers": {"cookie": f"__Host-tallystick_session={cookie}"}}
    root._update_router_vars(root.router_data, before)
    call(root, PlansPage, "load")
    call(root, PlanStart, "load")
    call(root, PlanStart, "ask", "PRO", "month")
    assert not page(root, PlanStart).is_paid_by_card
    call(root, PlanStart, "start")
    assert has_subscription(tenant_id)
    assert page(root, Sandbox).home == ""


def test_who_is_on_a_free_plan_buys_the_paid_one_in_its_place(tenant_id: str, provider: list[dict[str, Any]]) -> None:
    with transaction() as session:
        made = create_tenant(session, name="Dreamer", currency="USD", timezone="UTC", at=AT).id
        create_subscription(session, tenant_id=made, plan_code="memory-cloud/free", at=AT)
    root = signed_in(made, "owner")
    call(root, PlansPage, "load")
    call(root, PlanStart, "load")
    offers = {offer.name: offer.can_start for offer in page(root, PlansPage).view.offers}
    assert offers == {"Free": False, "Pro": True, "Enterprise": False}
    call(root, PlanStart, "ask", "memory-cloud/pro", "month")
    assert page(root, PlanStart).asked.after.endswith("It takes the place of Free, which ends then.")
    call(root, PlanStart, "pay")
    assert len(checkouts_of(made)) == len(provider) == 1


def test_who_pays_for_a_plan_buys_no_second_one(tenant_id: str, provider: list[dict[str, Any]]) -> None:
    on_a_plan(tenant_id)
    root = signed_in(tenant_id, "owner")
    call(root, PlansPage, "load")
    call(root, PlanStart, "load")
    assert not any(offer.can_start for offer in page(root, PlansPage).view.offers)
    call(root, PlanStart, "ask", "STARTER", "month")
    assert "change its plan" in page(root, PlanStart).asked_refusal
    call(root, PlanStart, "pay")
    assert (provider, checkouts_of(tenant_id)) == ([], [])


def test_a_provider_that_cannot_be_reached_is_told_in_place(
    tenant_id: str, provider: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(**_: Any) -> Checkout:
        raise ProviderUnavailable("The payment provider is busy. Nothing is lost: try again.")

    monkeypatch.setattr(checkout, "open_checkout", refuse)
    root = signed_in(tenant_id, "owner")
    call(root, PlansPage, "load")
    call(root, PlanStart, "load")
    call(root, PlanStart, "ask", "PRO", "month")
    call(root, PlanStart, "pay")
    shown = page(root, PlanStart)
    assert (shown.asked_refusal[:31], shown.is_opening, shown.refusal) == ("The payment provider is busy. N", False, "")


def test_the_sandbox_is_named_by_the_server_and_never_in_the_built_page(tenant_id: str) -> None:
    assert Sandbox.computed_vars["home"]._initial_value == ""
    assert page(connected(), Sandbox).home == "/sandbox/"


def visit(tenant_id: str, status: CheckoutStatus, **values: Any) -> None:
    with transaction() as session:
        version_id = plan_in_force(session, plan_code="PRO").version_id
        session.add(
            Checkout(
                tenant_id=tenant_id, id="chk_1", account="sandbox", plan_version_id=version_id, interval="month",
                status=status, created_at=AT, **values,
            )
        )  # fmt: skip


def test_the_way_back_is_watched_until_something_came_of_it(tenant_id: str) -> None:
    visit(tenant_id, CheckoutStatus.OPEN, url=PAYMENT_PAGE, expires_at=AT + timedelta(hours=1))
    root = signed_in(tenant_id, "owner")
    look_at(root, checkout_id="chk_1")
    assert call(root, CheckoutPage, "load") == [CheckoutPage.watch]
    assert page(root, CheckoutPage).view.pay_url == PAYMENT_PAGE
    with transaction() as session:
        session.get_one(Checkout, (tenant_id, "chk_1")).status = CheckoutStatus.FAILED
    call(root, CheckoutPage, "watch")
    assert page(root, CheckoutPage).view.state == "failed"
    assert call(root, CheckoutPage, "look_again") == [None]


def test_watching_ends_when_the_page_is_left(tenant_id: str) -> None:
    visit(tenant_id, CheckoutStatus.OPEN, url=PAYMENT_PAGE)
    root = signed_in(tenant_id, "viewer")
    look_at(root, checkout_id="chk_1")
    call(root, CheckoutPage, "load")
    assert page(root, CheckoutPage).view.pay_url == "", "who may not pay is shown no way to"
    look_at(root)
    assert call(root, CheckoutPage, "watch") == [None]


def test_somebody_elses_purchase_does_not_exist(tenant_id: str) -> None:
    visit(tenant_id, CheckoutStatus.OPEN, url=PAYMENT_PAGE)
    with transaction() as session:
        other = create_tenant(session, name="Other", currency="CAD", timezone="UTC", at=AT).id
    root = signed_in(other, "owner")
    look_at(root, checkout_id="chk_1")
    assert call(root, CheckoutPage, "load") == [None]
    assert page(root, CheckoutPage).missing


def test_a_failed_payment_stands_above_every_page_and_takes_nothing_away(tenant_id: str) -> None:
    invoice_id = on_a_plan(tenant_id)
    root = signed_in(tenant_id, "owner")
    call(root, InvoicesPage, "load")
    assert page(root, InvoicesPage).shell.payment.state == ""
    with transaction() as session:
        stripe_rows.dunned(session, stripe_rows.first_invoice(session, tenant_id), failed_at=AT)
    look_at(root, invoice_id=invoice_id)
    call(root, InvoicesPage, "show_newer")
    shown = page(root, InvoicesPage)
    assert (shown.shell.payment.state, len(shown.view.rows), shown.loaded) == ("past_due", 1, True)
    assert shown.payments[invoice_id].has_failed
    call(root, InvoicePage, "load")
    assert page(root, InvoicePage).payment.line.tone == "bad"


def test_cards_are_managed_on_the_providers_page(tenant_id: str, provider: list[dict[str, Any]]) -> None:
    with transaction() as session:
        stripe_rows.customer_at_stripe(session, tenant_id)
    root = signed_in(tenant_id, "billing_admin")
    call(root, BillingPortal, "load")
    assert page(root, BillingPortal).may_manage
    assert PAYMENT_PAGE in str(call(root, BillingPortal, "manage_cards")[-1].args)
    assert provider == [{"tenant_id": tenant_id}]


def test_money_is_given_back_once_and_only_by_our_own_side(tenant_id: str) -> None:
    invoice_id = on_a_plan(tenant_id, is_paid=True)
    form = {"amount": "100", "reason": "Sorry", "way": "elsewhere"}
    for who, notes in (("owner", 0), (OPERATOR, 1)):
        root = signed_in(tenant_id, who)
        look_at(root, invoice_id=invoice_id)
        call(root, GiveBackForm, "open_form")
        call(root, GiveBackForm, "ask", form)
        call(root, GiveBackForm, "confirm")
        call(root, GiveBackForm, "confirm")
        with reading() as session:
            assert len(session.exec(select(CreditNote)).all()) == notes
    assert page(root, GiveBackForm).outcome.number == "CN-000001"


def test_what_was_typed_wrongly_is_said_beside_the_form(tenant_id: str) -> None:
    invoice_id = on_a_plan(tenant_id, is_paid=True)
    root = signed_in(tenant_id, OPERATOR)
    look_at(root, invoice_id=invoice_id)
    call(root, GiveBackForm, "ask", {"amount": "1"})
    assert page(root, GiveBackForm).problem == "", "nothing was opened"
    call(root, GiveBackForm, "open_form")
    call(root, GiveBackForm, "ask", {"amount": "1000000", "reason": "Sorry", "way": "elsewhere"})
    assert "no more than the $9,000.00" in page(root, GiveBackForm).problem


def test_an_event_is_put_back_in_line(tenant_id: str) -> None:
    with transaction() as session:
        stripe_rows.event(session, "evt_1", status=StripeEventStatus.FAILED)
    root = signed_in(tenant_id, OPERATOR)
    call(root, WebhooksPage, "load")
    call(root, WebhooksPage, "choose_status", "failed")
    call(root, WebhooksPage, "open_event", "evt_1")
    call(root, WebhooksPage, "replay")
    assert (page(root, WebhooksPage).opened.status_word, page(root, WebhooksPage).is_replaying) == ("Waiting", False)
    call(root, WebhooksPage, "close_event")
    assert page(root, WebhooksPage).view.rows == ()


def test_only_a_held_call_that_is_shown_is_tried_again(tenant_id: str) -> None:
    with transaction() as session:
        stripe_rows.call(session, tenant_id, "held", status=StripeCallStatus.HELD)
        stripe_rows.call(session, tenant_id, "waiting")
    root = signed_in(tenant_id, OPERATOR)
    call(root, CallsPage, "load")
    assert [row.key for row in page(root, CallsPage).view.rows] == ["held"]
    assert call(root, CallsPage, "retry", tenant_id, "waiting") == [None]
    call(root, CallsPage, "retry", tenant_id, "held")
    call(root, CallsPage, "choose_status", "waiting")
    assert sorted(row.key for row in page(root, CallsPage).view.rows) == ["held", "waiting"]


def test_a_run_compares_every_invoice_and_says_when_it_is_over(tenant_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_STRIPE_ADDRESS", "http://127.0.0.1:9")
    settings.cache_clear()
    on_a_plan(tenant_id)
    root = signed_in(tenant_id, OPERATOR)
    call(root, ReconciliationPage, "load")
    assert call(root, ComparisonRun, "check_all") == [ReconciliationPage.load]
    run = page(root, ComparisonRun)
    assert (run.is_running, run.problem, run.total) == (False, "", 1)
    with reading() as session:
        assert len(session.exec(select(InvoiceCheck)).all()) == 1


def test_a_run_that_is_stopped_compares_no_more(tenant_id: str) -> None:
    on_a_plan(tenant_id)
    root = signed_in(tenant_id, OPERATOR)
    run = page(root, ComparisonRun)
    asyncio.run(run._begin())
    mine = run._run_number
    call(root, ComparisonRun, "stop")
    asyncio.run(run._run(mine))
    assert not run.is_running
    with reading() as session:
        assert session.exec(select(InvoiceCheck)).all() == []


def test_an_invoice_is_compared_by_itself(tenant_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_STRIPE_ADDRESS", "http://127.0.0.1:9")
    settings.cache_clear()
    invoice_id = on_a_plan(tenant_id)
    root = signed_in(tenant_id, OPERATOR)
    call(root, ReconciliationPage, "load")
    call(root, ReconciliationPage, "check", tenant_id, "another")
    assert page(root, ReconciliationPage).view.unchecked == "1"
    call(root, ReconciliationPage, "check", tenant_id, invoice_id)
    shown = page(root, ReconciliationPage)
    assert (shown.view.unchecked, shown.view.rows[0].ours.word, shown.checking) == ("0", "Agrees", "")


def test_only_our_own_side_sees_the_pages_of_our_own_side(tenant_id: str) -> None:
    with transaction() as session:
        stripe_rows.event(session, "evt_1", tenant_id=tenant_id)
        stripe_rows.call(session, tenant_id, "held", status=StripeCallStatus.HELD)
    on_a_plan(tenant_id)
    root = signed_in(tenant_id, "owner")
    for state in (WebhooksPage, CallsPage, ReconciliationPage):
        call(root, state, "load")
        assert (page(root, state).refusal, page(root, state).view.rows) == ("Only operators can see this page.", ())
