"""/v1/usage: meter one event or many."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from app import unit_of_work
from app.api.commands import Command, command, rendered
from app.api.documentation import METER, body_of, problems
from app.api.exact_route import api_router
from app.api.json_body import BATCH_BYTES_MAX, JSON_TYPE, BodyRules, accepts
from app.api.listing import TenantQuery
from app.api.schemas.usage import BatchShown, ReceiptsShown, TrackShown, UsageEventBody
from app.api.usage_input import named_in, read_cloud_event, read_event
from app.group_commit import usage_writer
from models import AlertKind
from services import metering
from services.database import Session
from services.errors import Refusal, SpendCapReached, TooLarge, Unprocessable
from services.metering import EVENTS_MAX, Metered, UsageInput
from services.rules.quantities import plain_micro

CLOUD_EVENTS_TYPE: Final = "application/cloudevents-batch+json"
GRAVEST_FIRST: Final = (AlertKind.CAP_REACHED, AlertKind.OVERAGE, AlertKind.LOW_CREDITS)

router = api_router("/v1/usage", "Usage")

_EVENT: Final = UsageEventBody.model_json_schema()
_CLOUD_EVENT: Final = {
    "title": "CloudEvent 1.0",
    "type": "object",
    "required": ["specversion", "id", "source", "type", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1, "maxLength": 128, "description": "The event's id."},
        "source": {"type": "string", "minLength": 1, "maxLength": 2048},
        "type": {"type": "string", "minLength": 1, "maxLength": 64, "description": "The event's type."},
        "time": {"type": "string", "format": "date-time", "description": "When it occurred."},
        "data": {
            "type": "object",
            "required": ["units"],
            "additionalProperties": False,
            "properties": {
                name: _EVENT["properties"][name]
                for name in ("tenant_id", "subscription_id", "units", "site", "trace_id", "meta")
            },
        },
    },
}
_LIST: Final = {"type": "array", "minItems": 1, "maxItems": EVENTS_MAX}


@router.post("/track", response_model=TrackShown, responses=problems(METER), openapi_extra=body_of((JSON_TYPE, _EVENT)))
async def track(request: Request, asked: Command = command("usage:write")) -> Response:
    """Meter one event and burn its credits. Without an `event_id`, the Idempotency-Key is its id."""
    item = request.state.document
    tenant_id = await asked.tenant(named=named_in(item, "tenant_id"), subscription_id=named_in(item, "subscription_id"))
    if asked.key is not None and type(item) is dict and item.get("event_id") is None:
        item = item | {"event_id": asked.key}
    if asked.key is None:
        return Response(await meter_one(tenant_id, item), media_type=JSON_TYPE)
    event = read_event(item, tenant_id=tenant_id)

    def act(session: Session) -> dict[str, Any]:
        (answer,) = metering.record_usage(session, tenant_id=tenant_id, events=[event], at=asked.at)
        return _track_document(answer)

    try:
        return await asked.carry_out(tenant_id, act)
    except SpendCapReached:  # its transaction is undone, and with it the alert that the cap is reached
        (answer,) = await usage_writer.record(tenant_id=tenant_id, events=[event])
        return Response(rendered(_track_document(answer)), media_type=JSON_TYPE)


@router.post(
    "/events",
    response_model=BatchShown,
    responses=problems(METER),
    openapi_extra=body_of(
        (JSON_TYPE, {**_LIST, "items": _EVENT}), (CLOUD_EVENTS_TYPE, {**_LIST, "items": _CLOUD_EVENT})
    ),
)
@accepts(BodyRules(BATCH_BYTES_MAX, (JSON_TYPE, CLOUD_EVENTS_TYPE)))
async def record_events(
    request: Request, tenant_id: TenantQuery = None, asked: Command = command("usage:write")
) -> Response:
    """Meter up to 2,000 events in the order given. The good ones are kept; each refused one says why."""
    items = request.state.document
    _check_list(items)
    first = items[0]
    tenant = await asked.tenant(
        named=tenant_id or (None if asked.caller.tenant_id else named_in(first, "tenant_id")),
        subscription_id=named_in(first, "subscription_id"),
    )
    is_cloud = request.state.media_type == CLOUD_EVENTS_TYPE
    if asked.key is None:
        return Response(await meter_batch(tenant, items, is_cloud=is_cloud), media_type=JSON_TYPE)
    events, places, refused = await unit_of_work.work(_read_all, items, tenant_id=tenant, is_cloud=is_cloud)

    def act(session: Session) -> dict[str, Any]:
        answers = metering.record_usage(session, tenant_id=tenant, events=events, at=asked.at)
        return _batch_document(answers, places, refused)

    return await asked.carry_out(tenant, act)


async def meter_one(tenant_id: str, item: Any) -> str:
    """Meter one event for a customer, together with whatever else is waiting; answers with the JSON text.

    Raises the Refusal of an event that is not taken.
    """
    event = read_event(item, tenant_id=tenant_id)
    (answer,) = await usage_writer.record(tenant_id=tenant_id, events=[event])
    return rendered(_track_document(answer))


async def meter_batch(tenant_id: str, items: Any, *, is_cloud: bool = False) -> str:
    """The same for a list of them; those that are not taken are part of the answer. Raises Unprocessable, TooLarge."""
    _check_list(items)
    events, places, refused = await unit_of_work.work(_read_all, items, tenant_id=tenant_id, is_cloud=is_cloud)
    answers = await usage_writer.record(tenant_id=tenant_id, events=events)
    return rendered(_batch_document(answers, places, refused))


def _check_list(items: Any) -> None:
    if not isinstance(items, list) or not items:
        raise Unprocessable("Send a JSON list of 1 to 2,000 events.", field="body")
    if len(items) > EVENTS_MAX:
        raise TooLarge(f"Send at most {EVENTS_MAX:,} events in one call; split the batch.")


def _track_document(answer: Metered | Refusal) -> dict[str, Any]:
    if isinstance(answer, Refusal):
        raise answer
    return TrackShown.document(answer)


def _read_all(
    items: list[Any], *, tenant_id: str, is_cloud: bool
) -> tuple[list[UsageInput], list[int], list[dict[str, Any]]]:
    """The events that can be read, their places in the batch, and the refused ones."""
    read = read_cloud_event if is_cloud else read_event
    events: list[UsageInput] = []
    places: list[int] = []
    refused: list[dict[str, Any]] = []
    for index, item in enumerate(items):
        try:
            events.append(read(item, tenant_id=tenant_id))
            places.append(index)
        except Refusal as refusal:
            refused.append(_refused(index, refusal))
    return events, places, refused


def _batch_document(
    answers: list[Metered | Refusal], places: list[int], refused: list[dict[str, Any]]
) -> dict[str, Any]:
    """The answer to a batch; only events counted now are accepted and have a place in the sequence."""
    kept = [answer for answer in answers if isinstance(answer, Metered)]
    refused += [
        _refused(place, answer) for place, answer in zip(places, answers, strict=True) if isinstance(answer, Refusal)
    ]
    fresh = [answer for answer in kept if not answer.duplicate]
    alerts = {answer.alert for answer in fresh}
    alerts |= {answer.members.get("alert") for answer in answers if isinstance(answer, Refusal)}
    return {
        "accepted": len(fresh),
        "duplicates": len(kept) - len(fresh),
        "refused": sorted(refused, key=lambda entry: entry["index"]),
        "remaining_credits": plain_micro(kept[-1].remaining_micro) if kept else None,
        "alert": next((str(kind) for kind in GRAVEST_FIRST if kind in alerts), None),
        "receipts": ReceiptsShown.document(fresh) if fresh else None,
    }


def _refused(index: int, refusal: Refusal) -> dict[str, Any]:
    return {"index": index, "code": refusal.code, "detail": refusal.detail, "field": refusal.field}
