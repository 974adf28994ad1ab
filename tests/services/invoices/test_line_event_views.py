"""The events behind a line: all of them, once each, page by page in either order, and nobody else's."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import Session

from models import Invoice
from services.closing.close import close_period
from services.errors import NotFound
from services.invoices import line_event_views
from services.invoices.detail_views import InvoiceDetailView, read_invoice_detail
from services.invoices.line_event_views import LineEventsView, read_line_events
from services.rules.quantities import MICRO
from services.usage.corrections import CorrectionInput, correct_usage
from services.usage.event_views import EventRow
from tests.given import Customer, customer, event, metered

OCTOBER_NOON = datetime(2026, 10, 20, 16, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, 8, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, 8, tzinfo=UTC)


def used_in_october(session: Session, *, count: int = 7, units: str = "200000") -> tuple[Customer, Invoice]:
    """`count` events of October and one of November, which is not behind October's line."""
    acme = customer(session, start=date(2026, 10, 1), at=OCTOBER_NOON)
    metered(session, acme.tenant_id, *(event(units, event_id=f"e{n}") for n in range(count)), at=OCTOBER_NOON)
    closed = close_period(session, tenant_id=acme.tenant_id, at=NOVEMBER)
    metered(session, acme.tenant_id, event("5", event_id="november"), at=NOVEMBER)
    return acme, closed


def shown(session: Session, acme: Customer, invoice: Invoice) -> InvoiceDetailView:
    return read_invoice_detail(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=NOVEMBER)


def overage_key(view: InvoiceDetailView) -> str:
    return next(line.key for line in view.lines if line.events)


def read(session: Session, acme: Customer, invoice: Invoice, key: str, **page: int | bool) -> LineEventsView:
    return read_line_events(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, key=key, **page)  # type: ignore[arg-type]


def walk(session: Session, acme: Customer, invoice: Invoice, key: str, *, rising: bool) -> list[LineEventsView]:
    """Every page to the end, and then back to the first."""
    pages = [read(session, acme, invoice, key, is_oldest_first=rising)]
    while pages[-1].following:
        last = pages[-1]
        place = last.first + len(last.rows)
        pages.append(read(session, acme, invoice, key, start=last.following, first=place, is_oldest_first=rising))
    for page, before in zip(reversed(pages), list(reversed(pages))[1:], strict=False):
        back = read(session, acme, invoice, key, start=page.previous, first=before.first, is_oldest_first=rising)
        assert back.rows == before.rows
        assert back.shown == before.shown
    return pages


@pytest.mark.parametrize("rising", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_pages_hold_every_event_once_in_order(
    session: Session, monkeypatch: pytest.MonkeyPatch, rising: bool, size: int
) -> None:
    monkeypatch.setattr(line_event_views, "LINE_EVENTS_SHOWN", size)
    acme, invoice = used_in_october(session)
    pages = walk(session, acme, invoice, overage_key(shown(session, acme, invoice)), rising=rising)
    ids = [row.event_id for page in pages for row in page.rows]
    expected = [f"e{n}" for n in range(7)]
    assert ids == (expected if rising else expected[::-1])
    assert pages[0].previous == 0
    assert pages[-1].shown.endswith("7 of 7")


def test_the_records_behind_a_line_add_up_to_what_it_says(session: Session) -> None:
    acme, invoice = used_in_october(session)
    view = shown(session, acme, invoice)
    line = next(line for line in view.lines if line.events)
    assert line.events == "7 records"
    assert line.sum == "7 records, 1,400,000 credits used, 400,000 beyond your allowance × $0.002 = $800.00."
    rows = read(session, acme, invoice, line.key).rows
    assert sum(int(row.credits.split()[0].replace(",", "")) for row in rows) == 1_400_000
    assert [row.is_beyond for row in rows] == [True, True, False, False, False, False, False]


def test_each_record_names_its_receipt_and_its_line_in_words(session: Session) -> None:
    acme, invoice = used_in_october(session, count=1, units="1000001")
    (row,) = read(session, acme, invoice, overage_key(shown(session, acme, invoice))).rows
    assert row == EventRow(
        seq="2", receipt="2", time="20 Oct 2026, 12:00", kind="LLM tokens", units="1,000,001,000 tokens",
        credits="1,000,001 credits", event_id="e0", site="", is_beyond=True, corrects="",
    )  # fmt: skip


def test_a_correction_before_the_close_is_among_the_records(session: Session) -> None:
    acme = customer(session, start=date(2026, 10, 1), at=OCTOBER_NOON)
    metered(session, acme.tenant_id, event("1500000", event_id="wrong"), at=OCTOBER_NOON)
    less = CorrectionInput("wrong", 1_100_000 * MICRO, "counted twice")
    correct_usage(session, tenant_id=acme.tenant_id, correction=less, at=OCTOBER_NOON)
    invoice = close_period(session, tenant_id=acme.tenant_id, at=NOVEMBER)
    newest, oldest = read(session, acme, invoice, overage_key(shown(session, acme, invoice))).rows
    assert (newest.corrects, newest.credits, oldest.corrects) == (oldest.seq, "-400,000 credits", "")


def test_use_within_the_allowance_is_shown_without_a_line(session: Session) -> None:
    acme, invoice = used_in_october(session, count=3)
    view = shown(session, acme, invoice)
    assert not any(line.events for line in view.lines)
    assert [(each.key, each.name, each.words) for each in view.covered] == [
        ("covered-credits", "Credits", "3 records, 600,000 credits used, nothing to pay.")
    ]
    assert [row.event_id for row in read(session, acme, invoice, "covered-credits").rows] == ["e2", "e1", "e0"]


def test_what_came_after_the_invoice_is_not_what_it_covered(session: Session) -> None:
    acme, invoice = used_in_october(session, count=3)
    late = OCTOBER_NOON + timedelta(days=9)
    metered(session, acme.tenant_id, event("70", event_id="late", occurred_at=late), at=NOVEMBER)
    (covered,) = shown(session, acme, invoice).covered
    assert covered.words.startswith("3 records, 600,000 credits")
    assert "late" not in [row.event_id for row in read(session, acme, invoice, covered.key).rows]


def test_late_use_opens_to_the_whole_period_it_belongs_to(session: Session) -> None:
    acme, october = used_in_october(session, count=6)
    late = OCTOBER_NOON + timedelta(days=9)
    metered(session, acme.tenant_id, event("1000", event_id="late", occurred_at=late), at=NOVEMBER)
    december = close_period(session, tenant_id=acme.tenant_id, at=DECEMBER)
    view = shown(session, acme, december)
    line = next(line for line in view.lines if line.description.startswith("Late usage"))
    assert line.sum.startswith("7 records of that period by now, 201,000 credits beyond its allowance, 200,000 billed")
    ids = [row.event_id for row in read(session, acme, december, line.key).rows]
    assert ids == ["late", *(f"e{n}" for n in reversed(range(6)))]
    assert "late" not in [
        row.event_id for row in read(session, acme, october, overage_key_of(session, acme, october)).rows
    ]


def overage_key_of(session: Session, acme: Customer, invoice: Invoice) -> str:
    return overage_key(shown(session, acme, invoice))


def test_a_credit_note_stands_with_the_invoice_it_is_for(session: Session) -> None:
    acme, invoice = used_in_october(session)
    less = CorrectionInput("e6", 100_000 * MICRO, "counted twice")
    made = correct_usage(session, tenant_id=acme.tenant_id, correction=less, at=NOVEMBER)
    assert made.credit_note is not None
    view = shown(session, acme, invoice)
    (note,) = view.credit_notes
    assert (note.number, note.reason, note.total) == ("CN-000001", "counted twice", "-$200.00")
    assert (note.receipt, note.correction) == (str(made.credit_note.receipt_seq), str(made.metered.seq))
    assert [(line.quantity, line.amount) for line in note.lines] == [("-100,000 credits", "-$200.00")]
    assert (view.total, view.after_notes) == ("$9,800.00", "$9,600.00")


def test_lines_that_are_not_about_use_and_unknown_ones_open_to_nothing(session: Session) -> None:
    acme, invoice = used_in_october(session)
    base = next(line for line in shown(session, acme, invoice).lines if not line.events)
    for key in (base.key, "0", "-1", "99999999999999999999", "covered-", "covered-credits", "\x00", ""):
        with pytest.raises(NotFound):
            read(session, acme, invoice, key)


def test_the_events_of_another_customers_invoice_do_not_exist(session: Session) -> None:
    acme, invoice = used_in_october(session)
    other = customer(session, name="Other", start=date(2026, 10, 1), at=OCTOBER_NOON)
    with pytest.raises(NotFound):
        read(session, other, invoice, overage_key(shown(session, acme, invoice)))
