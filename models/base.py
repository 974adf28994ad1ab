"""Column types that mean the same on SQLite and PostgreSQL, and the tenant key every customer row starts with."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import JSON, DateTime, Dialect, Enum, Numeric, String, Table, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

ID_MAX = 64
NAME_MAX = 120
RATE_DIGITS, RATE_DECIMALS = 38, 12

metadata = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC. A naive datetime is refused; SQLite, which forgets zones, gets UTC back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Rate(TypeDecorator[Decimal]):
    """An exact decimal with up to 12 decimals: NUMERIC on PostgreSQL, text on SQLite, whose NUMERIC is a float."""

    impl = String(RATE_DIGITS + 2)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Numeric(RATE_DIGITS, RATE_DECIMALS))
        return dialect.type_descriptor(String(RATE_DIGITS + 2))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -RATE_DECIMALS:
            raise ValueError(f"{value} is not an exact decimal with at most {RATE_DECIMALS} decimals")
        return value if dialect.name == "postgresql" else format(value, "f")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else plain_decimal(Decimal(value))


class Json(TypeDecorator[Any]):
    """A JSON document: JSONB on PostgreSQL, text on SQLite. Amounts inside are decimal strings."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor((JSONB if dialect.name == "postgresql" else JSON)(none_as_null=True))


def plain_decimal(value: Decimal) -> Decimal:
    """The same number without trailing zeros or an exponent, so both databases give back equal text."""
    text = format(value, "f")  # normalize() would round to the context's digits
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def choice(values: type[StrEnum], name: str | None = None) -> Enum:
    """A short text column with a CHECK that it is one of `values`; `name` tells it from another of the same table."""
    return Enum(
        values,
        native_enum=False,
        create_constraint=True,
        length=32,
        name=name or values.__name__.lower(),
        values_callable=lambda members: [str(member) for member in members],
    )


def table_of(model: type[SQLModel]) -> Table:
    """The table behind a model, for statements that write many rows at once."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


class TenantOwned(SQLModel):
    """A row that belongs to one customer. The tenant comes first in the key, so tables can be distributed by it."""

    tenant_id: str = Field(primary_key=True, max_length=ID_MAX)
