"""Which sheets there are, and one of them prepared to be written."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Session

from services.errors import NotFound, Unprocessable
from services.exports.bills import CREDIT_NOTES, INVOICE_LINES, INVOICES
from services.exports.journal import JOURNAL
from services.exports.sheets import Asked, Reading, Sheet
from services.exports.usage import CREDITS, USAGE
from services.exports.writing import Format, write_csv, write_parquet
from services.rules.periods import business_date, day_bounds
from services.tenants import read_tenant

SHEETS = {sheet.name: sheet for sheet in (INVOICES, INVOICE_LINES, CREDIT_NOTES, USAGE, CREDITS, JOURNAL)}
DAYS_MAX = 10 * 366
DAYS_USUAL = 366


@dataclass(frozen=True, slots=True)
class Export:
    """A sheet about to be written. `filename` says what it holds."""

    sheet: Sheet
    asked: Asked
    format: Format
    filename: str

    def chunks(self, reading: Reading) -> Iterator[bytes]:
        """The file, a page at a time; `reading` opens each page's read."""
        write = write_csv if self.format is Format.CSV else write_parquet
        return write(self.sheet.columns, self.sheet.pages(self.asked, reading), currency=self.asked.currency)


def prepare_export(
    session: Session,
    *,
    tenant_id: str,
    name: str,
    at: datetime,
    since: date | None = None,
    until: date | None = None,
    format: Format = Format.CSV,
) -> Export:
    """A sheet of a customer's whole days from `since` to `until`, both included; the last year where neither is given.

    Raises NotFound for an unknown sheet or customer, and Unprocessable for a span that is none or too long.
    """
    sheet = SHEETS.get(name)
    if sheet is None:
        raise NotFound(f"There is no such export; choose one of {', '.join(SHEETS)}.", field="sheet")
    tenant = read_tenant(session, tenant_id=tenant_id)
    last = until or business_date(at, tenant.timezone)
    first = since or last - timedelta(days=DAYS_USUAL - 1)
    if not timedelta() <= last - first < timedelta(days=DAYS_MAX):
        raise Unprocessable("The first day comes before the last, and at most ten years before it.", field="from")
    starts_at, ends_at = day_bounds(first, tenant.timezone)[0], day_bounds(last, tenant.timezone)[1]
    asked = Asked(tenant_id, tenant.currency, tenant.timezone, starts_at, ends_at)
    return Export(sheet, asked, format, f"{sheet.name}-{first}-{last}.{format}")
