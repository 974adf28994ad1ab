"""Documents in English."""

from decimal import Decimal

from services import wording as words
from services.billing_documents.document import BillingDocument, DocumentKind, DocumentLine, Prorated
from services.billing_documents.wording import Wording, included_of
from services.rules.money import Money
from services.rules.taxes import EXEMPT

BASES = {"latest": "latest count", "peak": "highest count", "average": "average of the counts"}


class English(Wording):
    """Canadian, American or British by its formats; the words are the same."""

    labels = {
        "invoice": "Invoice", "credit_note": "Credit note", "preview": "Preview",
        "seller": "From", "buyer": "Bill to", "number": "Number", "issued": "Date of issue", "due": "Due date",
        "period": "Period", "purchase_order": "Purchase order", "customer": "Customer no.",
        "corrects": "Credits invoice", "corrects_issued": "Dated", "reason": "Reason",
        "description": "Description", "quantity": "Quantity", "rate": "Rate", "amount": "Amount",
        "subtotal": "Subtotal", "tax": "Tax", "total": "Total", "paid": "Paid", "left": "Amount due",
        "credit": "In your favour", "no_tax": "No tax charged",
        "how_to_pay": "How to pay", "pay_online": "Pay online", "reference": "Reference", "notes": "Notes",
        "receipt": "Receipt", "code": "Verification code", "verify": "Check it at",
        "no_lines": "There is nothing to charge.",
        "minimum": "Raised to the minimum", "maximum": "Lowered to the maximum",
        "exactly": "Exactly, before the one rounding of the line", "flat_fee": "fee", "package": "package",
        "packages": "packages", "untaxed": "not taxed", "in_advance": "Charged in advance",
        "covered": "Covered by your allowance, nothing to pay",
        "void_mark": "Void", "preview_mark": "Preview · not an invoice",
    }  # fmt: skip
    units = {"discount": ("", ""), "adjustment": ("", ""), "proration": ("", "")}
    registrations = {
        "ca_gst_hst": "GST/HST no.", "ca_qst": "QST no.", "ca_pst_bc": "PST no. (BC)", "ca_pst_sk": "PST no. (SK)",
        "ca_rst_mb": "RST no. (MB)", "eu_vat": "VAT no.", "us_ein": "EIN", "other": "Tax id",
    }  # fmt: skip

    def unit_of(self, quantity: Decimal, unit: str) -> str:
        if unit in self.units:
            return self.units[unit][0]
        return unit if abs(quantity) == 1 else words.plural(unit)

    def title(self, line: DocumentLine, document: BillingDocument) -> str:
        """The stored one, which is English; dates in it and all."""
        return line.description

    def assets_counted(self, line: DocumentLine) -> str:
        counted = f"{self.counted(Decimal(line.sources['counted']), line.unit)} counted"
        return f"{counted} ({BASES[line.sources['basis']]}), {self.formats.number(included_of(line))} included"

    def use_counted(self, line: DocumentLine) -> str:
        a_day = " a day" if line.sources["pool"] in line.plan.daily_pools else ""
        used = self.counted(Decimal(line.sources["used_credits"]), line.unit)
        return f"{used} used, {self.formats.number(included_of(line))} included{a_day}"

    def difference(self, line: DocumentLine) -> str:
        beyond = self.counted(Decimal(line.sources["overage"]), line.unit)
        before = self.formats.number(Decimal(line.sources["billed_before"]))
        return f"{beyond} beyond the allowance by now, {before} billed before"

    def share_of_term(self, prorated: Prorated) -> str:
        fee, days = self.formats.amount(prorated.fee.amount_minor), self.formats.span(*prorated.days)
        return f"Of {fee} for {days}, by the second from {self.formats.moment(prorated.changed_at)} on"

    def share_of_savings(self, line: DocumentLine) -> str:
        seq = self.formats.number(line.sources["approval"]["seq"])
        return f"Of documented savings of {self.savings(line)}, approved in receipt {seq}"

    def bought(self, credits: Decimal) -> str:
        return f"{self.formats.number(credits)} in all"

    def records(self, count: int) -> str:
        return f"{self.formats.number(count)} record{'' if count == 1 else 's'} of use"

    def stretch(self, *, is_first: bool, quantity: Decimal, unit: str) -> str:
        return f"{'First' if is_first else 'Next'} {self.counted(quantity, unit)}"

    def promotion(self, line: DocumentLine) -> str:
        of = self.formats.amount(Money.parse(line.sources["of"], self.formats.currency).amount_minor)
        if "percent" in line.pricing:
            return f"{self.formats.percent(Decimal(line.pricing['percent']))} off {of}"
        return f"off {of}"

    def tax_reason(self, category: str, reason: str) -> str:
        return f"Tax exempt: {reason}" if category == EXEMPT else reason

    def tax_of(self, name: str, rate: str, base: str) -> str:
        return f"{name} {rate} of {base}"

    def due(self, document: BillingDocument) -> str:
        day = self.formats.day
        if document.kind == DocumentKind.PREVIEW:
            return f"so far, from {day(document.starts_on)} on; nothing is owed yet"
        if document.kind == DocumentKind.CREDIT_NOTE:
            return f"credited on invoice {document.corrects_number}"
        if document.status == "void":
            return "void; nothing is owed"
        if document.paid_on is not None:
            return f"paid on {day(document.paid_on)}"
        if document.status == "uncollectible":
            return "given up as uncollectible"
        assert document.due_on is not None
        return f"due {day(document.due_on)}"

    def note_applied(self, number: str, day: str) -> str:
        return f"Credit note {number} of {day}"

    def page(self) -> tuple[str, str]:
        return "Page ", " of "

    def unsettable(self) -> str:
        return "Letters that the fonts at hand do not have are shown as “?”; the embedded data has them as they are."
