"""Making one call we owe: it is prepared in a transaction, made without one, and its answer kept in another."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session

from models import StripeCall, StripeCallKind, StripeInvoicePart
from services.errors import ProviderRefused
from services.gateways.stripe.client import Stripe
from services.gateways.stripe.facts import CreditNoteFacts, CustomerFacts, InvoiceFacts, SubscriptionFacts
from services.payments import answers, invoice_orders, orders, subscription_orders
from services.payments.answers import Answer
from services.payments.mirror import part_of
from services.payments.orders import never
from services.payments.outbox import mark_call_done
from services.payments.readings import read_subject
from services.payments.subjects import Subject, SubjectKind

KEY_LIFE: Final = timedelta(hours=23)
"""Stripe forgets idempotency keys after a day: from then on we look whether a call was made before we repeat it."""

OTHER_PARAMETERS: Final = "idempotency_error"
"""How Stripe refuses a key that it knows from a call with other parameters."""

Make = Callable[[Stripe], Answer]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call that is ready to be made; without `make` none is needed any more.

    `look` finds what it made before; that is seen to first where Stripe may have forgotten its key.
    """

    call: StripeCall
    make: Make | None
    look: Callable[[Stripe], Answer | None] = never
    looks_first: bool = False


def prepare_call(session: Session, call: StripeCall, *, at: datetime) -> Prepared:
    """Gather what a call says. Raises Held where it must not be made as things are."""
    kind = StripeCallKind(call.kind)
    if orders.is_needless(session, call, at=at):
        return Prepared(call, make=None)
    make, look = _ORDERS[kind](session, call)
    is_old = call.first_attempt_at is not None and at - call.first_attempt_at > KEY_LIFE
    is_repeated = (call.attempts > 1 and is_old) or bool(call.arguments.get("again"))
    return Prepared(call, make=make, look=look, looks_first=is_repeated)


def make_call(stripe: Stripe, prepared: Prepared) -> Answer | None:
    """Make it, unless looking shows that it was made already.

    To a key it knows Stripe gives the answer of then, which events may have overtaken: what it is about is read anew.
    Where what the call says has changed since it was first made, Stripe refuses the key: then it is looked for too.
    Raises ProviderUnavailable where it may be made again, and ProviderRefused.
    """
    if prepared.make is None:
        return None
    found = prepared.look(stripe) if prepared.looks_first else None
    if found is not None:
        return found
    try:
        answer = prepared.make(stripe)
    except ProviderRefused as refusal:
        if refusal.provider_code != OTHER_PARAMETERS:
            raise
        made = prepared.look(stripe)
        if made is None:
            raise
        return made
    kind = _READ_AS.get(type(answer)) if prepared.call.attempts > 1 else None
    return answer if kind is None else read_subject(stripe, Subject(kind, answer.id))


def keep_answer(session: Session, call: StripeCall, answer: Answer | None, *, ticket: int, at: datetime) -> None:
    """Keep what a call answered, in one transaction with what follows from it."""
    if answer is not None:
        answers.apply_answer(session, call, answer, ticket=ticket, at=at)
    mark_call_done(session, call, stripe_id=None if answer is None else answer.id, at=at)


_READ_AS: Final[dict[type, SubjectKind]] = {
    CustomerFacts: SubjectKind.CUSTOMER,
    SubscriptionFacts: SubjectKind.SUBSCRIPTION,
    InvoiceFacts: SubjectKind.INVOICE,
    CreditNoteFacts: SubjectKind.CREDIT_NOTE,
}

_ORDERS: Final[dict[StripeCallKind, Any]] = {
    StripeCallKind.CREATE_CUSTOMER: orders.create_customer,
    StripeCallKind.SHARE_CARD: orders.share_card,
    StripeCallKind.CREATE_SUBSCRIPTION: subscription_orders.create_subscription,
    StripeCallKind.CANCEL_SUBSCRIPTION: subscription_orders.cancel_subscription,
    StripeCallKind.CHANGE_PRICE: subscription_orders.change_price,
    StripeCallKind.PLAN_END: subscription_orders.plan_end,
    StripeCallKind.HOLD_DRAFT: invoice_orders.hold_draft,
    StripeCallKind.OPEN_DRAFT: invoice_orders.open_draft,
    StripeCallKind.ADD_DIFFERENCE: invoice_orders.add_difference,
    StripeCallKind.ADD_LINES: invoice_orders.add_lines,
    StripeCallKind.ADD_TAXES: invoice_orders.add_taxes,
    StripeCallKind.SET_TERMS: invoice_orders.set_terms,
    StripeCallKind.FINALIZE: invoice_orders.finalize,
    StripeCallKind.FINALIZE_UNCOLLECTED: invoice_orders.finalize_uncollected,
    StripeCallKind.SEND: invoice_orders.send,
    StripeCallKind.PAID_ELSEWHERE: invoice_orders.paid_elsewhere,
    StripeCallKind.VOID: invoice_orders.void,
    StripeCallKind.MARK_UNCOLLECTIBLE: invoice_orders.mark_uncollectible,
    StripeCallKind.CREDIT_NOTE: orders.credit_note,
    StripeCallKind.REFUND: orders.refund,
}


def is_about_draft(call: StripeCall) -> bool:
    """Whether a call changes a draft, so that it is refused once Stripe has finalised it."""
    return StripeCallKind(call.kind) in _ON_DRAFTS and "part" in call.arguments


def draft_of(session: Session, call: StripeCall) -> str:
    """The id at Stripe of the draft that a call changes."""
    part = StripeInvoicePart(call.arguments["part"])
    row = part_of(session, tenant_id=call.tenant_id, invoice_id=call.arguments["invoice_id"], part=part)
    assert row is not None, "what was refused had been prepared"
    return row.stripe_id


_ON_DRAFTS: Final = frozenset(
    {
        StripeCallKind.ADD_DIFFERENCE,
        StripeCallKind.ADD_LINES,
        StripeCallKind.ADD_TAXES,
        StripeCallKind.SET_TERMS,
        StripeCallKind.FINALIZE,
    }
)
