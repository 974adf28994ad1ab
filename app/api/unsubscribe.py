"""/unsubscribe/{token}: the link in a letter, and the one click of mail programs (RFC 8058). Nobody need be signed in.

Looking changes nothing, for programs that check links open them too; only a POST does. The token says what may be
changed and is all that is needed, so it does not matter which site the POST comes from.
"""

from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import HTMLResponse

from app import unit_of_work
from app.api.json_body import read_body
from services.errors import Refusal
from services.gateways.mail_tokens import TOKEN_MAX
from services.mails import preferences, unsubscribe_page

FORM_BYTES_MAX: Final = 4_096
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

Token = Annotated[str, Path(max_length=TOKEN_MAX)]

router = APIRouter(prefix="/unsubscribe", include_in_schema=False)


@router.get("/{token}")
async def ask(token: Token) -> HTMLResponse:
    """What the link is about, with a button."""
    try:
        found = await unit_of_work.read(preferences.read_unsubscribing, token=token)
    except Refusal as refusal:
        return _page(unsubscribe_page.page_of_refusal(refusal.detail), refusal.status)
    return _page(unsubscribe_page.page_of(found))


@router.post("/{token}")
async def change(request: Request, token: Token) -> HTMLResponse:
    """Stop the letters; with `wanted=yes` from the page itself, send them again."""
    form = parse_qs((await read_body(request, FORM_BYTES_MAX)).decode("utf-8", "replace"))
    wanted = form.get("wanted") == ["yes"] and "List-Unsubscribe" not in form
    try:
        found = await unit_of_work.run(preferences.unsubscribe, token=token, is_wanted=wanted, at=unit_of_work.now())
    except Refusal as refusal:
        return _page(unsubscribe_page.page_of_refusal(refusal.detail), refusal.status)
    return _page(unsubscribe_page.page_of(found))


def _page(html: str, status: int = HTTPStatus.OK) -> HTMLResponse:
    return HTMLResponse(html, status, headers=HEADERS)
