"""A controller checks a bill: opens a line down to its receipts, takes the proof along, and verifies it offline."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from pypdf import PdfReader

from tests.e2e.test_portal import heading, sign_in

pytestmark = pytest.mark.slow

OpenPage = Callable[..., Page]
PATIENCE_MS = 20_000
INVOICE = "INV-000005"


def open_invoice(page: Page, email: str = "owner@northwind.example") -> None:
    sign_in(page, email)
    heading(page, "Overview")
    page.goto("/invoices/")
    page.get_by_role("link", name=INVOICE).first.click()
    heading(page, f"Invoice {INVOICE}")


def test_a_line_opens_to_its_records_and_a_record_to_its_receipt(open_page: OpenPage) -> None:
    page = open_page()
    open_invoice(page)
    page.locator("summary").filter(has_text="Credits beyond the 1,000,000 included").click()
    said = page.get_by_text(re.compile(r"records, [\d,.]+ credits used, [\d,.]+ beyond your allowance × \$0\.002 = \$"))
    expect(said).to_be_visible()
    count = int(str(said.text_content()).split(" ")[0].replace(",", ""))

    page.get_by_role("button", name=re.compile(r"Show the [\d,]+ records")).click()
    expect(page.get_by_text(f"1–50 of {count:,}")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text(f"51–100 of {count:,}")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Previous").click()
    expect(page.get_by_text(f"1–50 of {count:,}")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Oldest first").click()
    first = page.get_by_role("table", name="The records of use behind this").get_by_role("link").first
    expect(page.get_by_role("button", name="Oldest first")).to_have_attribute("aria-pressed", "true")

    number = str(first.text_content())
    first.click()
    heading(page, number)
    expect(page.get_by_text("This receipt is in your log as it was written")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_label("holds", exact=True)).to_have_count(4)
    page.get_by_role("link", name="The invoice of its period").click()
    heading(page, f"Invoice {INVOICE}")


def test_a_receipt_leads_to_the_ones_beside_it_and_shows_its_bytes(open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, "viewer@northwind.example")
    heading(page, "Overview")
    page.goto("/receipts/2/")
    heading(page, "Receipt 2")
    page.get_by_role("link", name="Next", exact=True).click()
    heading(page, "Receipt 3")
    page.get_by_role("link", name="Previous", exact=True).click()
    heading(page, "Receipt 2")
    page.get_by_role("heading", name="The bytes").click()
    expect(page.get_by_text('"prev":"sha256:').first).to_be_visible()
    page.goto("/receipts/123456789/")
    expect(page.get_by_text("There is no such receipt")).to_be_visible(timeout=PATIENCE_MS)


@pytest.mark.parametrize("email", ["owner@northwind.example", "viewer@northwind.example"])
def test_the_proof_of_an_invoice_checks_out_on_the_offline_verifier(
    open_page: OpenPage, tmp_path: Path, email: str
) -> None:
    page = open_page()
    open_invoice(page, email)
    total = page.locator(".key-value", has_text=re.compile("^Total")).locator("dd").text_content()
    proof = saved(page, page.get_by_role("link", name="Download proof"), tmp_path)
    assert proof.name.startswith(INVOICE)

    page.goto("/verification/")
    heading(page, "Verify")
    expect(page.get_by_text(re.compile(r"Your log holds [\d,]+ receipts; signed"))).to_be_visible(timeout=PATIENCE_MS)
    downloads = page.get_by_role("link", name="Download", exact=True)
    checkpoint = saved(page, downloads.first, tmp_path)
    keys = saved(page, downloads.last, tmp_path)

    page.goto("/verify.html")
    page.locator("#keys").set_input_files(keys)
    page.locator("#checkpoint").set_input_files(checkpoint)
    page.locator("#bundle").set_input_files(proof)
    expect(page.locator(".verdict-words")).to_contain_text("checks out", timeout=60_000)
    expect(page.locator("#answer")).to_contain_text(str(total).removeprefix("$"))


def test_an_invoice_is_downloaded_as_pdf_and_the_code_on_it_leads_back(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    closed: list[str] = []
    page.on("websocket", lambda socket: socket.on("close", lambda _: closed.append(socket.url)))
    open_invoice(page)
    closed.clear()
    document = saved(page, page.get_by_role("link", name="Download PDF"), tmp_path)
    assert (document.name, closed) == (f"{INVOICE}.pdf", [])
    text = " ".join(each.extract_text() for each in PdfReader(document).pages)
    code = re.search(r"[0-9]+(-[0-9A-Z]{4}){3}", text)
    assert code is not None

    page.goto("/verification/")
    heading(page, "Verify")
    page.get_by_label("Verification code").fill(code[0].lower())
    page.get_by_role("button", name="Check the document").click()
    expect(page.get_by_text(f"Invoice {INVOICE} is ours")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_label("Verification code").fill("1-0000-0000-0000")
    page.get_by_role("button", name="Check the document").click()
    expect(page.get_by_text("No document of yours has this code")).to_be_visible(timeout=PATIENCE_MS)
    page.goto(f"/verification/?code={code[0]}")
    page.get_by_role("link", name="Open the invoice").click()
    heading(page, f"Invoice {INVOICE}")


def saved(page: Page, link: Locator, folder: Path) -> Path:
    with page.expect_download() as waiting:
        link.click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_another_customers_receipts_are_not_reached_by_their_number(open_page: OpenPage) -> None:
    texts = []
    for email in ("owner@northwind.example", "owner@harbour.example"):
        page = open_page()
        sign_in(page, email)
        heading(page, "Overview")
        page.goto("/receipts/1/")
        heading(page, "Receipt 1")
        page.get_by_role("heading", name="The bytes").click()
        texts.append(page.locator("pre").first.text_content())
    assert texts[0] != texts[1]


@pytest.mark.parametrize("dark", [False, True])
def test_the_pages_of_proof_fit_a_telephone(open_page: OpenPage, dark: bool) -> None:
    page = open_page(width=390, dark=dark)
    open_invoice(page)
    page.locator("summary").filter(has_text="Credits beyond").click()
    page.get_by_role("button", name=re.compile("Show the")).click()
    expect(page.get_by_text(re.compile("1–50 of"))).to_be_visible(timeout=PATIENCE_MS)
    assert_fits(page)
    for address in ("/receipts/2/", "/verification/"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert_fits(page)
    page.goto("/receipts/2/")
    page.get_by_role("heading", name="The bytes").click()
    assert_fits(page)


def assert_fits(page: Page) -> None:
    wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wider <= 0, f"{page.url} is {wider} px wider than the screen"
