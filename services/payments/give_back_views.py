"""Giving money back, in words: what is left, which ways there are, and exactly what will happen before it does."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from models import CreditNote, Invoice, InvoiceStatus, StripeCall, StripeCallStatus
from models.credit_note import REASON_MAX
from services import wording
from services.errors import Unprocessable
from services.identifiers import new_id
from services.invoices.credit_notes import amount_left, note_number
from services.invoices.finding import read_invoice
from services.invoices.numbers import invoice_number
from services.payments import crediting
from services.payments.crediting import GiveBack
from services.rules.money import Money
from services.rules.redaction import redact_text
from services.rules.violations import InvalidAmount
from services.tenants import read_tenant

WAYS = {
    GiveBack.REDUCE: ("Reduce what is open", "Less is to be paid; no money moves."),
    GiveBack.REFUND: ("Refund to the card", "The money goes back to the card it came from, in five to ten days."),
    GiveBack.BALANCE: ("Keep for the next invoice", "It is taken off what the customer pays next."),
    GiveBack.ELSEWHERE: ("Given back elsewhere", "You have given it back yourself, such as by transfer."),
}
CALL_WORDS = {
    StripeCallStatus.WAITING: ("pending", "Being told to Stripe"),
    StripeCallStatus.HELD: ("failed", "Held: Stripe did not take it"),
    StripeCallStatus.DONE: ("settled", "Stripe has it"),
}


@dataclass(frozen=True)
class WayView:
    code: str
    name: str
    meaning: str


@dataclass(frozen=True)
class GiveBackView:
    """The form. `note_id` is the credit note it will make: made once, however often it is sent. "" where closed."""

    note_id: str = ""
    invoice_id: str = ""
    left: str = ""
    left_typed: str = ""
    currency: str = ""
    ways: tuple[WayView, ...] = ()
    none_because: str = ""


@dataclass(frozen=True)
class GiveBackQuestion:
    """What was asked for, and the sentence that says what it does. `sentence` is "" where nothing is asked."""

    sentence: str = ""
    confirm: str = ""
    amount_minor: int = 0
    reason: str = ""
    way: str = ""


@dataclass(frozen=True)
class GiveBackOutcome:
    """What came of it: the credit note, and how far Stripe is with it. `status` is that of the call that is furthest
    behind; "" where Stripe need not be told."""

    number: str = ""
    sentence: str = ""
    status: str = ""
    status_word: str = ""
    error: str = ""


NO_FORM = GiveBackView()
NO_QUESTION = GiveBackQuestion()
NO_OUTCOME = GiveBackOutcome()


def open_form(session: Session, *, tenant_id: str, invoice_id: str) -> GiveBackView:
    """The form for one invoice, or why nothing of it can be given back. Raises NotFound."""
    invoice = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id).invoice
    left_minor = max(0, amount_left(session, invoice=invoice))
    ways = crediting.ways_of(session, invoice)
    return GiveBackView(
        note_id=new_id("cn"),
        invoice_id=invoice.id,
        left=wording.amount(left_minor, invoice.currency),
        left_typed=Money(left_minor, invoice.currency).plain(),
        currency=invoice.currency,
        ways=tuple(WayView(way.value, *WAYS[way]) for way in ways),
        none_because=_none_because(invoice, left_minor, has_ways=bool(ways)),
    )


def ask(session: Session, *, tenant_id: str, invoice_id: str, typed: str, reason: str, way: str) -> GiveBackQuestion:
    """What giving back would do, in one sentence. Raises NotFound and Unprocessable for what was typed."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    invoice = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id).invoice
    amount_minor = _amount(session, invoice, typed)
    reason = reason.strip()
    if not 0 < len(reason) <= REASON_MAX or not reason.isprintable():
        raise Unprocessable(f"Say why, in at most {REASON_MAX} characters; the customer reads it.", field="reason")
    chosen = next((each for each in crediting.ways_of(session, invoice) if each.value == way), None)
    if chosen is None:
        raise Unprocessable("Choose what becomes of the money.", field="way")
    amount = wording.amount(amount_minor, invoice.currency)
    return GiveBackQuestion(
        sentence=_sentence(chosen, amount, tenant.name, invoice_number(invoice) or ""),
        confirm=_confirm(chosen, amount),
        amount_minor=amount_minor,
        reason=reason,
        way=chosen.value,
    )


def give_back(
    session: Session, *, tenant_id: str, form: GiveBackView, question: GiveBackQuestion, at: datetime
) -> GiveBackOutcome:
    """Do what was asked; doing it again changes nothing. Raises what `crediting.give_back` raises."""
    crediting.give_back(
        session,
        tenant_id=tenant_id,
        invoice_id=form.invoice_id,
        amount_minor=question.amount_minor,
        reason=question.reason,
        way=GiveBack(question.way),
        note_id=form.note_id,
        at=at,
    )
    return read_outcome(session, tenant_id=tenant_id, note_id=form.note_id)


def read_outcome(session: Session, *, tenant_id: str, note_id: str) -> GiveBackOutcome:
    """How far a credit note is. NO_OUTCOME where there is none of that name."""
    note = session.get(CreditNote, (tenant_id, note_id))
    if note is None:
        return NO_OUTCOME
    statement = select(StripeCall).where(StripeCall.tenant_id == tenant_id, StripeCall.subject == note.id)
    calls = list(session.exec(statement.order_by(col(StripeCall.position))))
    behind: Any = next((call for call in calls if call.status != StripeCallStatus.DONE), calls[-1] if calls else None)
    status, word = ("", "") if behind is None else CALL_WORDS[behind.status]
    return GiveBackOutcome(
        number=note_number(note),
        sentence=f"Credit note {note_number(note)} takes back {wording.amount(-note.total_minor, note.currency)}.",
        status=status,
        status_word=word,
        error="" if behind is None else redact_text(behind.error or ""),
    )


def _amount(session: Session, invoice: Invoice, typed: str) -> int:
    try:
        amount_minor = Money.parse(typed.strip().replace(",", ""), invoice.currency).amount_minor
    except InvalidAmount as error:
        raise Unprocessable(str(error), field="amount") from error
    left_minor = amount_left(session, invoice=invoice)
    if not 0 < amount_minor <= left_minor:
        left = wording.amount(max(0, left_minor), invoice.currency)
        raise Unprocessable(f"Give back more than nothing and no more than the {left} that is left.", field="amount")
    return amount_minor


def _none_because(invoice: Invoice, left_minor: int, *, has_ways: bool) -> str:
    if invoice.status not in (InvoiceStatus.OPEN, InvoiceStatus.PAID):
        return f"Nothing can be given back of an invoice that is {invoice.status.value}."
    if not left_minor:
        return "All of it has been credited already."
    return "" if has_ways else "Stripe is not done with this invoice yet; wait until it is open or paid as a whole."


def _sentence(way: GiveBack, amount: str, customer: str, number: str) -> str:
    """Exactly what happens."""
    issued = f"A credit note over {amount} is issued to {customer} for {number}"
    then = {
        GiveBack.REDUCE: f", and {amount} less is to be paid for it. No money moves.",
        GiveBack.REFUND: f", and Stripe sends {amount} back to the card that paid it. This cannot be taken back.",
        GiveBack.BALANCE: f", and Stripe takes {amount} off what {customer} pays next.",
        GiveBack.ELSEWHERE: f". No money moves through Stripe: you give {amount} back yourself.",
    }
    return issued + then[way]


def _confirm(way: GiveBack, amount: str) -> str:
    words = {
        GiveBack.REDUCE: f"Reduce by {amount}",
        GiveBack.REFUND: f"Refund {amount}",
        GiveBack.BALANCE: f"Keep {amount} for the next invoice",
        GiveBack.ELSEWHERE: f"Credit {amount}",
    }
    return words[way]
