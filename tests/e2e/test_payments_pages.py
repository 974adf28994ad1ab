"""Paying in a browser: a card that is declined and one that is not, and what our own side then sees of it."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from services.demo.telling import OPERATOR, PASSWORD

pytestmark = pytest.mark.slow

BUYER = "owner@lighthouse.example"
DECLINED, GOOD = "4000 0000 0000 0002", "4242 4242 4242 4242"
SECONDS_FOR_SET_UP = 60
WAIT_MS = 60_000
OpenPage = Callable[..., Page]


def sign_in(page: Page, email: str) -> None:
    page.goto("/sign-in/")
    expect(page.get_by_text("Sandbox: no real money.")).to_be_visible(timeout=WAIT_MS)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def heading(page: Page, name: str | re.Pattern[str]) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(name, timeout=WAIT_MS)


def go_to_payment(page: Page) -> None:
    """From the plans to the payment page; the sandbox's prices are made in the first seconds of a new portal."""
    page.goto("/plans/")
    page.get_by_role("button", name="Start Pro").click(timeout=WAIT_MS)
    until = time.monotonic() + SECONDS_FOR_SET_UP
    while "/sandbox/" not in page.url and time.monotonic() < until:
        page.get_by_role("button", name="Continue to payment").click(timeout=WAIT_MS)
        page.wait_for_timeout(2_000)
    page.wait_for_url("**/sandbox/**", timeout=WAIT_MS)


def pay_with(page: Page, card: str) -> None:
    page.get_by_label("Card number").fill(card)
    page.get_by_label(re.compile("Expiry")).fill("12 / 30")
    page.get_by_label("Security code").fill("123")
    page.get_by_label("Name on card").fill("Ada Lovelace")
    page.get_by_role("button", name="Subscribe").last.click()


def test_a_plan_is_bought_with_a_card_and_our_side_follows_it_to_the_refund(open_page: OpenPage) -> None:
    # The declined card is answered with status 402, which the browser reports as an error of its own.
    page = open_page(errors_expected=True)
    sign_in(page, BUYER)
    heading(page, "Overview")
    go_to_payment(page)
    pay_with(page, DECLINED)
    expect(page.get_by_text("Your card was declined")).to_be_visible(timeout=WAIT_MS)
    pay_with(page, GOOD)
    page.wait_for_url("**/checkout/**", timeout=WAIT_MS)
    heading(page, "Pro has started")
    page.reload()
    heading(page, "Pro has started")
    expect(page.get_by_role("link", name="INV-000001")).to_be_visible()
    page.get_by_role("link", name="Go to overview").click()
    heading(page, "Overview")

    page.goto("/invoices/")
    expect(page.get_by_text(re.compile("^Paid on "))).to_be_visible(timeout=WAIT_MS)
    page.get_by_role("button", name="Manage cards and billing details").click()
    page.wait_for_url("**/sandbox/**", timeout=WAIT_MS)

    page.goto("/plans/")
    expect(page.get_by_text("Your plan")).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_role("button", name=re.compile("^Start "))).to_have_count(0)

    our_side_follows_it(open_page())


def our_side_follows_it(page: Page) -> None:
    sign_in(page, OPERATOR)
    heading(page, "Customers")
    expect(page.get_by_text("Visa ending 4242")).to_be_visible(timeout=WAIT_MS)

    page.goto("/admin/webhooks/")
    page.get_by_role("button", name="checkout.session.completed").click(timeout=WAIT_MS)
    heading(page, "checkout.session.completed")
    expect(page.get_by_text(BUYER)).to_have_count(0)
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("Handled")).to_be_visible(timeout=WAIT_MS)

    page.goto("/admin/reconciliation/")
    page.get_by_role("button", name="Check all again").click(timeout=WAIT_MS)
    expect(page.get_by_text("0 not checked yet")).to_be_visible(timeout=WAIT_MS)
    page.get_by_role("button", name="Only differences").click()
    expect(page.get_by_text("Everything agrees")).to_be_visible(timeout=WAIT_MS)

    page.goto("/admin/")
    page.get_by_role("row", name=re.compile("Lighthouse")).get_by_role("button", name="Open").click(timeout=WAIT_MS)
    heading(page, "Overview")
    page.goto("/invoices/")
    page.get_by_role("link", name="INV-000001").first.click(timeout=WAIT_MS)
    page.get_by_role("button", name="Give money back").click(timeout=WAIT_MS)
    page.get_by_label(re.compile("Amount in")).fill("120.50")
    page.get_by_label("Reason").fill("Two days without service")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("Stripe sends $120.50 back to the card")).to_be_visible(timeout=WAIT_MS)
    page.get_by_role("button", name="Refund $120.50").dblclick()
    expect(page.get_by_text("Credit note CN-000001 takes back $120.50.")).to_be_visible(timeout=WAIT_MS)
    page.wait_for_timeout(3_000)
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_text("Stripe has it")).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_text("CN-000002")).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True])
def test_the_pages_of_our_own_side_fit_a_telephone(open_page: OpenPage, dark: bool) -> None:
    page = open_page(width=390, dark=dark)
    sign_in(page, OPERATOR)
    heading(page, "Customers")
    for address in ("/admin/", "/admin/webhooks/", "/admin/calls/", "/admin/reconciliation/"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{address} is {wider} px wider than the screen"
