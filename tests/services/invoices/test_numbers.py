"""Numbers have no gaps, whoever writes at once and whatever fails."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import Engine
from sqlmodel import select

from models import Invoice
from services.closing.close import close_period
from services.database import reading, transaction
from services.invoices.credit_note_issuing import issue_credit_note
from services.invoices.credit_notes import list_credit_notes
from tests.given import NOON, customer

CLOSES = 6


class GivenUp(Exception):
    pass


def test_two_writers_at_once_leave_no_gap_and_double_no_number(engine: Engine) -> None:
    with transaction(engine) as session:
        tenant_id = customer(session).tenant_id

    def close(turn: int) -> None:
        with transaction(engine) as session:
            close_period(session, tenant_id=tenant_id, at=NOON + timedelta(minutes=turn), force=True)
            if turn % 3 == 2:
                raise GivenUp

    def attempt(turn: int) -> bool:
        try:
            close(turn)
        except GivenUp:
            return False
        return True

    with ThreadPoolExecutor(2) as writers:
        kept = sum(writers.map(attempt, range(1, CLOSES + 1)))
    assert kept == CLOSES - 2
    with reading(engine) as session:
        numbers = session.exec(select(Invoice.number).order_by(Invoice.number)).all()  # type: ignore[arg-type]
    assert list(numbers) == list(range(1, kept + 2))


def test_credit_notes_at_once_have_numbers_without_gaps_too(engine: Engine) -> None:
    with transaction(engine) as session:
        tenant_id = customer(session).tenant_id
        invoice_id = session.exec(select(Invoice.id)).one()

    def credit(turn: int) -> None:
        with transaction(engine) as session:
            issue_credit_note(
                session, tenant_id=tenant_id, invoice_id=invoice_id, amount_minor=turn, reason="late", at=NOON
            )

    with ThreadPoolExecutor(2) as writers:
        list(writers.map(credit, range(1, 7)))
    with reading(engine) as session:
        notes = list_credit_notes(session, tenant_id=tenant_id)
    assert [note.number for note in reversed(notes)] == [1, 2, 3, 4, 5, 6]
