"""What a document says, in one language: labels, and lines worded from what they are.

A line's stored description is English and is what its receipt attests. Here each line is worded anew from its kind and
its facts, so a French invoice is written in French; only what a person wrote (a reason) stays as it was written.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from babel import Locale

from services.billing_documents.document import BillingDocument, CoveredUse, DocumentLine, Prorated
from services.billing_documents.formats import Formats
from services.rules.money import Money


class Wording(ABC):
    """The words of one language. `labels` are those that stand alone; `units` the singular and plural of units."""

    labels: ClassVar[Mapping[str, str]]
    units: ClassVar[Mapping[str, tuple[str, str]]]
    names: ClassVar[Mapping[str, str]] = {}
    registrations: ClassVar[Mapping[str, str]]

    def __init__(self, formats: Formats) -> None:
        self.formats = formats

    def __getitem__(self, label: str) -> str:
        return self.labels[label]

    def counted(self, quantity: Decimal, unit: str) -> str:
        """A quantity with its unit: 500,000 credits."""
        return f"{self.formats.number(quantity)} {self.unit_of(quantity, unit)}"

    @abstractmethod
    def unit_of(self, quantity: Decimal, unit: str) -> str:
        """The unit as it is written behind a quantity."""

    def country(self, code: str) -> str:
        """A country's name; "" for none."""
        return str(Locale.parse(self.formats.locale).territories.get(code, code)) if code else ""

    def registration(self, kind: str) -> str:
        """What a tax number is called before it."""
        return self.registrations.get(kind, kind)

    @abstractmethod
    def tax_reason(self, category: str, reason: str) -> str:
        """Why a tax is not due."""

    def pool(self, line: DocumentLine) -> str:
        """What the line's pool is called."""
        code = str(line.sources.get("pool", ""))
        name = line.plan.pools.get(code, code)
        return self.names.get(name, name)

    def covered(self, use: CoveredUse) -> list[str]:
        """A pool, and how much of it the allowance covered."""
        name = self.names.get(use.pool, use.pool)
        return [name, f"{self.counted(use.used, use.unit)}, {self.records(use.records)}"]

    @abstractmethod
    def title(self, line: DocumentLine, document: BillingDocument) -> str:
        """What the line charges, in a few words."""

    def counts(self, line: DocumentLine) -> str:
        """How its quantity or amount came about, in one sentence; "" where there is nothing to say."""
        words = ""
        if "basis" in line.sources:
            words = self.assets_counted(line)
        elif "used_credits" in line.sources:
            words = self.use_counted(line)
        elif "billed_before" in line.sources:
            words = self.difference(line)
        elif line.prorated is not None:
            words = self.share_of_term(line.prorated)
        elif line.kind == "gain_share":
            words = self.share_of_savings(line)
        elif line.kind == "top_up":
            words = self.bought(Decimal(line.sources["credits"]))
        elif line.kind == "base":
            words = self["in_advance"]
        return words

    @abstractmethod
    def assets_counted(self, line: DocumentLine) -> str:
        """1,200 assets counted (latest count), 1,000 included."""

    @abstractmethod
    def use_counted(self, line: DocumentLine) -> str:
        """1,500,000 credits used, 1,000,000 included."""

    @abstractmethod
    def difference(self, line: DocumentLine) -> str:
        """3,000 credits beyond the allowance by now, 1,000 billed before."""

    @abstractmethod
    def share_of_term(self, prorated: Prorated) -> str:
        """Of 9,000.00 for Nov 1–30, 2026, by the second from Nov 15, 2026, 2:05 p.m. on."""

    def savings(self, line: DocumentLine) -> str:
        """The savings that a line is a share of."""
        return self.formats.amount(Money.parse(line.sources["savings"], self.formats.currency).amount_minor)

    @abstractmethod
    def share_of_savings(self, line: DocumentLine) -> str:
        """Of documented savings of 3,200,000.00, approved in receipt 482."""

    @abstractmethod
    def bought(self, credits: Decimal) -> str:
        """200,000 in all."""

    @abstractmethod
    def records(self, count: int) -> str:
        """12,412 records of use."""

    @abstractmethod
    def stretch(self, *, is_first: bool, quantity: Decimal, unit: str) -> str:
        """A tier: First 50,000 exchanges; Next 25,000 exchanges."""

    @abstractmethod
    def promotion(self, line: DocumentLine) -> str:
        """What a promotion takes off: 20 % off."""

    @abstractmethod
    def tax_of(self, name: str, rate: str, base: str) -> str:
        """HST 13% of 10,600.00."""

    @abstractmethod
    def due(self, document: BillingDocument) -> str:
        """Where the document stands, in a few words beside its amount."""

    @abstractmethod
    def note_applied(self, number: str, day: str) -> str:
        """Credit note CN-000001 of Nov 3, 2026."""

    @abstractmethod
    def page(self) -> tuple[str, str]:
        """What stands before the page's number and before their count: ("Page ", " of ")."""

    @abstractmethod
    def unsettable(self) -> str:
        """What to say where letters are missing that no font at hand has."""


def included_of(line: DocumentLine) -> Decimal:
    """What the price of a line includes before it charges anything, or the allowance of its pool."""
    if line.kind == "overage":
        return line.plan.allowances.get(str(line.sources.get("pool")), Decimal(0))
    return Decimal(str(line.pricing.get("included", "0")))
