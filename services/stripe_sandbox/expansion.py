"""`expand[]`: ids replaced by what they name, and fields that are only there when asked for."""

from collections.abc import Callable, Sequence

from services.stripe_sandbox.documents import Document, kind_of_id, shown
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.world import World

DEPTH_MAX = 4
FREELY_NAMED = {"coupon": "coupon", "product": "product"}
"""Fields whose ids a caller may choose, so that the id itself does not tell its kind."""

Includable = Callable[[World, Document], object]


class Expansion:
    """Expands one path after another; `includable` makes the fields that are not there by themselves."""

    def __init__(self, world: World, includable: dict[tuple[str, str], Includable]) -> None:
        self.world = world
        self.includable = includable

    def expanded(self, document: Document, paths: Sequence[str]) -> Document:
        """The document with each path expanded. Raises StripeError where a path cannot be."""
        for path in paths:
            steps = path.split(".")
            if len(steps) - steps.count("data") > DEPTH_MAX:
                raise StripeError(f"You cannot expand more than {DEPTH_MAX} levels of a property.", param="expand")
            document = self._object(document, steps, path)
        return document

    def _object(self, value: Document, steps: Sequence[str], path: str) -> Document:
        if not steps:
            return value
        step = steps[0]
        if step in value:
            inner = value[step]
        elif value.get("deleted"):
            return value
        else:
            include = self.includable.get((str(value.get("object")), step))
            if include is None:
                raise _cannot(path)
            inner = include(self.world, value)
        return {**value, step: self._value(inner, steps, path)}

    def _value(self, value: object, steps: Sequence[str], path: str) -> object:
        """The value found at the first step, with the further steps expanded in it."""
        if isinstance(value, list):
            return [self._value(element, steps, path) for element in value]
        if isinstance(value, str):
            kind = FREELY_NAMED.get(steps[0]) or kind_of_id(value)
            found = self.world.store.find(kind, value) if kind else None
            if found is None:
                raise _cannot(path)
            value = shown(found)
        if isinstance(value, dict):
            return self._object(value, steps[1:], path)
        if value is not None:
            raise _cannot(path)
        return None


def _cannot(path: str) -> StripeError:
    return StripeError(
        f"This property cannot be expanded ({path}). You may want to try expanding 'data.{path}' instead, or check "
        "the API reference for the properties that can be.",
        param="expand",
    )
