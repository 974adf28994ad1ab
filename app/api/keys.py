"""GET /.well-known/jwks.json: the public keys that receipts are checked with. Public, as a signature is for anyone."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from app import unit_of_work
from app.api.documentation import PUBLIC, problems
from app.api.exact_route import api_router
from app.api.schemas.keys import JwkSetShown
from services.database import Session
from services.receipts.signing_keys import jwks

router = api_router("/.well-known", "Keys")

CACHE_CONTROL: Final = "public, max-age=300"
"""Five minutes: a new key is known soon, and many checks ask once."""


class JwkSetResponse(JSONResponse):
    media_type = "application/jwk-set+json"


@router.get("/jwks.json", response_model=JwkSetShown, response_class=JwkSetResponse, responses=problems(PUBLIC))
async def list_public_keys() -> Response:
    """The keys that sign receipts: present and retired ones, as a JWK Set.

    Retired keys stay listed, for seven years at least, so old receipts can be checked. Keep a copy to check them by.
    """

    def show(session: Session) -> dict[str, Any]:
        return JwkSetShown.model_validate(jwks(session)).model_dump(exclude_none=True)

    return JwkSetResponse(await unit_of_work.read(show), headers={"Cache-Control": CACHE_CONTROL})
