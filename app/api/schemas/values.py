"""Values that many resources share: ids, names, times, money, and what a field of a body may hold."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from models.base import ID_MAX, NAME_MAX
from services.rules.money import Money

CODE_PATTERN: Final = r"^[A-Za-z0-9](?:[A-Za-z0-9_./:-]{0,62}[A-Za-z0-9])?$"
ID_PATTERN: Final = r"^[A-Za-z0-9_-]{1,64}$"
TEXT_PATTERN: Final = r"^[^\x00-\x1f\x7f\ud800-\udfff]*$"
REFERENCE_MAX: Final = 120

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DATE_HELP: Final = "write a date as 2026-01-31"
_MOMENT_HELP: Final = "write a time with its zone, such as 2026-01-31T09:30:00Z"


def read_date(value: Any) -> date:
    """A date from YYYY-MM-DD and nothing else. Raises ValueError."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(_DATE_HELP)


def read_moment(value: Any) -> datetime:
    """A moment in UTC from RFC 3339 text, which names its zone. Raises ValueError."""
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise ValueError(_MOMENT_HELP)


def read_date_or_moment(value: Any) -> date | datetime:
    """Either of the two. Raises ValueError."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        return read_date(value)
    return read_moment(value)


def no_null(value: Any) -> Any:
    """A text the databases can hold."""
    if isinstance(value, str) and not value.isprintable():
        raise ValueError("use printable characters only")
    return value


Id = Annotated[str, Field(pattern=ID_PATTERN, max_length=ID_MAX, examples=["4f1c0b7e"])]
Code = Annotated[str, Field(pattern=CODE_PATTERN, max_length=64)]
Name = Annotated[str, BeforeValidator(no_null), Field(max_length=NAME_MAX, pattern=r"^[^\x00-\x1f\x7f]*$")]
Reference = Annotated[
    str, BeforeValidator(no_null), Field(min_length=1, max_length=REFERENCE_MAX, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Day = Annotated[date, BeforeValidator(read_date), WithJsonSchema({"type": "string", "format": "date"})]
Moment = Annotated[datetime, BeforeValidator(read_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Quantity = Annotated[str, Field(description="A plain decimal without trailing zeros.", examples=["0.418"])]


class Body(BaseModel):
    """A request body. A field nobody knows is refused: it is a typing mistake."""

    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    """Something the API answers with."""

    model_config = ConfigDict(populate_by_name=True)


class MoneyShown(Shown):
    """Whole minor units (cents) of a currency."""

    amount_minor: int = Field(examples=[1060000])
    currency: str = Field(examples=["CAD"])

    @classmethod
    def of(cls, amount_minor: int, currency: str) -> Self:
        return cls(amount_minor=amount_minor, currency=currency)


def major(amount_minor: int, currency: str) -> str:
    """The amount in major units as plain text: 10600.00."""
    return Money(amount_minor, currency).plain()
