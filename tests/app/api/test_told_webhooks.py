"""The messages to endpoints in the OpenAPI document: one for each type, of the shape that is really sent."""

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
from sqlmodel import Session, col, select

from app.api import create_api
from models import Notice, NoticeType
from services.closing.close import close_period
from services.webhooks.messages import TEST_TYPE, notice_message
from tests.given import customer, event, metered

DOCUMENT = create_api().openapi()
DECEMBER = datetime(2026, 12, 2, tzinfo=UTC)


def shape_of(name: str) -> dict[str, Any]:
    body = DOCUMENT["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return body | {"components": DOCUMENT["components"]}


def is_of(message: dict[str, Any], name: str) -> bool:
    return jsonschema_rs.Draft202012Validator(shape_of(name)).is_valid(message)


def test_every_type_of_notice_is_there_and_the_test() -> None:
    assert set(DOCUMENT["webhooks"]) == {*NoticeType, TEST_TYPE}
    for name, told in DOCUMENT["webhooks"].items():
        sent = told["post"]
        assert {each["name"] for each in sent["parameters"]} == {
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        }
        assert "security" not in sent
        assert "422" not in sent["responses"]
        assert jsonschema_rs.Draft202012Validator(shape_of(name))


def test_no_key_and_no_route_comes_with_them() -> None:
    assert not any(path.startswith(("invoice.", "/invoice.")) for path in DOCUMENT["paths"])
    assert len({told["post"]["operationId"] for told in DOCUMENT["webhooks"].values()}) == len(DOCUMENT["webhooks"])


def test_what_is_sent_is_of_its_shape_and_may_gain_fields(session: Session) -> None:
    acme = customer(session)
    metered(session, acme.tenant_id, event("900000"), event("200000"))
    close_period(session, tenant_id=acme.tenant_id, at=DECEMBER)
    notices = session.exec(select(Notice).where(Notice.tenant_id == acme.tenant_id).order_by(col(Notice.seq))).all()
    assert {notice.type for notice in notices} >= {"subscription.started", "invoice.finalized", "credits.low"}
    for notice in notices:
        message = json.loads(notice_message(notice).body)
        assert is_of(message, notice.type)
        message["data"]["new"] = message["more"] = 1
        assert is_of(message, notice.type)
        assert not is_of(message | {"type": "other"}, notice.type)
        assert not is_of(message | {"data": {}}, notice.type)
