"""What a credit note takes back of its invoice's taxes: their share of the whole bill, so all of it gives all back."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from models import CreditNoteTax, Invoice, InvoiceTax
from services.invoices.credit_notes import amount_left
from services.invoices.taxes import read_taxes
from services.rules.taxes import shares_taken, taken_with


@dataclass(frozen=True, slots=True)
class TakenBack:
    """`net_minor` before tax and `shares_minor` of each of the invoice's `taxes`; above zero where money goes back."""

    taxes: tuple[InvoiceTax, ...]
    net_minor: int
    shares_minor: tuple[int, ...]

    @property
    def tax_minor(self) -> int:
        return sum(self.shares_minor)

    def rows(self, credit_note_id: str) -> tuple[CreditNoteTax, ...]:
        """The rows of a note, below zero where money goes back."""
        return tuple(
            CreditNoteTax(
                tenant_id=tax.tenant_id,
                credit_note_id=credit_note_id,
                position=tax.position,
                code=tax.code,
                name=tax.name,
                country=tax.country,
                region=tax.region,
                rate=tax.rate,
                base_minor=-self.net_minor,
                amount_minor=-share_minor,
                category=tax.category,
                reason=tax.reason,
            )
            for tax, share_minor in zip(self.taxes, self.shares_minor, strict=True)
        )


def share_of_total(session: Session, *, invoice: Invoice, amount_minor: int) -> TakenBack:
    """How `amount_minor` of what an invoice comes to, its taxes among it, falls into net and taxes."""
    taxes, before_minor = _so_far(session, invoice)
    return _between(invoice, taxes, before_minor, before_minor + amount_minor)


def share_of_net(session: Session, *, invoice: Invoice, net_minor: int) -> TakenBack:
    """What goes back with `net_minor` before tax; below zero where more is charged."""
    taxes, before_minor = _so_far(session, invoice)
    amounts = [tax.amount_minor for tax in taxes]
    net_before = before_minor - sum(_shares(invoice, amounts, before_minor))
    after_minor = taken_with(amounts, total_minor=invoice.total_minor, net_minor=net_before + net_minor)
    return _between(invoice, taxes, before_minor, after_minor)


def _so_far(session: Session, invoice: Invoice) -> tuple[tuple[InvoiceTax, ...], int]:
    taxes = read_taxes(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id)
    return taxes, invoice.total_minor - amount_left(session, invoice=invoice)


def _between(invoice: Invoice, taxes: tuple[InvoiceTax, ...], before_minor: int, after_minor: int) -> TakenBack:
    amounts = [tax.amount_minor for tax in taxes]
    before, after = (_shares(invoice, amounts, taken_minor) for taken_minor in (before_minor, after_minor))
    shares = tuple(now - earlier for now, earlier in zip(after, before, strict=True))
    return TakenBack(taxes, after_minor - before_minor - sum(shares), shares)


def _shares(invoice: Invoice, amounts_minor: Sequence[int], taken_minor: int) -> list[int]:
    return shares_taken(amounts_minor, total_minor=invoice.total_minor, taken_minor=taken_minor)
