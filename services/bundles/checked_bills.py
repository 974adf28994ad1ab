"""What checking found of an invoice or a credit note, for who tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.bundles.usage import PoolSum


@dataclass(frozen=True, slots=True)
class CheckedLine:
    """A line that comes to its amount. `from_receipts` says whether its usage was added up again, `approved_seq` which
    receipt approved it."""

    kind: str
    description: str
    quantity: str
    unit: str
    amount: str
    from_receipts: bool
    approved_seq: int | None = None


@dataclass(frozen=True, slots=True)
class CheckedBill:
    """An invoice or a credit note that was checked; `typ` says which. Amounts are in major units of `currency`."""

    typ: str
    seq: int
    number: int
    currency: str
    subtotal: str
    tax: str
    total: str
    period: Mapping[str, str] | None
    lines: tuple[CheckedLine, ...]


def checked_line(line: Mapping[str, Any], usage: PoolSum | None, *, approved_seq: int | None) -> CheckedLine:
    names = (line["kind"], line.get("description", line["kind"]), line["quantity"], line["unit"], line["amount"])
    return CheckedLine(*names, from_receipts=usage is not None, approved_seq=approved_seq)
