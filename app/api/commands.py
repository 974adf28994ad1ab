"""How every POST is carried out: once for each Idempotency-Key, record and effect in one transaction."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from app import unit_of_work
from app.api.credentials import needs, tenant_of
from services import idempotency
from services.api_keys import Principal
from services.database import Session
from services.idempotency import Answer, Asked

IDEMPOTENCY_HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotent-Replayed"

Act = Callable[[Session], "BaseModel | dict[str, Any]"]
KeyHeader = Annotated[
    str | None,
    Header(
        alias=IDEMPOTENCY_HEADER,
        min_length=1,
        max_length=idempotency.KEY_MAX,
        pattern=r"^[!-~]+$",
        description="Any text of your choosing, such as a UUID. The same request under the same key is done once.",
    ),
]


@dataclass(slots=True)
class Command:
    """A POST by an authenticated caller at one moment, which is the customer's own once that is known."""

    request: Request
    caller: Principal
    key: str | None
    at: datetime

    async def tenant(
        self, *, named: str | None, subscription_id: str | None = None, invoice_id: str | None = None
    ) -> str:
        """Whose data it is about; see `credentials.tenant_of`."""
        found = await tenant_of(self.caller, named=named, subscription_id=subscription_id, invoice_id=invoice_id)
        self.request.state.tenant_id = found
        self.at = await unit_of_work.now_of(found)
        return found

    async def carry_out(self, tenant_id: str, act: Act, *, status: int = 200) -> Response:
        """Run `act(session)` in a transaction and answer with the document it returns, or as it was answered before."""
        asked = None if self.key is None else self._asked(self.key)

        def once(session: Session) -> Answer:
            return idempotency.answer_once(
                session, tenant_id=tenant_id, asked=asked, act=lambda: (status, rendered(act(session))), at=self.at
            )

        answer = await unit_of_work.run(once)
        headers = {REPLAYED_HEADER: "true"} if answer.replayed else None
        return Response(answer.body, answer.status, headers, "application/json")

    def _asked(self, key: str) -> Asked:
        route = f"{self.request.method} {self.request.url.path}"
        document = getattr(self.request.state, "document", None)
        print_ = idempotency.fingerprint(route, self.request.url.query, document)
        return Asked(idempotency.check_key(key), route, print_)


def command(*scopes: str) -> Any:
    """A dependency: the command of a caller who has one of the scopes."""

    async def build(request: Request, caller: Principal = needs(*scopes), key: KeyHeader = None) -> Command:
        return Command(request, caller, key, unit_of_work.now())

    return Depends(build)


def answered(document: BaseModel | dict[str, Any], *, status: int = 200) -> Response:
    """The answer to what was done once whatever the caller asks again, such as usage: its identity is its own."""
    return Response(rendered(document), status, media_type="application/json")


def rendered(document: BaseModel | dict[str, Any]) -> str:
    """The JSON text of an answer."""
    if isinstance(document, BaseModel):
        return document.model_dump_json(by_alias=True)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
