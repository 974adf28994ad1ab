"""The `webhooks` of the OpenAPI document: what is posted to endpoints, so that receivers can generate code."""

from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header
from pydantic import BaseModel, Field, create_model
from starlette.routing import BaseRoute

from models import NoticeType
from services.notice_shapes import SHAPES
from services.notice_values import NoticeData
from services.webhooks.messages import TEST_TYPE

TAKEN: Final[dict[int | str, dict[str, Any]]] = {
    "2XX": {"description": "Taken. It is not sent again by itself."},
    410: {"description": "There is nobody here any more: the endpoint is disabled."},
    "default": {"description": "Not taken. It is sent again, later each time, and holds what comes after it."},
}

MessageId = Annotated[str, Header(alias="webhook-id", description="The same on each attempt.")]
SentAt = Annotated[int, Header(alias="webhook-timestamp", description="When this attempt was made, in Unix seconds.")]
Signature = Annotated[
    str,
    Header(alias="webhook-signature", description="`v1,` and a base64 HMAC-SHA256, or two of them, a space between."),
]


class TestData(BaseModel):
    """Of a test, which tells of nothing."""

    endpoint_id: str
    message: str


class WebhookTestMessage(BaseModel):
    """A test that was asked for."""

    type: Literal["webhook.test"]
    timestamp: datetime
    data: TestData


def message_model(type: NoticeType) -> type[BaseModel]:
    """The body of the messages of one type. It may gain fields at any time."""
    shape = SHAPES[type]
    name = "".join(part.capitalize() for part in type.value.replace("_", ".").split("."))
    return create_model(
        f"{name}Message",
        __doc__=shape.__doc__,
        type=(Literal[type.value], ...),
        timestamp=(datetime, Field(description="When it was told, in UTC.")),
        data=(shape, ...),
        id=(str, Field(description="The webhook-id.", examples=["ntc_06h2f91vo85epn91r7ugv4ijb0"])),
        sequence=(int, Field(ge=1, description="Its number among all that happened to the account, without gaps.")),
        version=(Literal[shape.version], ...),
    )


@lru_cache
def webhook_routes() -> list[BaseRoute]:
    """A message for every type of notice, and the test: made when the document is first asked for, not at a start."""
    router = APIRouter()
    for notice_type in NoticeType:
        shape = SHAPES[notice_type]
        _declare(router, notice_type.value, message_model(notice_type), str(shape.__doc__))
    _declare(router, TEST_TYPE, WebhookTestMessage, "Sent on request, to see that messages arrive.")
    return router.routes


def open_shapes(schemas: dict[str, Any]) -> None:
    """Say of what is told that it may have other fields too: it may gain some, and receivers leave them be."""
    for schema in schemas.values():
        if schema.get("title") in _TOLD:
            schema.pop("additionalProperties", None)


def _declare(router: APIRouter, name: str, body: type[BaseModel], description: str) -> None:
    async def told(message: Any, webhook_id: Any, webhook_timestamp: Any, webhook_signature: Any) -> None:
        """Declared for the document alone: the message is taken by the receiver."""

    told.__annotations__ = {
        "message": body,
        "webhook_id": MessageId,
        "webhook_timestamp": SentAt,
        "webhook_signature": Signature,
        "return": None,
    }
    router.post(
        name,
        name=name,
        operation_id=f"told_{name.replace('.', '_')}",
        tags=["Webhooks"],
        summary=name,
        description=description,
        status_code=204,
        responses=TAKEN,
    )(told)


def _shapes(base: type[BaseModel]) -> set[str]:
    found = {base.__name__}
    for field in base.model_fields.values():
        for each in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(each, type) and issubclass(each, BaseModel):
                found |= _shapes(each)
    return found


_TOLD: Final = frozenset(name for shape in SHAPES.values() for name in _shapes(shape)) - {NoticeData.__name__}
