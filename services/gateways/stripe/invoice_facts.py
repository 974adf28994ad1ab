"""An invoice of Stripe's as plain data, with the lines and payments that its first page leaves out."""

from collections.abc import Mapping
from typing import Any

from services.gateways.stripe.client import Stripe
from services.gateways.stripe.discounts import coupons_of
from services.gateways.stripe.facts import InvoiceFacts, InvoiceLineFacts, PaymentFacts
from services.gateways.stripe.reading import id_of, id_or_none, metadata_of, moment, moment_or_none


def invoice_facts(stripe: Stripe, invoice: Mapping[str, Any]) -> InvoiceFacts:
    """Everything we keep of it. Calls Stripe again where its lines or payments go on beyond the first page."""
    changed = invoice["status_transitions"]
    return InvoiceFacts(
        id=invoice["id"],
        customer_id=id_of(invoice["customer"], what="customer"),
        subscription_id=_subscription_id(invoice),
        status=invoice["status"] or "draft",
        billing_reason=invoice["billing_reason"] or "manual",
        number=invoice["number"] or None,
        currency=invoice["currency"].upper(),
        total_minor=invoice["total"],
        tax_minor=_tax_on_top(invoice),
        due_minor=invoice["amount_due"],
        paid_minor=invoice["amount_paid"],
        remaining_minor=invoice["amount_remaining"],
        credited_minor=invoice["pre_payment_credit_notes_amount"] + invoice["post_payment_credit_notes_amount"],
        starting_balance_minor=invoice["starting_balance"],
        collection_method=invoice["collection_method"],
        auto_advance=bool(invoice.get("auto_advance")),
        attempts=invoice["attempt_count"],
        next_attempt_at=moment_or_none(invoice["next_payment_attempt"]),
        created_at=moment(invoice["created"]),
        finalized_at=moment_or_none(changed["finalized_at"]),
        paid_at=moment_or_none(changed["paid_at"]),
        voided_at=moment_or_none(changed["voided_at"]),
        hosted_url=invoice.get("hosted_invoice_url") or None,
        pdf_url=invoice.get("invoice_pdf") or None,
        lines=_lines(stripe, invoice),
        payments=_payments(stripe, invoice),
        discounts=coupons_of(invoice),
        metadata=metadata_of(invoice),
    )


def _tax_on_top(invoice: Mapping[str, Any]) -> int:
    """What rates at Stripe add to the lines; a tax within a price adds nothing."""
    taxes = invoice.get("total_taxes") or ()
    return sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")


def _subscription_id(invoice: Mapping[str, Any]) -> str | None:
    details = (invoice["parent"] or {}).get("subscription_details")
    return None if details is None else id_or_none(details["subscription"])


def _lines(stripe: Stripe, invoice: Mapping[str, Any]) -> tuple[InvoiceLineFacts, ...]:
    lines = invoice["lines"]["data"]
    if invoice["lines"]["has_more"]:
        lines = stripe.listed(stripe.v1.invoices.line_items.list, invoice["id"])
    return tuple(map(_line, lines))


def _line(line: Mapping[str, Any]) -> InvoiceLineFacts:
    parent = line["parent"] or {}
    return InvoiceLineFacts(
        id=line["id"],
        amount_minor=line["amount"],
        discount_minor=sum(discount["amount"] for discount in line["discount_amounts"] or ()),
        description=line["description"] or "",
        period_start=moment(line["period"]["start"]),
        period_end=moment(line["period"]["end"]),
        is_subscription_item=parent.get("type") == "subscription_item_details",
        metadata=metadata_of(line),
    )


def _payments(stripe: Stripe, invoice: Mapping[str, Any]) -> tuple[PaymentFacts, ...]:
    payments = (invoice.get("payments") or {}).get("data", [])
    if (invoice.get("payments") or {}).get("has_more"):
        expand = ["data.payment.payment_intent"]
        payments = stripe.listed(stripe.v1.invoice_payments.list, invoice=invoice["id"], expand=expand)
    return tuple(map(_payment, payments))


def _payment(payment: Mapping[str, Any]) -> PaymentFacts:
    made = payment["payment"]
    intent = made.get("payment_intent")
    failed = intent.get("last_payment_error") if isinstance(intent, Mapping) else None
    paid = payment["amount_paid"]
    return PaymentFacts(
        id=id_of(made.get(made["type"]), what="payment"),
        status=payment["status"],
        amount_minor=payment["amount_requested"] if paid is None else paid,
        paid_at=moment_or_none(payment["status_transitions"]["paid_at"]),
        error=None if failed is None else failed.get("message") or failed.get("code"),
    )
