"""/healthz: the process answers. /readyz: requests can be served. And what there is not."""

from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from app import unit_of_work
from app.api.documentation import problems
from app.api.exact_route import api_router
from app.api.schemas.values import Shown
from services.availability import check_readiness
from services.errors import NotAllowedHere, NotFound

router = api_router("", "Health")

OWN_ADDRESSES: Final = (
    "/v1",
    "/v1/{path:path}",
    "/.well-known/jwks.json",
    "/.well-known/tallystick/{path:path}",
    "/healthz",
    "/readyz",
    "/metrics",
    "/session",
    "/session/{path:path}",
)


class OkShown(Shown):
    ok: bool = True


@router.get("/healthz", responses=problems((500,)))
async def healthz() -> OkShown:
    """The process is up. Says nothing about the database."""
    return OkShown()


@router.get("/readyz", responses=problems((500, 503)))
async def readyz() -> OkShown:
    """The database can be reached and has this program's tables."""
    await unit_of_work.work(check_readiness)
    return OkShown()


def add_not_found(api: FastAPI) -> None:
    """End our own addresses with a problem, so that none of them falls through to the pages.

    Starlette prefers a page that answers any method to a route that lacks this one; so methods are told apart here.
    """
    known = list(api.routes)

    async def answer(request: Request) -> Response:
        allowed: set[str] = set()
        for route in known:
            match, _ = route.matches(request.scope)
            if match is Match.PARTIAL:
                allowed |= set(getattr(route, "methods", None) or ())
        if allowed:
            listed = ", ".join(sorted(allowed))
            raise NotAllowedHere(f"This address takes {listed}.", allow=listed)
        raise NotFound("There is nothing at this address; see /docs.")

    for path in OWN_ADDRESSES:
        api.router.routes.append(Route(path, _AnyMethod(answer), include_in_schema=False))


class _AnyMethod:
    """An endpoint for every method: Starlette reads a plain function as one for GET alone."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        await self._answer(Request(scope, receive, send))  # type: ignore[operator]
