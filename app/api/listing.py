"""Long lists, a page at a time: `limit`, an opaque `cursor`, and `next_cursor` while there is more."""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any, Final

from fastapi import Query

from app.api.schemas.values import ID_PATTERN
from services.errors import Unprocessable

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200
CURSOR_MAX: Final = 200
SEQ_MAX: Final = 2**63 - 1
LINE_MAX: Final = 2**31

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=CURSOR_MAX, pattern=r"^[A-Za-z0-9_=-]+$", description="`next_cursor` of the page before."),
]
TenantQuery = Annotated[
    str | None,
    Query(pattern=ID_PATTERN, description="Operators name the customer; a customer's key says it already."),
]
SubscriptionQuery = Annotated[str | None, Query(pattern=ID_PATTERN, description="The main or only one, if left out.")]


def write_cursor(*place: Any) -> str:
    """Where a page ended, as a text that means something to us only."""
    return urlsafe_b64encode(json.dumps(place, default=str).encode()).decode()


def read_seq(cursor: str | None) -> int | None:
    """The sequence number a page ended with. Raises Unprocessable."""
    match _read(cursor):
        case None:
            return None
        case [int(seq)] if 0 < seq <= SEQ_MAX:
            return seq
    raise _bad_cursor()


def read_text(cursor: str | None) -> str | None:
    """The code a page ended with. Raises Unprocessable."""
    match _read(cursor):
        case None:
            return None
        case [str(code)] if code.isprintable():
            return code
    raise _bad_cursor()


def read_file_line(cursor: str | None) -> tuple[str, int] | None:
    """The file and the line a page of rows ended with. Raises Unprocessable."""
    match _read(cursor):
        case None:
            return None
        case ["failures" | "repairs" | "machines" as file, int(line)] if 0 < line < LINE_MAX:
            return file, line
    raise _bad_cursor()


def _read(cursor: str | None) -> Any:
    if cursor is None:
        return None
    try:
        return json.loads(urlsafe_b64decode(cursor.encode()))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _bad_cursor() from error


def _bad_cursor() -> Unprocessable:
    return Unprocessable("This cursor is not one of ours; send next_cursor as it was given.", field="cursor")
