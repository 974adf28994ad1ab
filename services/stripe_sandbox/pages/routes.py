"""The edge of the pages: paths, form bodies, the lock around a visit, and the headers of every answer."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from services.stripe_sandbox.errors import CardDeclined, StripeError
from services.stripe_sandbox.pages.checkout import PAGES as CHECKOUT
from services.stripe_sandbox.pages.home import PAGES as HOME
from services.stripe_sandbox.pages.hosted_invoice import PAGES as HOSTED_INVOICE
from services.stripe_sandbox.pages.hosted_invoice import PATH as INVOICE_PATH
from services.stripe_sandbox.pages.hosted_invoice import pdf
from services.stripe_sandbox.pages.payment_link import PAGES as PAYMENT_LINK
from services.stripe_sandbox.pages.portal import PAGES as PORTAL
from services.stripe_sandbox.pages.portal_forms import PAGES as PORTAL_FORMS
from services.stripe_sandbox.pages.visit import NOT_KEPT, STATIC, Answer, Handler, Message, Stop, Visit
from services.stripe_sandbox.world import World

FORM_BYTES_MAX: Final = 64_000
FIELDS_MAX: Final = 60
STATIC_FILES: Final = {"sandbox.css": "text/css", "sandbox.svg": "image/svg+xml"}
KEPT_SECONDS: Final = 86_400

NOT_FOUND: Final = Message("There is no such page", "The address is wrong, or the sandbox was emptied since.", "?")
TOO_OLD: Final = Message(
    "This form is too old",
    "The sandbox was started anew since the page was opened. Open the page again; nothing was done.",
    tone="warn",
)
FROM_ELSEWHERE: Final = Message("This form came from another site", "Nothing was done.", tone="bad")

PAGES: Final = (*HOME, *CHECKOUT, *PAYMENT_LINK, *HOSTED_INVOICE, *PORTAL, *PORTAL_FORMS)


def page_routes(world: World) -> list[BaseRoute]:
    """Every page, the files they use, the invoices' PDFs, and a page for what is not there."""
    routes: list[BaseRoute] = [_page(world, path, show, act) for path, show, act in PAGES]
    routes.append(Route(f"{INVOICE_PATH}/pdf", _pdf(world), methods=["GET"]))
    routes.append(Route("/static/{name}", _static, methods=["GET"]))
    routes.append(_page(world, "/{rest:path}", _not_found, None))
    return routes


def _page(world: World, path: str, show: Handler, act: Handler | None) -> Route:
    async def answer(request: Request) -> Response:
        visit = _visit(world, request)
        if request.method != "POST" or act is None:
            return _written(await run_in_threadpool(_run, visit, show))
        if request.headers.get("sec-fetch-site") == "cross-site":
            return _written(visit.message(FROM_ELSEWHERE, 403))
        body = await request.body()
        if len(body) > FORM_BYTES_MAX:
            return _written(visit.message(Message("This form is too large", "Nothing was done."), 413))
        async with request.form(max_fields=FIELDS_MAX, max_files=0) as form:
            visit.given = {name: value for name, value in form.items() if isinstance(value, str)}
        if not visit.carries_token():
            return _written(visit.message(TOO_OLD, 403))
        return _written(await run_in_threadpool(_run, visit, act))

    return Route(path, answer, methods=["GET"] if act is None else ["GET", "POST"])


def _visit(world: World, request: Request) -> Visit:
    root = request.scope.get("root_path", "").rstrip("/")
    path = request.url.path.removeprefix(root) or "/"
    return Visit(world, root, path, dict(request.path_params), dict(request.query_params))


def _run(visit: Visit, handler: Handler) -> Answer:
    """One visit, alone in the sandbox: what it changed is kept, or taken back where it ends in a refusal."""
    world = visit.world
    with world.lock:
        world.catch_up()
        try:
            answer = handler(visit)
        except Stop as stop:
            world.store.rollback()
            return visit.message(stop.message, stop.status)
        except StripeError as refusal:
            if not isinstance(refusal, CardDeclined) or refusal.undo:
                world.store.rollback()
            world.store.commit()
            return visit.message(Message("That cannot be done", refusal.message, tone="warn"), refusal.status)
        except BaseException:
            world.store.rollback()
            raise
        world.store.commit()
        return answer


def _not_found(visit: Visit) -> Answer:
    return visit.message(NOT_FOUND, 404)


def _pdf(world: World) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        visit = _visit(world, request)
        return _written(await run_in_threadpool(pdf, visit))

    return answer


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC_FILES:
        return Response("There is no such file.", 404, NOT_KEPT)
    headers = {"Cache-Control": f"max-age={KEPT_SECONDS}", "X-Content-Type-Options": "nosniff"}
    return FileResponse(STATIC / name, headers=headers, media_type=STATIC_FILES[name])


def _written(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {**NOT_KEPT, **answer.headers}, answer.media_type)
