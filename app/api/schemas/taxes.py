"""A tax as a bill states it."""

from typing import Self

from pydantic import Field

from app.api.schemas.values import MoneyShown, Shown
from models import CreditNoteTax, InvoiceTax
from services.rules.decimals import text_of


class TaxShown(Shown):
    """`rate` per cent of `base`. Where none is due, `category` is not S and `reason` says why (EN 16931)."""

    code: str = Field(examples=["hst"])
    name: str = Field(examples=["HST"])
    region: str = Field(examples=["CA-ON"])
    category: str = Field(examples=["S"])
    rate: str = Field(examples=["13"])
    base: MoneyShown
    amount: MoneyShown
    reason: str | None

    @classmethod
    def of(cls, tax: InvoiceTax | CreditNoteTax, currency: str) -> Self:
        return cls(
            code=tax.code,
            name=tax.name,
            region="-".join(filter(None, (tax.country, tax.region))),
            category=str(tax.category),
            rate=text_of(tax.rate),
            base=MoneyShown.of(tax.base_minor, currency),
            amount=MoneyShown.of(tax.amount_minor, currency),
            reason=tax.reason or None,
        )
