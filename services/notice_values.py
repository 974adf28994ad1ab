"""What the shapes of all notices are made of: amounts a program and a person can read, and fields nobody adds to."""

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from services import wording


class NoticeAmount(BaseModel):
    """An amount of money: whole minor units (cents) of a currency, and how a person reads it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    amount_minor: int = Field(examples=[1060000])
    currency: str = Field(examples=["CAD"])
    worded: str = Field(examples=["$10,600.00"])

    @classmethod
    def of(cls, amount_minor: int, currency: str) -> Self:
        return cls(amount_minor=amount_minor, currency=currency, worded=wording.amount(amount_minor, currency))


class NoticeData(BaseModel):
    """The shape of one or several types. Times are UTC in RFC 3339."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: ClassVar[int] = 1
