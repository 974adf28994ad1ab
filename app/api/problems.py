"""Every refusal and failure becomes one shape here: `application/problem+json` (RFC 9457)."""

import json
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from services.errors import UPGRADE_URL, FeatureNotIncluded, NotSignedIn, QuotaReached, Refusal, Unprocessable
from services.rules.violations import RuleViolation

PROBLEM_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:tallystick:problem:"
ERRORS_MAX: Final = 20

_log = structlog.get_logger("tallystick.api")


def problem_response(refusal: Refusal, request_id: str | None = None) -> Response:
    """The answer for a refusal, with the headers that belong to it."""
    headers = {}
    if isinstance(refusal, NotSignedIn):
        headers["WWW-Authenticate"] = 'Bearer realm="tallystick"'
    if "retry_after" in refusal.members:
        headers["Retry-After"] = str(refusal.members["retry_after"])
    if "allow" in refusal.members:
        headers["Allow"] = refusal.members["allow"]
    body = json.dumps(problem_document(refusal, request_id), default=str)
    return Response(body, refusal.status, headers, PROBLEM_TYPE)


def refusal_response(refusal: Refusal, request_id: str | None) -> Response:
    """The answer for a refusal that ends a request; what the caller cannot help is logged as an error."""
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("unavailable", code=refusal.code, exc_info=refusal)
    return problem_response(refusal, request_id)


def violation_response(violation: RuleViolation, request_id: str | None) -> Response:
    """A rule was reached with arguments it refuses: a value the service did not look at first."""
    refusal = Unprocessable(violation.message)
    refusal.members["rule"] = violation.code
    return problem_response(refusal, request_id)


def problem_document(refusal: Refusal, request_id: str | None = None) -> dict[str, Any]:
    """The members of the problem. A quota and a missing feature also say `error` and where to upgrade."""
    document: dict[str, Any] = {
        "type": f"{TYPE_PREFIX}{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "code": refusal.code,
    }
    if refusal.field is not None:
        document["field"] = refusal.field
    if request_id is not None:
        document["request_id"] = request_id
    if isinstance(refusal, QuotaReached | FeatureNotIncluded):
        document |= {"error": refusal.detail, "upgrade_url": UPGRADE_URL}
    return document | {name: value for name, value in refusal.members.items() if name != "allow"}


def failure_response(request_id: str | None) -> Response:
    """A fault of ours. Says nothing about it but where to find it in the log."""
    document = {
        "type": f"{TYPE_PREFIX}internal_error",
        "title": "Something went wrong on our side",
        "status": 500,
        "detail": "Try again, under the same event_id or Idempotency-Key; if it goes on, tell us the request_id.",
        "code": "internal_error",
        "request_id": request_id,
    }
    return Response(json.dumps(document), 500, media_type=PROBLEM_TYPE)


def add_problem_handlers(api: FastAPI) -> None:
    """Answer every exception an endpoint may raise, but for faults of ours, which the outermost layer answers."""
    api.add_exception_handler(Refusal, _on_refusal)
    api.add_exception_handler(RuleViolation, _on_rule_violation)
    api.add_exception_handler(RequestValidationError, _on_invalid)
    api.add_exception_handler(HTTPException, _on_http_exception)


def request_id_of(request: Request) -> str | None:
    return getattr(request.state, "request_id", None)


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return refusal_response(error, request_id_of(request))


async def _on_rule_violation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RuleViolation)
    return violation_response(error, request_id_of(request))


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [_worded(found) for found in error.errors()[:ERRORS_MAX]]
    first = errors[0]
    return problem_response(Unprocessable(first["detail"], field=first["field"], errors=errors), request_id_of(request))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """What the framework itself refuses."""
    assert isinstance(error, HTTPException)
    refusal = Refusal(HTTPStatus(error.status_code).description or error.detail)
    status = HTTPStatus(error.status_code)
    document = problem_document(refusal, request_id_of(request)) | {
        "type": f"{TYPE_PREFIX}{status.name.lower()}",
        "title": status.phrase,
        "status": status.value,
        "code": status.name.lower(),
    }
    return Response(json.dumps(document), status.value, error.headers, PROBLEM_TYPE)


def _worded(found: dict[str, Any]) -> dict[str, str]:
    """One finding of the validator as the field's name and what to do about it. Never repeats what was sent."""
    place = found["loc"]
    field = ".".join(str(part) for part in (place[1:] if len(place) > 1 else place))
    kind = found["type"]
    if kind == "missing":
        detail = "Send a JSON body." if place == ("body",) else f"{field} is required; send it."
    elif kind == "extra_forbidden":
        detail = f"{field[:80]} is not known here; remove it."
    else:
        message = found["msg"].removeprefix("Value error, ")
        detail = f"{field}: {message}."
    return {"field": field[:80], "detail": detail.replace("..", ".")}
