"""`expand[]`: ids replaced by what they name, and fields that are only there when asked for."""

from collections.abc import Callable

from services.stripe_sandbox.documents import Document, kind_of_id, shown
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.world import World

DEPTH_MAX = 4
FREELY_NAMED = {"coupon": "coupon", "product": "product"}
"""Fields whose ids a caller may choose, so that the id itself does not tell its kind."""

Includable = Callable[[World, Document], object]


def expanded(
    world: World, document: Document, paths: list[str], includable: dict[tuple[str, str], Includable]
) -> Document:
    """The document with each path expanded. Raises StripeError where a path cannot be."""
    for path in paths:
        steps = path.split(".")
        if len(steps) - steps.count("data") > DEPTH_MAX:
            raise StripeError(f"You cannot expand more than {DEPTH_MAX} levels of a property.", param="expand")
        document = _expand(world, document, steps, path, includable)
    return document


def _expand(
    world: World, value: Document, steps: list[str], path: str, includable: dict[tuple[str, str], Includable]
) -> Document:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if step not in value:
        include = includable.get((str(value.get("object")), step))
        if include is None:
            if value.get("deleted"):
                return value
            raise _cannot(path)
        inner = include(world, value)
    else:
        inner = value[step]
    return {**value, step: _expand_value(world, inner, step, rest, path, includable)}


def _expand_value(
    world: World,
    value: object,
    step: str,
    rest: list[str],
    path: str,
    includable: dict[tuple[str, str], Includable],
) -> object:
    if isinstance(value, list):
        return [_expand_value(world, element, step, rest, path, includable) for element in value]
    if isinstance(value, str):
        kind = FREELY_NAMED.get(step) or kind_of_id(value)
        found = world.store.find(kind, value) if kind else None
        if found is None:
            raise _cannot(path)
        value = shown(found)
    if isinstance(value, dict):
        return _expand(world, value, rest, path, includable)
    if value is not None:
        raise _cannot(path)
    return None


def _cannot(path: str) -> StripeError:
    return StripeError(
        f"This property cannot be expanded ({path}). You may want to try expanding 'data.{path}' instead, or check "
        "the API reference for the properties that can be.",
        param="expand",
    )
