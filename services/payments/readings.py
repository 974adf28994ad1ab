"""Reading an object anew at Stripe: what is acted on is what is so now, not what an event said."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from services.gateways.stripe import checkout, customers, invoices, money_back, subscriptions
from services.gateways.stripe.client import Stripe
from services.gateways.stripe.facts import ChargeFacts, RefundFacts
from services.payments.subjects import Subject, SubjectKind


@dataclass(frozen=True, slots=True)
class PaymentReading:
    """A charge, all that was given back of it, and the invoice it paid; "" where it paid none."""

    charge: ChargeFacts
    refunds: tuple[RefundFacts, ...]
    invoice_id: str


@dataclass(frozen=True, slots=True)
class RefundReading:
    """A refund and the invoice whose payment it gives back; "" where it is none's."""

    refund: RefundFacts
    invoice_id: str


def read_subject(stripe: Stripe, subject: Subject) -> Any:
    """What Stripe says of an object now: its facts, a PaymentReading or a RefundReading.

    Raises ProviderUnavailable, and ProviderRefused where there is no such object.
    """
    return _READ[subject.kind](stripe, subject.id)


def _read_payment(stripe: Stripe, charge_id: str) -> PaymentReading:
    charge = money_back.read_charge(stripe, charge_id=charge_id)
    if not charge.payment_id:
        return PaymentReading(charge, (), "")
    refunds = tuple(money_back.list_refunds(stripe, payment_id=charge.payment_id))
    return PaymentReading(charge, refunds, _invoice_of(stripe, charge.payment_id))


def _read_refund(stripe: Stripe, refund_id: str) -> RefundReading:
    refund = money_back.read_refund(stripe, refund_id=refund_id)
    return RefundReading(refund, _invoice_of(stripe, refund.payment_id))


def _invoice_of(stripe: Stripe, payment_id: str | None) -> str:
    return invoices.find_invoice_of_payment(stripe, payment_id=payment_id) or "" if payment_id else ""


_READ: Final[dict[SubjectKind, Callable[[Stripe, str], Any]]] = {
    SubjectKind.CUSTOMER: lambda stripe, of: customers.read_customer(stripe, customer_id=of),
    SubjectKind.SUBSCRIPTION: lambda stripe, of: subscriptions.read_subscription(stripe, subscription_id=of),
    SubjectKind.CHECKOUT: lambda stripe, of: checkout.read_checkout(stripe, checkout_id=of),
    SubjectKind.INVOICE: lambda stripe, of: invoices.read_invoice(stripe, invoice_id=of),
    SubjectKind.CREDIT_NOTE: lambda stripe, of: money_back.read_credit_note(stripe, credit_note_id=of),
    SubjectKind.REFUND: _read_refund,
    SubjectKind.PAYMENT: _read_payment,
}
