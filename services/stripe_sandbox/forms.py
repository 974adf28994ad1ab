"""Form bodies with nested brackets, as Stripe's libraries write them."""

import re
from itertools import pairwise
from urllib.parse import parse_qsl

from services.stripe_sandbox.errors import StripeError

Raw = str | dict[str, "Raw"]

FIELDS_MAX = 5_000
DEPTH_MAX = 10
BRACKETS = re.compile(r"\[([^\[\]]*)\]")


def decode_form(text: str) -> dict[str, Raw]:
    """`a[b][0][c]=1` becomes {'a': {'b': {'0': {'c': '1'}}}}; `x[]=1&x[]=2` numbers its values.

    Leaves stay text: only the operation knows their types. Raises StripeError where a name is used both as a value and
    as an object, or nests deeper than ten levels.
    """
    root: dict[str, Raw] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        raise StripeError("Too many parameters were passed.") from None
    for name, value in pairs:
        head = name.split("[", 1)[0]
        steps = [head, *BRACKETS.findall(name[len(head) :])]
        if len(steps) > DEPTH_MAX:
            raise StripeError("Parameters are nested too deeply.", param=name)
        _place(root, steps, value, name)
    return root


def _place(root: dict[str, Raw], steps: list[str], value: str, name: str) -> None:
    holder = root
    for step, following in pairwise(steps):
        key = step or _open_element(holder, following)
        inner = holder.setdefault(key, {})
        if not isinstance(inner, dict):
            raise StripeError(f"Invalid object: {name} is both a value and an object.", param=name)
        holder = inner
    key = steps[-1] or str(len(holder))
    if isinstance(holder.get(key), dict):
        raise StripeError(f"Invalid object: {name} is both a value and an object.", param=name)
    holder[key] = value


def _open_element(holder: dict[str, Raw], following: str) -> str:
    """In `items[][price]=a&items[][quantity]=1` the second name belongs to the element the first one opened."""
    last = str(len(holder) - 1)
    element = holder.get(last)
    return last if isinstance(element, dict) and following not in element else str(len(holder))
