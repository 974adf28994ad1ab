"""How an invoice is called."""

from models import Invoice

NUMBER_DIGITS = 6


def invoice_number(invoice: Invoice) -> str | None:
    """The number as a person reads it, INV-000042; None for a draft."""
    return None if invoice.number is None else written_number(invoice.number)


def written_number(number: int) -> str:
    """The name of the invoice of that number."""
    return f"INV-{number:0{NUMBER_DIGITS}d}"
