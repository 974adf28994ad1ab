"""Two people and a fee: the operator proposes, measures and submits; the customer accepts, disputes and approves; the
line is on the preview and on the invoice, and the proof checks out without us."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from services.demo.telling import OPERATOR
from tests.e2e.test_portal import heading, sign_in
from tests.e2e.test_proofs import saved
from tests.maintenance_logs import PlantYear

pytestmark = pytest.mark.slow

OpenPage = Callable[..., Page]
PATIENCE_MS = 30_000
CUSTOMER, OWNER = "Harbour Robotics", "owner@harbour.example"
YEAR = datetime.now(UTC).year - 2
"""A whole year before the one that the demonstration measures."""

RATES = {
    "Operating hours of a year": "876000", "Downtime, an hour, CAD": "85", "Labour, an hour of repair, CAD": "60",
    "Parts, a failure, CAD": "420",
}  # fmt: skip


def test_a_fee_is_agreed_on_by_two_people_and_checked_by_a_third(
    open_page: OpenPage, tmp_path: Path, project_root: Path
) -> None:
    ours, theirs = open_page(), open_page()
    sign_in(ours, OPERATOR)
    heading(ours, "Customers")
    sign_in(theirs, OWNER)
    heading(theirs, "Overview")

    open_customer(ours)
    propose(ours, "mtbf_hours", "600", tmp_path)
    propose(ours, "mttr_hours", "20", tmp_path)
    accept_baselines(theirs)
    think_again(theirs, tmp_path)

    ours.get_by_role("link", name="New run", exact=True).first.click()
    heading(ours, "New run")
    ours.get_by_label("First day").fill(f"{YEAR}-01-01")
    ours.get_by_label("Last day").fill(f"{YEAR}-12-31")
    expect(ours.get_by_text(f"Jan {YEAR}, Feb {YEAR}")).to_have_count(2, timeout=PATIENCE_MS)
    expect(ours.get_by_role("button", name="Submit to the customer")).to_be_disabled()

    import_log(ours, tmp_path)
    run = submit(ours)
    dispute(theirs, run)
    answer(ours)
    fee = approve(theirs)

    theirs.goto("/")
    heading(theirs, "Overview")
    line = re.compile(f"Gain-share, {YEAR}-01-01 to {YEAR}-12-31: 12 % of documented savings")
    expect(theirs.get_by_text(line).first).to_be_visible(timeout=PATIENCE_MS)
    walk_to_the_invoice(ours)
    proof, keys = take_the_proof(theirs, line, fee, tmp_path)
    command = [sys.executable, "-m", "app.cli", "verify", str(proof), "--keys", str(keys)]
    checked = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert line.search(checked.stdout), checked.stdout


@pytest.mark.parametrize("dark", [False, True])
def test_our_own_side_fits_a_telephone(open_page: OpenPage, dark: bool) -> None:
    page = open_page(width=390, dark=dark)
    sign_in(page, OPERATOR)
    heading(page, "Customers")
    open_customer(page)
    for address in ("", "customer/", "measurements/", "log/", "new-run/"):
        page.goto(f"/admin/gain-share/{address}")
        page.wait_for_load_state("networkidle")
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{address} is {wider} px wider than the screen"


def open_customer(page: Page) -> None:
    page.goto("/admin/gain-share/")
    heading(page, "Gain-share queue")
    page.get_by_label("Find a customer").fill("harbour")
    page.get_by_role("button", name=f"Open {CUSTOMER}", exact=True).click()
    heading(page, CUSTOMER)


def propose(page: Page, kpi: str, value: str, folder: Path) -> None:
    report = folder / f"{kpi}.csv"
    report.write_text(f"kpi,value\n{kpi},{value}\n")
    page.get_by_label("KPI", exact=True).select_option(kpi)
    page.get_by_label("Value", exact=True).fill(value)
    page.get_by_label("Runs from this day on use it").fill(f"{YEAR}-01-01")
    page.get_by_label("Measured from").fill(f"{YEAR - 1}-01-01")
    page.get_by_label("Measured up to and with").fill(f"{YEAR - 1}-12-31")
    for label, rate in RATES.items():
        page.get_by_label(label, exact=True).fill(rate)
    page.get_by_label("Source document").set_input_files(report)
    expect(page.get_by_role("status").filter(has_text=report.name)).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Propose it to the customer").click()
    expect(page.get_by_text("The customer is told, and accepts it or declines it")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Withdraw").first).to_be_visible(timeout=PATIENCE_MS)


def accept_baselines(page: Page) -> None:
    page.goto("/gain-share/")
    heading(page, "Gain-share")
    offered = page.get_by_role("button", name="Accept", exact=True)
    expect(offered.nth(1)).to_be_visible(timeout=PATIENCE_MS)
    for left in reversed(range(offered.count())):
        offered.first.click()
        page.get_by_role("button", name="Accept this baseline").click()
        expect(offered).to_have_count(left, timeout=PATIENCE_MS)
    expect(page.get_by_text("Sealed by").first).to_be_attached()


def think_again(page: Page, folder: Path) -> None:
    """The customer proposes a baseline of its own: what is wrong is marked, then it is proposed, and withdrawn."""
    report = folder / "stock.txt"
    report.write_text("Spare parts in stock: 640,000\n")
    page.get_by_text("Propose a baseline", exact=True).click()
    page.get_by_label("KPI", exact=True).select_option("inventory_value")
    page.get_by_label("Carrying rate of stock, %", exact=True).fill("12")
    page.get_by_role("button", name="Propose it to the seller").click()
    expect(page.get_by_text("A number is missing")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_label("Value", exact=True).fill("640,000")
    page.get_by_label("Runs from this day on use it").fill(f"{YEAR}-01-01")
    page.get_by_label("Measured from").fill(f"{YEAR - 1}-01-01")
    page.get_by_label("Measured up to and with").fill(f"{YEAR - 1}-12-31")
    page.get_by_label("Source document").set_input_files(report)
    expect(page.get_by_role("status").filter(has_text=report.name)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_label("Carrying rate of stock, %", exact=True)).to_have_value("12")
    page.get_by_role("button", name="Propose it to the seller").click()
    expect(page.get_by_text("The seller is told, and accepts it or declines it")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Withdraw", exact=True).click()
    page.get_by_role("button", name="Withdraw it").click()
    expect(page.get_by_text("Withdrawn", exact=True)).to_be_visible(timeout=PATIENCE_MS)


def import_log(page: Page, folder: Path) -> None:
    """A year in the shape maintenance systems export, each column chosen from the file's own header."""
    plant = PlantYear(YEAR, machine_count=40)
    page.get_by_role("link", name="Maintenance log", exact=True).click()
    heading(page, "Maintenance log")
    files = {"failures": plant.failures_csv, "repairs": plant.maintenance_csv, "machines": plant.machines_csv}
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
        page.locator(f"#field-{name}").set_input_files(folder / f"{name}.csv")
        expect(page.locator(f"#field-{name}_machine")).to_be_visible(timeout=PATIENCE_MS)
    columns = {
        "failures_machine": "machineID", "failures_failed_at": "datetime", "failures_component": "failure",
        "repairs_machine": "machineID", "repairs_repaired_at": "datetime", "repairs_component": "comp",
        "machines_machine": "machineID", "machines_site": "plant",
    }  # fmt: skip
    for field, column in columns.items():
        page.locator(f"#field-{field}").select_option(column)
    page.get_by_label("First day").fill(f"{YEAR}-01-01")
    page.get_by_label("Last day").fill(f"{YEAR}-12-31")
    page.get_by_role("button", name="Read it, keep nothing yet").click()
    said = f"{len(plant.stoppages):,} failures of 40 machines; 0 rows refused"
    expect(page.get_by_text(said)).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Keep these figures").click()
    expect(page.get_by_text("Kept: 144 figures, by month and site.")).to_be_visible(timeout=PATIENCE_MS)


def submit(page: Page) -> str:
    """The address of the customer's page about the run."""
    page.get_by_role("link", name="New run", exact=True).first.click()
    heading(page, "New run")
    page.get_by_label("First day").fill(f"{YEAR}-01-01")
    page.get_by_label("Last day").fill(f"{YEAR}-12-31")
    page.get_by_label("Share, %").fill("25")
    expect(page.get_by_text("20").first).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_label("Share, %").fill("15")
    expect(page.get_by_text("15 %").first).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_label("A word to the customer").fill("From your own log of the year.")
    page.get_by_role("button", name="Submit to the customer").click()
    page.get_by_role("button", name="Submit it").click()
    heading(page, re.compile(f"Savings of 1 Jan {YEAR}"))
    expect(page.get_by_text("Waiting for approval").first).to_be_visible(timeout=PATIENCE_MS)
    return "/gain-share/" + page.url.rstrip("/").rpartition("/")[2] + "/"


def dispute(page: Page, run: str) -> None:
    page.goto(run)
    heading(page, re.compile(f"Savings of 1 Jan {YEAR}"))
    expect(page.get_by_text("From your own log of the year.")).to_be_visible()
    page.get_by_role("button", name="Dispute", exact=True).click()
    page.get_by_role("checkbox", name=re.compile("Shorter repairs")).check()
    page.get_by_label("Why?").fill("Your share is too high for what we did ourselves.")
    page.get_by_role("button", name="Dispute it").click()
    expect(page.get_by_text(re.compile("It is not billed; a revised run follows"))).to_be_visible(timeout=PATIENCE_MS)


def answer(page: Page) -> None:
    page.reload()
    expect(page.get_by_text("The customer disputes this run")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Your share is too high")).to_be_visible()
    page.get_by_label("Say something to the other side").fill("Agreed: twelve percent.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".thread-text", has_text="Agreed: twelve percent.")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Submit a revised run").click()
    page.get_by_label("Share, %").fill("12")
    expect(page.get_by_text("12 %", exact=True).first).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Submit the revised run").click()
    page.get_by_role("button", name="Submit it").click()
    expect(page.get_by_text("This is a revised run")).to_be_visible(timeout=PATIENCE_MS)


def approve(page: Page) -> str:
    """The fee that was approved, worded."""
    page.reload()
    page.get_by_role("link", name="Open the revised run").click()
    expect(page.get_by_text("This is a revised run")).to_be_visible(timeout=PATIENCE_MS)
    first = page.get_by_role("button", name=re.compile(r"^Approve \$"))
    fee = str(first.text_content()).removeprefix("Approve ").strip()
    first.click()
    page.get_by_role("button", name=f"Approve {fee}").click()
    expect(page.get_by_text("On the next invoice")).to_be_visible(timeout=PATIENCE_MS)
    return fee


def walk_to_the_invoice(page: Page) -> None:
    """The operator sets the customer's clock forward past its next bill."""
    page.goto("/admin/clock/")
    heading(page, "Test clock")
    page.get_by_role("button", name="Start a test clock").click()
    page.get_by_role("button", name="A month").click(timeout=PATIENCE_MS)
    expect(page.get_by_text(re.compile(r"^\d+ days ahead$"))).to_be_visible(timeout=4 * PATIENCE_MS)


def take_the_proof(page: Page, line: re.Pattern[str], fee: str, folder: Path) -> tuple[Path, Path]:
    """What the customer takes along of the invoice: its proof and the seller's keys."""
    page.goto("/invoices/")
    heading(page, "Invoices")
    page.get_by_role("link", name=re.compile(r"^INV-\d+")).first.click()
    heading(page, re.compile(r"Invoice INV-\d+"))
    expect(page.get_by_text(line).first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text(fee).first).to_be_visible()
    proof = saved(page, page.get_by_role("link", name="Download proof"), folder)
    page.goto("/verification/")
    heading(page, "Verify")
    return proof, saved(page, page.get_by_role("link", name="Download", exact=True).last, folder)
