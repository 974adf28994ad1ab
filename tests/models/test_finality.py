"""What is final stays as it is, whoever asks the database: raw SQL is refused on SQLite and on PostgreSQL."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from models import Invoice, InvoiceStatus, metadata
from models.finality import DIALECTS, statements
from models.migrations.versions import __path__ as versions_path
from services.closing.close import close_period
from services.invoices.credit_note_issuing import issue_credit_note
from services.invoices.finding import mark_invoice_paid
from services.invoices.transitions import mark_uncollectible
from tests.given import Customer, customer

DECEMBER = datetime(2026, 12, 1, 6, tzinfo=UTC)


@pytest.fixture
def billed(session: Session) -> Customer:
    """One with an invoice of a start and one of a close, and a credit note on the latter."""
    one = customer(session)
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    issue_credit_note(
        session, tenant_id=one.tenant_id, invoice_id=invoice.id, amount_minor=5_00, reason="goodwill", at=DECEMBER
    )
    return one


def refuse(session: Session, statement: str) -> None:
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text(statement))


@pytest.mark.parametrize(
    "change",
    [
        "total_minor = total_minor - 1, subtotal_minor = subtotal_minor - 1", "number = number + 100",
        "currency = 'USD'", "parties = '{\"bill_to\": 1}'", "due_at = issued_at", "receipt_seq = 1",
        "status = 'draft', number = NULL, receipt_seq = NULL, receipt_hash = NULL", "id = 'another'",
    ],
)  # fmt: skip
def test_a_final_invoice_does_not_change(session: Session, billed: Customer, change: str) -> None:
    refuse(session, f"UPDATE invoice SET {change}")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM invoice",
        "UPDATE invoice_line SET amount_minor = 1",
        "UPDATE invoice_line SET description = 'another'",
        "DELETE FROM invoice_line",
        "UPDATE credit_note SET total_minor = 0, subtotal_minor = 0",
        "DELETE FROM credit_note",
        "UPDATE credit_note_line SET amount_minor = 0",
        "DELETE FROM credit_note_line",
        "UPDATE receipt SET data = data",
        "DELETE FROM receipt",
        "DELETE FROM receipt_signature",
        "UPDATE credit_entry SET delta_micro = delta_micro + 1",
        "DELETE FROM credit_entry",
    ],
)
def test_what_belongs_to_it_does_not_change_or_go_away(session: Session, billed: Customer, statement: str) -> None:
    refuse(session, statement)


@pytest.mark.parametrize(
    "added",
    [
        "INSERT INTO invoice_tax (tenant_id, invoice_id, position, code, name, country, region, rate, base_minor,"
        " amount_minor, category, reason)"
        " SELECT tenant_id, id, 1, 'gst', 'GST', 'CA', '', '5', 0, 0, 'S', '' FROM invoice",
        "INSERT INTO invoice_line (tenant_id, invoice_id, position, kind, description, quantity, unit, amount_minor,"
        " period_start, period_end, plan_version_id, pricing, steps, sources) SELECT tenant_id, invoice_id, 99, kind,"
        " description, quantity, unit, 0, period_start, period_end, plan_version_id, pricing, steps, sources"
        " FROM invoice_line",
    ],
)  # fmt: skip
def test_nothing_is_added_to_a_final_invoice(session: Session, billed: Customer, added: str) -> None:
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    refuse(session, added.replace("'5'", "5") if is_postgresql else added)


def test_how_it_is_paid_can_be_noted(session: Session, billed: Customer) -> None:
    session.execute(text("UPDATE invoice SET stripe_hosted_url = 'https://pay.example/1'"))
    session.execute(text("UPDATE invoice SET status = 'paid', paid_at = issued_at, payment_reference = 'wire'"))
    for state in ("open", "void", "uncollectible"):
        refuse(session, f"UPDATE invoice SET status = '{state}', paid_at = NULL")


def test_one_given_up_can_be_paid_but_not_opened_again(session: Session, billed: Customer) -> None:
    invoice = session.exec(Invoice.__table__.select()).first()  # type: ignore[attr-defined]
    given_up = mark_uncollectible(session, tenant_id=billed.tenant_id, invoice_id=invoice.id, at=DECEMBER)
    refuse(session, f"UPDATE invoice SET status = 'open' WHERE id = '{given_up.id}'")
    paid = mark_invoice_paid(session, tenant_id=billed.tenant_id, invoice_id=given_up.id, at=DECEMBER)
    assert paid.status == InvoiceStatus.PAID


def test_an_invoice_becomes_final_only_with_the_lines_it_adds_up(session: Session, billed: Customer) -> None:
    columns = [column.name for column in metadata.tables["invoice"].columns]
    drafted = {
        "id": "'inv_forged'", "number": "NULL", "status": "'draft'", "receipt_seq": "NULL", "receipt_hash": "NULL",
        "paid_at": "NULL", "period_start": "issued_at", "period_end": "due_at",
    }  # fmt: skip
    chosen = ", ".join(drafted.get(name, name) for name in columns)
    session.execute(text(f"INSERT INTO invoice ({', '.join(columns)}) SELECT {chosen} FROM invoice WHERE number = 1"))
    receipt = "receipt_seq = 1, receipt_hash = (SELECT receipt_hash FROM invoice WHERE number = 1)"
    refuse(session, f"UPDATE invoice SET status = 'open', number = 77, {receipt} WHERE id = 'inv_forged'")
    session.execute(text("DELETE FROM invoice WHERE id = 'inv_forged'"))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_foundation_writes_every_trigger_out(dialect: str) -> None:
    namespace: dict[str, object] = {}
    source = f"{next(iter(versions_path))}/0001_foundation.py"
    with open(source, encoding="utf-8") as file:
        exec(compile(file.read(), source, "exec"), namespace)
    assert namespace["FINAL"][dialect] == statements(metadata, dialect)  # type: ignore[index]
