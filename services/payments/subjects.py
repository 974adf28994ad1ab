"""What an event is about: the object that is read anew before anything is done."""

from enum import StrEnum
from typing import Any, NamedTuple

from services.errors import Refusal


class SubjectKind(StrEnum):
    CUSTOMER = "customer"
    SUBSCRIPTION = "subscription"
    CHECKOUT = "checkout"
    INVOICE = "invoice"
    PAYMENT = "payment"
    REFUND = "refund"
    CREDIT_NOTE = "credit_note"


class Subject(NamedTuple):
    """One object at Stripe, by its id; a PAYMENT by the id of its charge."""

    kind: SubjectKind
    id: str


class Unread(Exception):
    """Applying needs an object that has not been read yet: read it, and begin again."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(f"{subject.kind} {subject.id} has to be read first")
        self.subject = subject


class NotOurs(Refusal):
    """The object belongs to nothing of ours: it is kept and left alone."""

    status, code, title = 404, "not_ours", "Not one of ours"


class NeedsPerson(Refusal):
    """It cannot be decided here. The sentence says to an operator what to do before replaying."""

    status, code, title = 409, "needs_person", "Somebody has to decide"


class Readings:
    """What was read for one piece of work, by subject."""

    def __init__(self, found: "dict[Subject, Any] | None" = None) -> None:
        self._found = found or {}

    def add(self, subject: Subject, facts: Any) -> None:
        self._found[subject] = facts

    def of(self, kind: SubjectKind, object_id: str) -> Any:
        """The facts of an object. Raises Unread where they are not there."""
        subject = Subject(kind, object_id)
        if subject not in self._found:
            raise Unread(subject)
        return self._found[subject]


_BY_PREFIX = (
    ("customer.subscription.", SubjectKind.SUBSCRIPTION),
    ("checkout.session.", SubjectKind.CHECKOUT),
    ("credit_note.", SubjectKind.CREDIT_NOTE),
    ("refund.", SubjectKind.REFUND),
    ("invoice.", SubjectKind.INVOICE),
)
RETURNS = ("credit_note.", "refund.", "charge.refunded")
"""Types of events about money given back."""

_CUSTOMER_EVENTS = ("customer.created", "customer.updated", "customer.deleted")
_FROM_NOW_ON_ELSEWHERE = ("invoice.upcoming",)
"""Tells of an invoice that is not there yet."""


def subject_of(event_type: str, object_id: str, customer_id: str | None, payload: dict[str, Any]) -> Subject | None:
    """What to read for an event; None where its type is none that we act on."""
    if event_type in _FROM_NOW_ON_ELSEWHERE:
        return None
    for prefix, kind in _BY_PREFIX:
        if event_type.startswith(prefix):
            return Subject(kind, object_id)
    if event_type in _CUSTOMER_EVENTS:
        return Subject(SubjectKind.CUSTOMER, object_id)
    if event_type == "payment_method.attached":
        return Subject(SubjectKind.CUSTOMER, customer_id) if customer_id else None
    if event_type.startswith("charge.dispute."):
        charge = _object(payload).get("charge")
        return Subject(SubjectKind.PAYMENT, charge) if isinstance(charge, str) and charge else None
    return Subject(SubjectKind.PAYMENT, object_id) if event_type == "charge.refunded" else None


def _object(payload: dict[str, Any]) -> dict[str, Any]:
    data = payload.get("data")
    found = data.get("object") if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}
