"""Invoices as a person reads them: the lines add up to the total, the working is there, and nobody sees another's."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from sqlmodel import Session, select

from models import AssetSnapshot, Invoice, InvoiceLine, InvoiceStatus
from services.assets.snapshots import record_snapshot
from services.closing import close as closing
from services.errors import NotFound
from services.identity import create_tenant
from services.invoices import views as invoice_views
from services.invoices.detail_views import InvoiceDetailView, read_invoice_detail
from services.invoices.finding import mark_invoice_paid
from services.invoices.line_views import LineView
from services.invoices.views import read_invoice_list
from tests.given import NOON, Customer, break_in, customer, event, metered

OCTOBER_NOON = datetime(2026, 10, 20, 16, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, 8, tzinfo=UTC)


def worded_amount(text: str) -> Decimal:
    return Decimal(text.removeprefix("US").replace("$", "").replace(",", ""))


def worked_example(session: Session) -> tuple[Customer, Invoice]:
    """PRO, 1,200 assets, 1,500,000 credits in October: 10,600.00 at the close."""
    acme = customer(session, start=date(2026, 10, 1), at=OCTOBER_NOON)
    record_snapshot(session, tenant_id=acme.tenant_id, asset_count=1_200, at=OCTOBER_NOON)
    sent = [event("1000000"), event("499500"), event("1", "optimizer_job")]
    metered(session, acme.tenant_id, *sent, at=OCTOBER_NOON)
    return acme, closing.close_period(session, tenant_id=acme.tenant_id, at=NOVEMBER)


def detail(session: Session, acme: Customer, invoice: Invoice, at: datetime = NOON) -> InvoiceDetailView:
    return read_invoice_detail(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=at)


def counted_facts(line: LineView) -> list[tuple[str, str]]:
    """All but the last, which is the same on every line: the plan version it was rated with."""
    *facts, (name, value) = [(fact.name, fact.value) for fact in line.facts]
    assert name == "Rated with"
    assert ", version " in value
    return facts


def line_of(view: InvoiceDetailView, word: str) -> LineView:
    return next(line for line in view.lines if word in line.description)


def test_lines_sum_to_the_total_of_the_worked_example(session: Session) -> None:
    view = detail(session, *worked_example(session))
    assert [line.amount for line in view.lines] == ["$9,000.00", "$600.00", "$1,000.00"]
    assert sum(worded_amount(line.amount) for line in view.lines) == worded_amount(view.total) == Decimal("10600.00")
    assert (view.subtotal, view.taxes, view.title) == ("$10,600.00", (), "Invoice INV-000002")
    assert (view.bill_to.name, view.remit_to.name) == ("Acme", "Tallystick")


def test_a_line_shows_quantity_price_and_how_one_became_the_other(session: Session) -> None:
    view = detail(session, *worked_example(session))
    overage = line_of(view, "Credits beyond")
    assert (overage.quantity, overage.price) == ("500,000 credits", "$0.002 per credit")
    (step,) = overage.steps
    assert (step.stretch, step.quantity, step.price, step.amount) == (
        "First 500,000 credits",
        "500,000",
        "$0.002",
        "$1,000.00",
    )
    assert [(source.name, source.units, source.credits, source.events) for source in overage.sources] == [
        ("LLM tokens", "1,499,500,000 tokens", "1,499,500", "2"),
        ("Optimizer jobs", "1 job", "500", "1"),
    ]
    assert counted_facts(overage) == [("Used in the period", "1,500,000 credits")]
    assert overage.sum == ("3 records, 1,500,000 credits used, 500,000 beyond your allowance × $0.002 = $1,000.00.")


def test_sources_of_an_overage_line_add_up_to_what_was_used(session: Session) -> None:
    overage = line_of(detail(session, *worked_example(session)), "Credits beyond")
    assert sum(worded_amount(source.credits) for source in overage.sources) == 1_500_000


def test_the_assets_line_names_its_count(session: Session) -> None:
    view = detail(session, *worked_example(session))
    assets = line_of(view, "Assets")
    assert (assets.quantity, assets.price, assets.amount) == ("200 assets", "$3.00 per asset", "$600.00")
    assert counted_facts(assets) == [
        ("The latest count", "1,200 assets"),
        ("Counted on 20 Oct 2026, 12:00", "1,200 assets"),
    ]


def test_the_base_fee_names_the_period_it_is_for(session: Session) -> None:
    base = detail(session, *worked_example(session)).lines[0]
    assert (base.quantity, base.price, base.period) == ("1 month", "$9,000.00 per month", "1 Nov – 30 Nov 2026")
    assert counted_facts(base) == [("Charged in advance for", "1 Nov – 30 Nov 2026")]
    assert (base.sum, base.events) == ("", "")


def test_tiers_are_shown_one_by_one_and_sum_to_the_amount(session: Session) -> None:
    vex = customer(session, plan="verified-exchange/Starter", currency="USD", start=date(2026, 10, 1), at=OCTOBER_NOON)
    metered(session, vex.tenant_id, event("70000", "verified_exchange"), at=OCTOBER_NOON)
    closed = closing.close_period(session, tenant_id=vex.tenant_id, at=NOVEMBER)
    line = line_of(detail(session, vex, closed), "Verified exchanges")
    assert [(step.stretch, step.price, step.amount) for step in line.steps] == [
        ("First 50,000 VEx", "US$0.005", "US$250.00"),
        ("Next 10,000 VEx", "US$0.008", "US$80.00"),
    ]
    assert sum(worded_amount(step.amount) for step in line.steps) == worded_amount(line.amount)
    assert line.sum == (
        "1 record, 70,000 VEx used, 60,000 beyond your allowance, priced step by step as shown: US$330.00."
    )


def test_packages_are_counted_as_they_are_charged(session: Session) -> None:
    cloud = customer(session, plan="memory-cloud/pro", currency="USD", start=date(2026, 10, 1), at=OCTOBER_NOON)
    metered(session, cloud.tenant_id, event("12001", "api_call"), at=OCTOBER_NOON)
    closed = closing.close_period(session, tenant_id=cloud.tenant_id, at=NOVEMBER)
    line = line_of(detail(session, cloud, closed), "API calls beyond")
    assert [(step.stretch, step.quantity, step.price) for step in line.steps] == [
        ("First 2,001 calls", "3 packages", "US$0.10")
    ]


def test_the_one_rounding_is_shown_where_it_changed_something(session: Session) -> None:
    acme = customer(session, start=date(2026, 10, 1), at=OCTOBER_NOON)
    metered(session, acme.tenant_id, event("1000003.418"), at=OCTOBER_NOON)
    closed = closing.close_period(session, tenant_id=acme.tenant_id, at=NOVEMBER)
    line = line_of(detail(session, acme, closed), "Credits beyond")
    assert line.amount == "$0.01"
    assert line.sum.endswith("3.418 beyond your allowance × $0.002 = $0.006836, charged as $0.01.")
    assert ("Exactly, before the one rounding", "$0.006836") in [(fact.name, fact.value) for fact in line.facts]


def test_late_usage_says_what_was_billed_before(session: Session) -> None:
    acme, _ = worked_example(session)
    late = [event("1000", occurred_at=OCTOBER_NOON + timedelta(days=1)), event("1000000")]
    metered(session, acme.tenant_id, *late, at=NOON)
    closed = closing.close_period(session, tenant_id=acme.tenant_id, at=datetime(2026, 12, 1, 8, tzinfo=UTC))
    line = line_of(detail(session, acme, closed), "Late usage")
    assert (line.quantity, line.amount) == ("1,000 credits", "$2.00")
    assert [value for _, value in counted_facts(line)] == ["501,000 credits", "500,000 credits"]
    assert line.sum == (
        "4 records of that period by now, 501,000 credits beyond its allowance, 500,000 billed before:"
        " 1,000 more, $2.00."
    )


def test_a_status_follows_the_clock_and_the_payment(session: Session) -> None:
    acme, invoice = worked_example(session)
    open_ = detail(session, acme, invoice, at=NOVEMBER)
    assert (open_.status, [step.name for step in open_.timeline]) == ("open", ["Issued", "Due", "Payment"])
    late = detail(session, acme, invoice, at=invoice.due_at)
    assert (late.status, late.status_word, late.timeline[1].state) == ("past_due", "Past due", "late")
    mark_invoice_paid(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, reference="Wire 77", at=NOON)
    paid = detail(session, acme, invoice)
    assert (paid.status, [step.name for step in paid.timeline]) == ("paid", ["Issued", "Paid"])
    assert [fact.value for fact in paid.facts] == ["Wire 77"]


def test_a_void_invoice_says_that_nothing_is_to_be_paid(session: Session) -> None:
    acme, invoice = worked_example(session)
    invoice.status = InvoiceStatus.VOID
    session.flush()
    view = detail(session, acme, invoice)
    assert (view.status_word, view.timeline[-1].when) == ("Void", "Nothing is to be paid")


def test_the_list_has_every_invoice_and_what_is_outstanding(session: Session) -> None:
    acme, invoice = worked_example(session)
    view = read_invoice_list(session, tenant_id=acme.tenant_id, at=NOVEMBER)
    assert [(row.number, row.amount, row.period) for row in view.rows] == [
        ("INV-000002", "$10,600.00", "1 Oct – 31 Oct 2026"),
        ("INV-000001", "$9,000.00", "1 Oct – 31 Oct 2026"),
    ]
    assert (view.shown, view.newer, view.older) == ("1–2 of 2", 0, 0)
    assert (view.outstanding, view.outstanding_hint, view.late) == ("$19,600.00", "on 2 open invoices", "")
    mark_invoice_paid(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, reference="Wire 77", at=NOVEMBER)
    later = read_invoice_list(session, tenant_id=acme.tenant_id, at=NOVEMBER + timedelta(days=60))
    assert [row.status_word for row in later.rows] == ["Paid", "Past due"]
    assert (later.outstanding, later.outstanding_hint, later.late) == (
        "$9,000.00",
        "on 1 open invoice",
        "$9,000.00 past due",
    )


def test_the_running_period_is_a_preview_that_equals_the_invoice_it_becomes(session: Session) -> None:
    acme, _ = worked_example(session)
    metered(session, acme.tenant_id, event("1000001"))
    preview = read_invoice_list(session, tenant_id=acme.tenant_id, at=NOON).preview
    assert (preview.is_shown, preview.period, preview.invoiced_on) == (True, "1 Nov – 30 Nov 2026", "1 Dec 2026")
    assert sum(worded_amount(line.amount) for line in preview.lines) == worded_amount(preview.total)
    closed = closing.close_period(session, tenant_id=acme.tenant_id, at=datetime(2026, 12, 1, 8, tzinfo=UTC))
    final = detail(session, acme, closed)
    assert (final.total, final.lines) == (preview.total, preview.lines)


def test_a_long_list_is_paged_both_ways(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoice_views, "INVOICES_SHOWN", 5)
    start = datetime(2023, 11, 1, 12, tzinfo=UTC)
    acme = customer(session, start=date(2023, 11, 1), at=start)
    for month in range(11):
        closing.close_period(session, tenant_id=acme.tenant_id, at=start + timedelta(days=31 * (month + 1)))
    pages = [read_invoice_list(session, tenant_id=acme.tenant_id, at=NOON)]
    while pages[-1].older:
        pages.append(read_invoice_list(session, tenant_id=acme.tenant_id, cursor=pages[-1].older, at=NOON))
    assert [page.shown for page in pages] == ["1–5 of 12", "6–10 of 12", "11–12 of 12"]
    assert len({row.number for page in pages for row in page.rows}) == 12
    for before, page in pairwise(pages):
        assert read_invoice_list(session, tenant_id=acme.tenant_id, cursor=page.newer, at=NOON) == before


@pytest.mark.parametrize("cursor", [-1, 10**30, 999])
def test_a_cursor_from_elsewhere_shows_the_newest(session: Session, cursor: int) -> None:
    acme, _ = worked_example(session)
    at_the_top = read_invoice_list(session, tenant_id=acme.tenant_id, at=NOON)
    assert read_invoice_list(session, tenant_id=acme.tenant_id, cursor=cursor, at=NOON) == at_the_top


def test_a_customer_without_a_subscription_has_no_invoices_and_no_preview(session: Session) -> None:
    tenant = create_tenant(session, name="Nobody yet", currency="CAD", timezone="UTC", at=NOON)
    view = read_invoice_list(session, tenant_id=tenant.id, at=NOON)
    assert (view.rows, view.preview.is_shown, view.has_subscription) == ((), False, False)
    assert (view.outstanding, view.outstanding_hint) == ("$0.00", "Everything is paid")


@pytest.mark.parametrize("invoice_id", ["", "inv_nothing", "\x00", "x" * 5000, "../../etc"])
def test_an_invoice_that_is_not_there_is_not_found(session: Session, invoice_id: str) -> None:
    acme = customer(session)
    with pytest.raises(NotFound):
        read_invoice_detail(session, tenant_id=acme.tenant_id, invoice_id=invoice_id, at=NOON)


def test_another_customers_invoice_is_not_found(session: Session) -> None:
    _, invoice = worked_example(session)
    other = customer(session, name="Other")
    with pytest.raises(NotFound):
        detail(session, other, invoice)
    assert invoice.number == 2
    numbers = {row.id for row in read_invoice_list(session, tenant_id=other.tenant_id, at=NOON).rows}
    assert invoice.id not in numbers
    assert len(numbers) == 1


def test_an_invoice_of_two_hundred_lines_is_shown_whole(session: Session) -> None:
    acme, invoice = worked_example(session)
    first = session.exec(select(InvoiceLine).where(InvoiceLine.invoice_id == invoice.id)).first()
    assert first is not None
    break_in(session)
    for position in range(4, 201):
        copy = {name: getattr(first, name) for name in type(first).model_fields} | {"position": position}
        session.add(InvoiceLine(**copy))
    session.flush()
    view = detail(session, acme, invoice)
    assert [line.key for line in view.lines] == [str(place) for place in range(1, 201)]


def test_many_counts_behind_an_average_are_listed_up_to_a_limit(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.invoices.line_facts.SNAPSHOTS_SHOWN_MAX", 2)
    acme, invoice = worked_example(session)
    line = session.exec(select(InvoiceLine).where(InvoiceLine.position == 2)).one()
    for minutes in range(3):
        moment = OCTOBER_NOON - timedelta(minutes=minutes)
        record_snapshot(session, tenant_id=acme.tenant_id, asset_count=1_300, captured_at=moment, at=OCTOBER_NOON)
    ids = [snapshot.id for snapshot in session.exec(select(AssetSnapshot))]
    break_in(session)
    line.sources = line.sources | {"basis": "average", "snapshot_ids": ids}
    session.flush()
    facts = counted_facts(line_of(detail(session, acme, invoice), "Assets"))
    assert facts[0][0] == "The average of the counts"
    assert (len(facts), facts[-1][1]) == (4, "2")
