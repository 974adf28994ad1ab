"""Events: as they are delivered, checked against the signature over their very bytes, and as Stripe lists them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import isfinite
from typing import Any, Final

import stripe as sdk

from services.errors import InvalidDelivery
from services.gateways.stripe.client import Stripe, given
from services.gateways.stripe.facts import EventFacts
from services.gateways.stripe.reading import id_or_none, moment, seconds_of

TOLERANCE: Final = timedelta(minutes=5)
"""How far the moment of signing may be from ours, back or ahead."""

SIGNATURE_CHARACTERS_MAX: Final = 4_096
WINDOW: Final = timedelta(hours=6)
"""How much of the past is asked for at once: Stripe lists the newest first, and we read the oldest first."""

READ_AT_ONCE_MAX: Final = 2_000
"""Where more happened in it, such as on a day of many renewals, less of it is asked for."""

_NAME: Final = re.compile(r"[\x21-\x7e]{1,128}")
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_SIGNATURE: Final = re.compile(r"t=([0-9]{1,12})(?=.*,v1=)(?:,v[0-9]=[0-9A-Za-z]+)+")
"""One moment and no other: the SDK checks the first it finds, and it must be the one whose age we look at."""


def read_delivery(payload: bytes, signature: str | None, secrets: Sequence[str], at: datetime) -> EventFacts:
    """The event in the body of a delivery, once one of the secrets is shown to have signed these bytes around `at`.

    Raises InvalidDelivery that says which check failed. Whether its `is_live` fits is the caller's to look at.
    """
    _check_signature(payload, signature, secrets, at)
    try:
        document = json.loads(payload.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidDelivery("The body is not JSON in UTF-8.", reason="body") from error
    return event_facts(document)


def read_event(stripe: Stripe, *, event_id: str) -> EventFacts:
    """The event as Stripe keeps it, for 30 days."""
    return event_facts(stripe.call(stripe.v1.events.retrieve, given(event_id)))


def list_events(stripe: Stripe, *, created_from: datetime) -> Iterator[EventFacts]:
    """Every event since then, oldest first."""
    start, now = seconds_of(created_from), seconds_of(datetime.now(UTC))
    while start < now:
        end = start + int(WINDOW.total_seconds())
        yield from _between(stripe, start, end)
        start = end
    ahead = stripe.listed(stripe.v1.events.list, created={"gte": start})  # as a sandbox's clock may be of ours
    yield from map(event_facts, reversed(list(ahead)))


def _between(stripe: Stripe, start: int, end: int) -> Iterator[EventFacts]:
    """Those of a span of seconds. One in which more happened than is read at once is halved."""
    listed = stripe.listed(stripe.v1.events.list, created={"gte": start, "lt": end})
    newest = list(islice(listed, READ_AT_ONCE_MAX + 1 if end - start > 1 else None))
    if end - start > 1 and len(newest) > READ_AT_ONCE_MAX:
        middle = (start + end) // 2
        yield from _between(stripe, start, middle)
        yield from _between(stripe, middle, end)
    else:
        yield from map(event_facts, reversed(newest))


def _check_signature(payload: bytes, signature: str | None, secrets: Sequence[str], at: datetime) -> None:
    if not signature:
        raise InvalidDelivery("The Stripe-Signature header is missing.", reason="missing")
    signed_at = _SIGNATURE.fullmatch(signature) if len(signature) <= SIGNATURE_CHARACTERS_MAX else None
    if signed_at is None:
        raise InvalidDelivery("The Stripe-Signature header is not t=…,v1=….", reason="malformed")
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise InvalidDelivery("The body is not UTF-8.", reason="body") from error
    if not any(_was_signed_with(secret, text, signature) for secret in secrets):
        raise InvalidDelivery("The signature was not made over these bytes with our secret.", reason="wrong")
    if abs(at - moment(int(signed_at[1]))) > TOLERANCE:
        raise InvalidDelivery(
            f"The signature was made more than {TOLERANCE // timedelta(minutes=1)} minutes from now.", reason="stale"
        )


def _was_signed_with(secret: str, text: str, signature: str) -> bool:
    try:
        sdk.WebhookSignature.verify_header(text, signature, secret)
    except sdk.SignatureVerificationError:
        return False
    return True


def event_facts(document: Any) -> EventFacts:
    """An event from its document. Raises InvalidDelivery where it is none."""
    if not isinstance(document, Mapping) or document.get("object") != "event":
        raise InvalidDelivery("The body is not an event.", reason="body")
    thing = _member(_member(document, "data", Mapping), "object", Mapping)
    event_id = _name(document, "id")
    api_version = document.get("api_version")
    return EventFacts(
        id=event_id,
        type=_name(document, "type"),
        api_version=api_version if isinstance(api_version, str) else None,
        is_live=_member(document, "livemode", bool),
        created_at=_created(document),
        object_type=_name(thing, "object"),
        object_id=event_id if thing.get("id") is None else _name(thing, "id"),
        customer_id=_customer_id(thing),
        payload=_storable(document),
    )


def _storable(value: Any) -> Any:
    """The same without what no database keeps: NUL, half a character, a number without end. Each becomes a sign."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {_storable(name): _storable(inside) for name, inside in value.items()}
    return [_storable(inside) for inside in value] if isinstance(value, list) else value


def _created(document: Mapping[str, Any]) -> datetime:
    try:
        return moment(_member(document, "created", int))
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidDelivery("The event was created at no moment.", reason="body") from error


def _customer_id(thing: Mapping[str, Any]) -> str | None:
    found = id_or_none(thing if thing.get("object") == "customer" else thing.get("customer"))
    return found if found is not None and _NAME.fullmatch(found) else None


def _name(thing: Mapping[str, Any], member: str) -> str:
    name: str = _member(thing, member, str)
    if not _NAME.fullmatch(name):
        raise InvalidDelivery(f"The event's {member} is empty, too long or not plain text.", reason="body")
    return name


def _member(thing: Mapping[str, Any], member: str, kind: type) -> Any:
    value = thing.get(member)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InvalidDelivery(f"The event has no {member}.", reason="body")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
