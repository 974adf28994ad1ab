"""Adding a tax rate, or ending one, from a day on. What was in force on a day stays what it was."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlmodel import Session, col, select

from models import Invoice, InvoiceTax, TaxRateRow
from models.base import NAME_MAX
from models.billing_profile import REGION_MAX
from services.errors import Conflict, Unprocessable
from services.identifiers import new_id
from services.parties.addresses import COUNTRIES, PROVINCES, required, text
from services.taxes.rates import TaxRate, added_tax_rates, is_percentage, shipped_tax_rates, tax_rates_on

CODES: Final = ("gst", "hst", "pst", "qst", "rst", "sales_tax", "vat")
"""The kinds of sales tax that the payment provider knows too."""

EARLIEST: Final = date(1900, 1, 1)
FARTHEST: Final = timedelta(days=365 * 5)
"""How far ahead a rate may be announced."""


def list_tax_rates(session: Session, *, day: date) -> list[tuple[TaxRate, bool]]:
    """(rate, whether it was added) of all that are in force on a day or begin after it, by place, tax and day."""
    added = added_tax_rates(session)
    in_force: list[TaxRate] = list(tax_rates_on(day, added=added))
    to_come = [rate for rate in [*shipped_tax_rates(), *added] if rate.since > day]
    ours = {(rate.country, rate.region, rate.code, rate.since) for rate in added}
    every = sorted([*in_force, *to_come], key=lambda rate: (rate.country, rate.region, rate.code, rate.since))
    return [(rate, (rate.country, rate.region, rate.code, rate.since) in ours) for rate in every]


def add_tax_rate(
    session: Session,
    *,
    country: str,
    region: str,
    code: str,
    name: str,
    percentage: Decimal | None,
    since: date,
    is_federal: bool = False,
    by: str,
    at: datetime,
) -> TaxRateRow:
    """Put a rate in force from a day on; None for its percentage ends the tax that day. The same again changes nothing.

    Raises Unprocessable for a place, tax, rate or day there cannot be, and Conflict where another rate begins that
    day, or the tax was invoiced on that day or later.
    """
    place, code = _place(country, region), _code(code)
    name = required(name, "name", NAME_MAX, "what the tax is called")
    if percentage is not None and not is_percentage(percentage):
        raise Unprocessable("A tax is above 0 and below 100 per cent, in up to 10 decimals.", field="percentage")
    if not EARLIEST <= since <= at.date() + FARTHEST:
        raise Unprocessable(f"Begin a rate on {EARLIEST} or later, at most five years ahead.", field="since")
    where = (TaxRateRow.country == place[0], TaxRateRow.region == place[1], TaxRateRow.code == code)
    known = session.exec(select(TaxRateRow).where(*where, TaxRateRow.since == since)).first()
    if known is not None:
        if (known.name, known.percentage, known.is_federal) != (name, percentage, is_federal):
            raise Conflict(f"Another rate of this tax begins on {since}; add one from another day on.", field="since")
        return known
    _check_unused(session, place, code, since)
    row = TaxRateRow(
        id=new_id("tax"), country=place[0], region=place[1], code=code, name=name, percentage=percentage,
        is_federal=is_federal, since=since, added_at=at, added_by=by,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def _check_unused(session: Session, place: tuple[str, str], code: str, since: date) -> None:
    """No invoice of that day or later may rest on what is changed. Days begin in some time zone a day before UTC's."""
    country, region = place
    statement = (
        select(Invoice.number)
        .join(InvoiceTax, (col(InvoiceTax.tenant_id) == Invoice.tenant_id) & (InvoiceTax.invoice_id == Invoice.id))
        .where(
            InvoiceTax.country == country,
            InvoiceTax.code == code,
            col(Invoice.issued_at) >= datetime.fromisoformat(f"{since - timedelta(days=1)}T12:00:00+00:00"),
            *([InvoiceTax.region == region] if region else []),
        )
        .limit(1)
    )
    if session.exec(statement).first() is not None:
        raise Conflict(
            f"This tax was invoiced on {since} or later, and final invoices stay: begin on a day to come.",
            field="since",
        )


def _place(country: str, region: str) -> tuple[str, str]:
    place = text(country, "country", 2).upper()
    if place not in COUNTRIES:
        raise Unprocessable("Give the country by its two letters, such as CA.", field="country")
    part = text(region, "region", REGION_MAX).upper().removeprefix(f"{place}-")
    if place == "CA" and part not in PROVINCES:
        raise Unprocessable("Give the province by its two letters, such as ON.", field="region")
    return place, part


def _code(code: str) -> str:
    tidied = code.strip().lower()
    if tidied not in CODES:
        raise Unprocessable(f"A tax is one of {', '.join(CODES)}.", field="code")
    return tidied
