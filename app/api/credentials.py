"""Who calls, what they may do, and for which customer. Only API keys count here, never the browser's cookie."""

import time
from typing import Any, Final

from fastapi import Depends
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import Request

from app import unit_of_work
from services import api_keys, tenants
from services.api_keys import Principal, key_uses, recent_keys
from services.errors import MissingScope, NotSignedIn, Unprocessable, WrongTenant
from services.invoices import finding as invoices
from services.subscriptions.finding import find_subscription_tenant

KEY_HEADER: Final = "X-SIGNET-API-Key"

_bearer = HTTPBearer(auto_error=False, scheme_name="bearer", description="An API key: `tally_…`.")
_header = APIKeyHeader(name=KEY_HEADER, auto_error=False, scheme_name="header", description="The same key.")


async def authenticate(request: Request) -> Principal:
    """Who the request's key speaks for. Raises NotSignedIn."""
    key, now = _key_of(request), time.monotonic()
    caller = recent_keys.find(key, now=now)
    if caller is None:
        try:
            caller = await unit_of_work.read(api_keys.authenticate_key, key=key)
        except NotSignedIn:
            recent_keys.drop(key)
            raise
        recent_keys.keep(key, caller, now=now)
    request.state.caller = caller
    _note_use(caller)
    return caller


def recent_caller(key: str) -> Principal | None:
    """Who a key speaks for, where that was looked up a moment ago; None where `authenticate` has to."""
    caller = recent_keys.peek(key, now=time.monotonic())
    if caller is not None:
        _note_use(caller)
    return caller


def _note_use(caller: Principal) -> None:
    at = unit_of_work.now()
    if key_uses.is_due(caller, at):
        unit_of_work.later(api_keys.note_key_use, key_id=caller.key_id, at=at)


def needs(*scopes: str) -> Any:
    """A dependency: the caller, who must have one of the scopes. Raises MissingScope."""

    async def allowed_caller(request: Request, _one: Any = Depends(_bearer), _two: Any = Depends(_header)) -> Principal:
        caller: Principal = request.state.caller
        if not caller.may(*scopes):
            raise MissingScope(f"This key lacks the scope {' or '.join(scopes)}; use a key that has it.")
        return caller

    return Depends(allowed_caller)


async def tenant_of(
    caller: Principal, *, named: str | None, subscription_id: str | None = None, invoice_id: str | None = None
) -> str:
    """Whose data the call is about: the key's own tenant, whatever it asks for.

    An operator names the tenant, or something that belongs to one. Raises WrongTenant, NotFound, Unprocessable.
    """
    if caller.tenant_id is not None:
        if named is not None and named != caller.tenant_id:
            raise WrongTenant("This key belongs to another customer; leave tenant_id out.", field="tenant_id")
        return caller.tenant_id
    if named is not None:
        await unit_of_work.read(tenants.read_tenant, tenant_id=named)
        return named
    if subscription_id is not None:
        return await unit_of_work.read(find_subscription_tenant, subscription_id=subscription_id)
    if invoice_id is not None:
        return await unit_of_work.read(invoices.find_invoice_tenant, invoice_id=invoice_id)
    raise Unprocessable("An operator's key belongs to no customer; name one in tenant_id.", field="tenant_id")


def _key_of(request: Request) -> str:
    """The one key in the headers. Raises NotSignedIn for none, for two that differ, or for another scheme."""
    found = set(request.headers.getlist(KEY_HEADER))
    for value in request.headers.getlist("authorization"):
        scheme, _, token = value.partition(" ")
        if scheme.lower() != "bearer":
            raise NotSignedIn("Send the API key as `Authorization: Bearer <key>`.")
        found.add(token.strip())
    if len(found) != 1:
        said = "Two different keys were sent; send one." if found else "Send an API key: `Authorization: Bearer <key>`."
        raise NotSignedIn(said)
    return found.pop()
