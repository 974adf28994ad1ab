"""/session: the plain forms that sign a browser in and out and choose a customer. Each ends in a navigation.

A page of another site can make a browser post here, cookie and all (SameSite=Lax stops most of it), so where the form
came from is checked before anything else.
"""

from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import unit_of_work
from app.api.json_body import read_body
from app.routes import BY_NAME
from app.session import cookie_name, is_local, sign_in_address, token_in
from services import passwords, sign_in
from services.errors import BadRequest, Forbidden, NotSignedIn, UnsupportedMediaType
from services.settings import settings
from services.sign_in import SESSION_HOURS, SignedIn
from services.sign_in_limit import TooManyAttempts, sign_in_limit

FORM_BYTES_MAX: Final = 8 * 1024
FORM_FIELDS_MAX: Final = 10
FORM_TYPE: Final = "application/x-www-form-urlencoded"
OWN_SITE: Final = ("same-origin", "none")

router = APIRouter(prefix="/session", include_in_schema=False)


@router.post("")
async def start_session(request: Request) -> Response:
    """Sign in: to `next` or the overview with a new cookie, or back to the form with the reason."""
    form = await _read_form(request)
    goal = form.get("next", "")
    try:
        opened = await _sign_in(request, form.get("email", ""), form.get("password", ""))
    except NotSignedIn:
        return _back_to_sign_in("1", goal)
    except TooManyAttempts:
        return _back_to_sign_in("slow", goal)
    response = _go_to(goal if is_local(goal) else "/")
    response.set_cookie(
        cookie_name(),
        opened.cookie,
        max_age=SESSION_HOURS * 3_600,
        path="/",
        httponly=True,
        samesite="lax",
        secure=settings().cookies_are_secure,
    )
    return response


@router.post("/end")
async def end_session(request: Request) -> Response:
    """Sign out."""
    await _read_form(request)
    token = token_in(request.headers.get("cookie"))
    if token:
        await unit_of_work.run(sign_in.end_session, cookie_token=token)
    response = _go_to(BY_NAME["sign_in"].href + "?ended=1")
    response.delete_cookie(cookie_name(), path="/", httponly=True, samesite="lax", secure=settings().cookies_are_secure)
    return response


@router.post("/tenant")
async def choose_tenant(request: Request) -> Response:
    """Look at another customer: an operator at any, a member at their own."""
    form = await _read_form(request)
    token = token_in(request.headers.get("cookie"))
    tenant_id, goal = form.get("tenant_id", "")[:64], form.get("next", "")
    try:
        if not token:
            raise NotSignedIn(sign_in.NOT_SIGNED_IN)
        chosen = unit_of_work.by_our_time(
            sign_in.choose_tenant, cookie_token=token, tenant_id=tenant_id, at=unit_of_work.now()
        )
        await unit_of_work.run(chosen)
    except NotSignedIn:
        return _go_to(sign_in_address(ended=bool(token)))
    return _go_to(goal if is_local(goal) else "/")


async def _sign_in(request: Request, email: str, password: str) -> SignedIn:
    """Two short transactions with the slow hash between them, outside both. Raises NotSignedIn, TooManyAttempts."""
    at = unit_of_work.now()
    address = request.client.host if request.client else ""
    sign_in_limit.check(email, address, at)
    known = await unit_of_work.read(sign_in.password_hash_of, email=email)
    user_id = await unit_of_work.work_on_password(
        sign_in.check_password, known, email=email, password=password, address=address, at=at
    )
    rehashed = await unit_of_work.work_on_password(passwords.better_hash, known.password_hash or "", password)
    presented = token_in(request.headers.get("cookie"))
    return await unit_of_work.run(sign_in.open_session, user_id=user_id, rehashed=rehashed, presented=presented, at=at)


async def _read_form(request: Request) -> dict[str, str]:
    """The fields of a form that was posted from our own pages. Raises Forbidden, UnsupportedMediaType, BadRequest."""
    refuse_other_sites(request)
    raw = await read_body(request, FORM_BYTES_MAX)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if raw and media_type != FORM_TYPE:
        raise UnsupportedMediaType(f"Send the form as {FORM_TYPE}.", field="Content-Type")
    try:
        fields = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FORM_FIELDS_MAX)
    except ValueError as error:
        raise BadRequest("The form cannot be read.") from error
    return dict(fields)


def refuse_other_sites(request: Request) -> None:
    """Browsers say where a form was: Sec-Fetch-Site in today's, Origin in all. Raises Forbidden."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own_hosts = {request.headers.get("host", "").lower(), urlsplit(settings().public_url).netloc.lower()}
    if site is not None and site not in OWN_SITE:
        raise Forbidden("This form was sent from another site.")
    if origin is not None and _host_of(origin) not in own_hosts - {""}:
        raise Forbidden("This form was sent from another site.")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # half an IPv6 address, say
        return ""


def _back_to_sign_in(reason: str, goal: str) -> Response:
    query = {"refused": reason} | ({"next": goal} if is_local(goal) and goal != "/" else {})
    return _go_to(f"{BY_NAME['sign_in'].href}?{urlencode(query)}")


def _go_to(address: str) -> RedirectResponse:
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)
