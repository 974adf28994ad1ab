"""Bodies read exactly: the number that was written is the number that is metered, and nothing ambiguous is guessed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn, TypeVar

from starlette.requests import Request

from services.errors import MalformedJson, TooLarge, UnsupportedMediaType

BODY_BYTES_MAX: Final = 1024 * 1024
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
NUMBER_CHARACTERS_MAX: Final = 64
JSON_TYPE: Final = "application/json"

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class ExponentNumber(Decimal):
    """A JSON number written with an exponent, such as 1e3. Units refuse it: it hides how precise it is."""


@dataclass(frozen=True, slots=True)
class BodyRules:
    """How large a body may be, in which media types it may come, and whether it is parsed as JSON before it is used."""

    bytes_max: int = BODY_BYTES_MAX
    media_types: tuple[str, ...] = (JSON_TYPE,)
    is_parsed: bool = True


def accepts(rules: BodyRules) -> Callable[[Endpoint], Endpoint]:
    """Give an endpoint other rules for its body than the usual ones."""

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.body_rules = rules  # type: ignore[attr-defined]
        return endpoint

    return mark


async def read_body(request: Request, bytes_max: int) -> bytes:
    """The body, however it is sent; never more than `bytes_max` and one chunk are held. Raises TooLarge."""
    refusal = too_large(bytes_max)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > bytes_max:
        raise refusal
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > bytes_max:
            raise refusal
        chunks.append(chunk)
    return b"".join(chunks)


def too_large(bytes_max: int) -> TooLarge:
    """The refusal of a body of more than so many bytes."""
    return TooLarge(f"The body is larger than {bytes_max:,} bytes; send it in several requests.")


def check_media_type(request: Request, rules: BodyRules) -> str:
    """The media type of the body, which must be one of those allowed, in UTF-8, not compressed.

    Raises UnsupportedMediaType.
    """
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    media_type = media_type.strip().lower()
    if media_type not in rules.media_types:
        raise UnsupportedMediaType(f"Send the body as {' or '.join(rules.media_types)}.", field="Content-Type")
    charset = parameters.lower().replace('"', "").replace(" ", "")
    if "charset=" in charset and "charset=utf-8" not in charset:
        raise UnsupportedMediaType("Send the body in UTF-8.", field="Content-Type")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body without compression.", field="Content-Encoding")
    return media_type


def parse_json(raw: bytes) -> Any:
    """The document, with fractions as Decimal from their text.

    Raises MalformedJson for what is not JSON in UTF-8, and for what two readers could read in two ways: NaN,
    a key written twice, numbers of absurd length, nesting without end.
    """
    try:
        return _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedJson(f"The body is not UTF-8: look at byte {error.start}.") from error
    except json.JSONDecodeError as error:
        raise MalformedJson(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except RecursionError as error:
        raise MalformedJson("The body is nested too deeply.") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise MalformedJson("An object in the body has the same key twice; send each once.")
    return document


def _fraction(text: str) -> Decimal:
    if len(text) > NUMBER_CHARACTERS_MAX:
        _refuse_number()
    try:
        return ExponentNumber(text) if "e" in text or "E" in text else Decimal(text)
    except InvalidOperation:
        _refuse_number()


def _integer(text: str) -> int:
    if len(text) > NUMBER_CHARACTERS_MAX:
        _refuse_number()
    return int(text)


def _refuse_number() -> NoReturn:
    raise MalformedJson(f"Write numbers in at most {NUMBER_CHARACTERS_MAX} characters.")


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is not JSON; leave the value out or send a number.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_fraction, parse_int=_integer, parse_constant=_refuse_constant
)
