"""A person in a browser: signs in, reads each page, opens a bill, signs out; a viewer and an operator too."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from services.demo.telling import OPERATOR, PASSWORD

pytestmark = pytest.mark.slow

PAGES = ("/", "/plans/", "/usage/", "/invoices/", "/gain-share/")
OpenPage = Callable[..., Page]


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.goto("/sign-in/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def heading(page: Page, name: str | re.Pattern[str]) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(name, timeout=20_000)


def test_an_owner_reads_the_account_from_plan_to_invoice_line(open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, "owner@northwind.example")
    heading(page, "Overview")
    expect(page.get_by_text("Pro", exact=True).first).to_be_visible(timeout=20_000)
    expect(page.get_by_role("progressbar").first).to_be_visible()

    page.get_by_role("link", name="Plans").first.click()
    heading(page, "Plans")
    for plan in ("Starter", "Pro", "Enterprise"):
        expect(page.get_by_role("heading", name=plan, exact=True)).to_be_visible(timeout=20_000)

    page.get_by_role("link", name="Usage").first.click()
    heading(page, "Usage")
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=30_000)

    page.get_by_role("link", name="Invoices").first.click()
    heading(page, "Invoices")
    page.get_by_role("link", name="INV-000005").first.click()
    heading(page, re.compile("INV-000005"))
    expect(page.get_by_text("Credits beyond the 1,000,000 included").first).to_be_visible(timeout=20_000)

    page.get_by_role("button", name="Sign out").first.click()
    page.wait_for_url("**/sign-in/**")
    page.goto("/invoices/")
    page.wait_for_url("**/sign-in/**", timeout=20_000)


def test_a_wrong_password_is_refused_in_words(open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, "owner@northwind.example", "not the password")
    expect(page.get_by_text("That e-mail and password don't match")).to_be_visible(timeout=20_000)


def test_another_customers_invoice_does_not_exist(open_page: OpenPage) -> None:
    theirs = open_page()
    sign_in(theirs, "owner@harbour.example")
    heading(theirs, "Overview")
    theirs.goto("/invoices/")
    link = theirs.get_by_role("link", name="INV-000002").first
    address = link.get_attribute("href", timeout=20_000)
    assert address is not None

    ours = open_page()
    sign_in(ours, "viewer@northwind.example")
    heading(ours, "Overview")
    ours.goto(address)
    expect(ours.get_by_text("no such invoice").first).to_be_visible(timeout=20_000)
    expect(ours.get_by_text("18,000.00")).to_have_count(0)


def test_an_operator_opens_a_customer(open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, OPERATOR)
    heading(page, "Customers")
    row = page.get_by_role("row", name=re.compile("Harbour Robotics"))
    row.get_by_role("button", name="Open").click()
    heading(page, "Overview")
    expect(page.get_by_text("Harbour Robotics").first).to_be_visible(timeout=20_000)


@pytest.mark.parametrize("dark", [False, True])
def test_every_page_fits_a_telephone(open_page: OpenPage, dark: bool) -> None:
    page = open_page(width=390, dark=dark)
    sign_in(page, "owner@harbour.example")
    heading(page, "Overview")
    for address in PAGES:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{address} is {wider} px wider than the screen"


def test_an_address_nobody_has_says_so(open_page: OpenPage) -> None:
    page = open_page(errors_expected=True)
    page.goto("/nowhere/")
    heading(page, "There is no page at this address")
    answer = page.request.get("/v1/nowhere")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
