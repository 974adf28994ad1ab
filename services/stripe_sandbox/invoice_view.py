"""An invoice in words: what its hosted page and its PDF both show."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from services.stripe_sandbox import wording

STATUS: Final = {
    "draft": ("Draft", "plain"),
    "open": ("Open", "note"),
    "paid": ("Paid", "good"),
    "void": ("Void", "plain"),
    "uncollectible": ("Uncollectible", "bad"),
}


@dataclass(frozen=True, slots=True)
class LineView:
    """One line; `period` is empty where it says nothing, as for a single moment."""

    description: str
    period: str
    quantity: str
    unit_price: str
    amount: str


@dataclass(frozen=True, slots=True)
class Total:
    """One row under the lines; what is `strong` is a sum to look at."""

    label: str
    amount: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """Everything about an invoice that a customer reads, in words."""

    id: str
    number: str
    seller: str
    headline: str
    due: str
    status: str
    tone: str
    facts: tuple[tuple[str, str], ...]
    bill_to: tuple[str, ...]
    lines: tuple[LineView, ...]
    totals: tuple[Total, ...]
    memo: str
    footer: str
    payable: bool

    def as_plain_data(self) -> dict[str, Any]:
        """The same as dictionaries and lists."""
        return asdict(self)


def view_invoice(
    invoice: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], *, seller: str, now: int
) -> InvoiceView:
    """Word an invoice of the API with all its lines."""
    status, tone = status_of(invoice, now=now)
    currency = invoice["currency"]
    return InvoiceView(
        id=invoice["id"],
        number=invoice.get("number") or "",
        seller=invoice.get("account_name") or seller,
        headline=wording.money(_headline_amount(invoice), currency),
        due=_due(invoice),
        status=status,
        tone=tone,
        facts=tuple(_facts(invoice)),
        bill_to=tuple(_bill_to(invoice)),
        lines=tuple(_line(line) for line in lines),
        totals=tuple(_totals(invoice)),
        memo=invoice.get("description") or "",
        footer=invoice.get("footer") or "",
        payable=invoice["status"] == "open" and int(invoice["amount_remaining"]) > 0,
    )


def status_of(invoice: Mapping[str, Any], *, now: int) -> tuple[str, str]:
    """The status in a word, and its tone. Open invoices that were refused, or are late, are past due."""
    late = invoice.get("due_date") is not None and int(invoice["due_date"]) < now
    if invoice["status"] == "open" and (late or int(invoice.get("attempt_count") or 0) > 0):
        return "Past due", "warn"
    return STATUS.get(invoice["status"], STATUS["draft"])


def _headline_amount(invoice: Mapping[str, Any]) -> int:
    return int(invoice["amount_remaining"] if invoice["status"] == "open" else invoice["total"])


def _due(invoice: Mapping[str, Any]) -> str:
    transitions = invoice.get("status_transitions") or {}
    status = invoice["status"]
    if status == "open":
        return f"Due {wording.day(invoice['due_date'])}" if invoice.get("due_date") else "Due now"
    if status == "paid" and transitions.get("paid_at"):
        return f"Paid on {wording.day(transitions['paid_at'])}"
    if status == "void" and transitions.get("voided_at"):
        return f"Voided on {wording.day(transitions['voided_at'])}; nothing is owed"
    return {"uncollectible": "Written off by the seller", "draft": "Not final yet; nothing is owed"}.get(status, "")


def _facts(invoice: Mapping[str, Any]) -> list[tuple[str, str]]:
    transitions = invoice.get("status_transitions") or {}
    issued = transitions.get("finalized_at") or invoice.get("effective_at") or invoice["created"]
    facts = [("Invoice number", invoice.get("number") or "Not numbered yet"), ("Date of issue", wording.day(issued))]
    if invoice.get("due_date"):
        facts.append(("Date due", wording.day(invoice["due_date"])))
    if transitions.get("paid_at"):
        facts.append(("Date paid", wording.day(transitions["paid_at"])))
    facts.extend((str(field["name"]), str(field["value"])) for field in invoice.get("custom_fields") or [])
    return facts


def _bill_to(invoice: Mapping[str, Any]) -> list[str]:
    lines = [str(invoice[key]) for key in ("customer_name", "customer_email") if invoice.get(key)]
    lines.extend(wording.address_lines(invoice.get("customer_address")))
    for tax in invoice.get("customer_tax_ids") or []:
        lines.append(f"{wording.tax_id_kind(tax['type'])} {tax['value'] or ''}".strip())
    return lines


def _line(line: Mapping[str, Any]) -> LineView:
    spans = line.get("period") or {}
    pricing = line.get("pricing") or {}
    price, quantity = pricing.get("unit_amount_decimal"), line.get("quantity_decimal") or line.get("quantity")
    has_period = bool(spans) and spans["start"] != spans["end"]
    return LineView(
        description=line.get("description") or "Charge",
        period=wording.period(spans["start"], spans["end"]) if has_period else "",
        quantity=wording.number(quantity) if quantity is not None else "",
        unit_price=wording.unit_price(price, line["currency"]) if price is not None else "",
        amount=wording.money(line["amount"], line["currency"]),
    )


def _totals(invoice: Mapping[str, Any]) -> list[Total]:
    currency = invoice["currency"]

    def total(label: str, amount: int, *, strong: bool = False) -> Total:
        return Total(label, wording.money(amount, currency), strong)

    rows = [total("Subtotal", invoice["subtotal"])]
    discounts = sum(int(part["amount"]) for part in invoice.get("total_discount_amounts") or [])
    if discounts:
        rows.append(total("Discount", -discounts))
    for tax in invoice.get("total_taxes") or []:
        included = " (included)" if tax.get("tax_behavior") == "inclusive" else ""
        rows.append(total(f"Tax{included}", tax["amount"]))
    rows.append(total("Total", invoice["total"], strong=True))
    credited = int(invoice.get("pre_payment_credit_notes_amount") or 0)
    if credited:
        rows.append(total("Credited", -credited))
    applied = int(invoice["amount_due"]) - max(0, int(invoice["total"]) - credited)
    if applied:
        rows.append(total("Customer balance", applied))
    if invoice["amount_paid"]:
        rows.append(total("Paid", -int(invoice["amount_paid"])))
    rows.append(total("Amount due", invoice["amount_remaining"], strong=True))
    return rows
