"""What the OpenAPI document says beside the routes: the problems each may answer with, and who may call."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.problems import PROBLEM_TYPE
from app.api.schemas.problems import Problem
from app.api.told import open_shapes, webhook_routes

Responses = dict[int | str, dict[str, Any]]

_MEANING: Final = {
    400: "The request cannot be understood.",
    401: "No key, or one that is not valid.",
    403: "The key does not allow this.",
    404: "No such thing for this customer.",
    405: "The address exists, the method does not.",
    409: "It contradicts what is recorded.",
    413: "More than one request may carry.",
    415: "The body is not JSON in UTF-8.",
    422: "A value is not acceptable; `field` names it.",
    429: "Used up, or called too often for the plan; `upgrade_url` leads on.",
    500: "A fault of ours. The request_id finds it in our log.",
    502: "The payment provider refused; `detail` says why.",
    503: "Not just now. Send it again under the same event_id or Idempotency-Key; nothing is done twice.",
}
READ: Final = (401, 403, 404, 422, 429, 500, 503)
WRITE: Final = (400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503)
METER: Final = WRITE
HOSTED: Final = (*WRITE, 502)
PUBLIC: Final = (500, 503)


def problems(statuses: tuple[int, ...]) -> Responses:
    """The `responses` of a route for the problems it may answer with."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _MEANING[status], "content": {PROBLEM_TYPE: {"schema": schema}}}
        for status in sorted(statuses)
    }


def body_of(*schemas: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads its body by hand: (media type, schema) pairs."""
    content = {media_type: {"schema": schema} for media_type, schema in schemas}
    return {"requestBody": {"required": True, "content": content}}


def describe(api: FastAPI) -> None:
    """Make `api.openapi()` complete: the one shape of problems is a component of its own."""

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            document = get_openapi(
                title=api.title,
                version=api.version,
                description=api.description,
                routes=api.routes,
                tags=api.openapi_tags,
                webhooks=webhook_routes(),
            )
            template = "#/components/schemas/{model}"
            problem = Problem.model_json_schema(ref_template=template)
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(problem.pop("$defs", {}))
            schemas["Problem"] = problem
            open_shapes(schemas)
            api.openapi_schema = document
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]
