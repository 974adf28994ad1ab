"""The journal balances, says what is still receivable, and earns a year's fee month by month."""

from collections import Counter
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlmodel import Session

from models import Interval, LineKind
from services.closing.close import close_if_due, close_period
from services.credits.expiry import expire_lots
from services.exports.accounts import SHIPPED, accounts_in, read_accounts
from services.exports.catalog import prepare_export
from services.exports.journal import read_entries
from services.exports.postings import Entry, account_of
from services.exports.sheets import Asked
from services.identity import create_tenant
from services.invoices.credit_note_issuing import issue_credit_note
from services.invoices.credit_notes import amounts_left
from services.invoices.finding import list_invoices, mark_invoice_paid
from services.invoices.transitions import mark_uncollectible
from services.price_books.books import load_shipped_books
from services.subscriptions.ends import end_subscription
from services.subscriptions.starting import create_subscription
from services.top_ups.buying import buy_top_up
from tests.given import NOON, customer, event, metered

DAY = timedelta(days=1)


def entries_of(session: Session, tenant_id: str, *, since: date, until: date) -> list[Entry]:
    asked: Asked = prepare_export(session, tenant_id=tenant_id, name="journal", since=since, until=until, at=NOON).asked
    return read_entries(session, asked)


def balances(entries: list[Entry]) -> Counter[str]:
    """Minor units of each account, a debit above zero."""
    sums: Counter[str] = Counter()
    for entry in entries:
        for posting in entry.postings:
            sums[posting.account.name] += posting.amount_minor
    return sums


def a_year(session: Session) -> tuple[str, str]:
    """A tenant on a year of PRO: 12 x 9,000.00 less 20 % = 86,400.00."""
    load_shipped_books(session, at=NOON)
    tenant = create_tenant(session, name="Acme", currency="CAD", timezone="America/Toronto", at=NOON)
    made = create_subscription(
        session, tenant_id=tenant.id, plan_code="PRO", start_date=NOON.date(), interval=Interval.YEAR, at=NOON
    )
    return tenant.id, made.id


def test_what_is_receivable_is_what_the_invoices_leave(session: Session) -> None:
    acme = customer(session)
    metered(session, acme.tenant_id, event("1200000"))
    closed = close_period(session, tenant_id=acme.tenant_id, force=True, at=NOON)
    start = next(each for each in list_invoices(session, tenant_id=acme.tenant_id) if each.id != closed.id)
    issue_credit_note(
        session, tenant_id=acme.tenant_id, invoice_id=closed.id, amount_minor=10_000, reason="Goodwill", at=NOON + DAY
    )
    mark_invoice_paid(session, tenant_id=acme.tenant_id, invoice_id=start.id, at=NOON + 2 * DAY)
    sums = balances(entries_of(session, acme.tenant_id, since=date(2026, 1, 1), until=date(2026, 12, 31)))
    left = amounts_left(session, tenant_id=acme.tenant_id, invoices=[closed])[closed.id]
    assert sums["Accounts receivable"] == left == 930_000
    assert sums["Cash received"] == 900_000
    assert (sums["Subscription revenue"], sums["Usage revenue"]) == (-1_800_000, -40_000)
    assert sums["Discounts and allowances"] == 10_000
    assert sum(sums.values()) == 0


def test_a_years_fee_is_earned_month_by_month_to_the_cent(session: Session) -> None:
    tenant_id, _ = a_year(session)
    first = balances(entries_of(session, tenant_id, since=NOON.date(), until=NOON.date()))
    assert first == {"Accounts receivable": 8_640_000, "Deferred revenue": -8_640_000}
    year = entries_of(session, tenant_id, since=NOON.date(), until=date(2027, 11, 20))
    earned = [entry for entry in year if entry.kind == "earned"]
    assert len(earned) == 12
    assert sum(posting.amount_minor for entry in earned for posting in entry.postings if posting.amount_minor > 0) == (
        8_640_000
    )
    assert balances(year)["Deferred revenue"] == 0
    months = [entry.at.date() for entry in earned]
    assert (months[0], months[-1]) == (date(2026, 12, 20), date(2027, 11, 20))
    by_halves = [
        *entries_of(session, tenant_id, since=NOON.date(), until=date(2027, 4, 30)),
        *entries_of(session, tenant_id, since=date(2027, 5, 1), until=date(2027, 11, 20)),
    ]
    assert {entry.id for entry in by_halves} == {entry.id for entry in year}
    assert len(by_halves) == len(year)


def test_what_is_deferred_is_earned_at_the_end_of_a_subscription(session: Session) -> None:
    tenant_id, subscription_id = a_year(session)
    ended_at = NOON + 40 * DAY
    end_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id, ended_at=ended_at, at=ended_at)
    sums = balances(entries_of(session, tenant_id, since=NOON.date(), until=ended_at.date()))
    assert (sums["Deferred revenue"], sums["Subscription revenue"]) == (0, -8_640_000)


def test_an_invoice_that_is_given_up_and_paid_after_all_leaves_no_loss(session: Session) -> None:
    acme = customer(session)
    (invoice,) = list_invoices(session, tenant_id=acme.tenant_id)
    mark_uncollectible(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=NOON + DAY)
    lost = balances(entries_of(session, acme.tenant_id, since=NOON.date(), until=date(2026, 12, 31)))
    assert (lost["Bad debt"], lost["Accounts receivable"]) == (900_000, 0)
    mark_invoice_paid(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=NOON + 2 * DAY)
    paid = balances(entries_of(session, acme.tenant_id, since=NOON.date(), until=date(2026, 12, 31)))
    assert (paid["Bad debt"], paid["Accounts receivable"], paid["Cash received"]) == (0, 0, 900_000)


def test_the_days_are_the_customers_own(session: Session) -> None:
    acme = customer(session, at=datetime.fromisoformat("2026-11-21T03:30:00Z"))  # 22:30 on the 20th in Toronto
    assert entries_of(session, acme.tenant_id, since=date(2026, 11, 20), until=date(2026, 11, 20))
    assert not entries_of(session, acme.tenant_id, since=date(2026, 11, 21), until=date(2026, 11, 21))


def test_months_closed_by_the_clock_book_each_invoice_once(session: Session) -> None:
    acme = customer(session)
    at = NOON
    for _ in range(3):
        at += 31 * DAY
        close_if_due(session, tenant_id=acme.tenant_id, subscription_id=acme.subscription_id, at=at)
    entries = entries_of(session, acme.tenant_id, since=date(2026, 11, 1), until=at.date())
    assert Counter(entry.kind for entry in entries) == {"invoice": 4}
    assert len({entry.id for entry in entries}) == 4


def test_every_kind_of_line_has_an_account() -> None:
    accounts = read_accounts()
    assert all(account_of(accounts, kind).code for kind in LineKind)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("[cash]", "[till]"), "cash, till"),
        (lambda text: text.replace('code = "1000"', "code = 1000"), "cash needs a code"),
        (lambda text: text.replace('name = "Cash received"', 'name = ""'), "cash needs a name"),
        (lambda text: text + "[[", "cannot be read"),
    ],
)
def test_a_chart_that_is_wrong_is_refused_by_name(tmp_path: Path, change: object, said: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(change(SHIPPED.read_text("utf-8")), "utf-8")  # type: ignore[operator]
    with pytest.raises(ValueError, match=said):
        accounts_in(own)


def test_a_debit_and_a_credit_of_every_entry_are_equal(session: Session) -> None:
    tenant_id, _ = a_year(session)
    asked = prepare_export(session, tenant_id=tenant_id, name="journal", at=NOON + 400 * DAY)
    (rows,) = asked.sheet.pages(asked.asked, lambda: nullcontext(session))
    debits: Counter[str] = Counter()
    for row in rows:
        debits[row[0]] += row[8] - row[9]
    assert rows
    assert set(debits.values()) == {Decimal(0)}


def test_credits_that_were_bought_are_earned_as_they_are_used(session: Session) -> None:
    acme = customer(session)
    bought = buy_top_up(session, tenant_id=acme.tenant_id, pack="credits-250k", quantity=1, by="usr_1", at=NOON)
    span = {"since": date(2026, 11, 1), "until": date(2026, 12, 31)}
    assert balances(entries_of(session, acme.tenant_id, **span))["Credits bought and not used yet"] == -45_000
    metered(session, acme.tenant_id, event("1100000", event_id="a"), event("50000", event_id="b"))  # 150,000 of 250,000
    used = balances(entries_of(session, acme.tenant_id, **span))
    assert used["Credits bought and not used yet"] == -18_000
    assert used["Usage revenue"] == -27_000
    issue_credit_note(
        session,
        tenant_id=acme.tenant_id,
        invoice_id=bought.invoice_id,
        amount_minor=18_000,
        reason="Not needed",
        at=NOON + DAY,
    )
    back = balances(entries_of(session, acme.tenant_id, **span))
    assert (back["Credits bought and not used yet"], back["Discounts and allowances"]) == (0, 0)
    assert sum(back.values()) == 0


def test_credits_that_expire_are_earned_in_full(session: Session) -> None:
    acme = customer(session)
    buy_top_up(session, tenant_id=acme.tenant_id, pack="credits-250k", quantity=1, by="usr_1", at=NOON)
    over = NOON + 366 * DAY
    expire_lots(session, tenant_id=acme.tenant_id, at=over)
    sums = balances(entries_of(session, acme.tenant_id, since=date(2026, 11, 1), until=over.date()))
    assert (sums["Credits bought and not used yet"], sums["Usage revenue"]) == (0, -45_000)
