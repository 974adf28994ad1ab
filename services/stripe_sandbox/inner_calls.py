"""The API's operations for the sandbox's own pages: the same code as for a program, within one visit.

Whoever calls holds the world's lock, and keeps or takes back what was done.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.forms import Raw
from services.stripe_sandbox.operations import Call, Operation, Router
from services.stripe_sandbox.world import World


def call(world: World, method: str, path: str, params: Mapping[str, Any] | None = None) -> Document:
    """What the operation answers, with the sandbox's own keys. Raises StripeError.

    None among the parameters means not given; an empty text clears, as over the wire.
    """
    operation, ids = _router().find(method, path)
    taken, expand = operation.parse(_mapping(params or {}))
    return operation.run(world, Call(path=path, ids=ids, params=taken, expand=expand))


@cache
def _router() -> Router:
    from services.stripe_sandbox import parts  # noqa: PLC0415 - the parts import the modules that call in here

    found: list[Operation] = parts.operations()
    return Router(found)


def _mapping(params: Mapping[str, Any]) -> dict[str, Raw]:
    return {name: _raw(value) for name, value in params.items() if value is not None}


def _raw(value: Any) -> Raw:
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, list | tuple):
        return {str(place): _raw(element) for place, element in enumerate(value)} or ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
