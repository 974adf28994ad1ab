"""Periods within which the plan changed: their parts, and the allowance that these share.

The allowance of the first plan is there for the whole period, and each larger plan adds its share of the difference
from its part on. So where a part has overage, all that was there for it had been used up, by whichever part.

A part in arrears, which is on a plan without a fee because an invoice is unpaid, has only what that plan gave in the
period: its share of the whole allowance from the part on, or, where an earlier part was on that plan, what this one was
given. The plan that it goes back to once that is paid adds nothing: what it gave is there again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from services.bundles.usage import Asked, PoolSum, UsageSums
from services.errors import InvalidBundle, Unverifiable
from services.price_books.plans import Plan
from services.rules.proration import added_allowance
from services.rules.receipts import Receipt

PARTS_MAX = 400
"""Changes of plan within one period."""

_LATER = frozenset({"late_usage", "correction"})
"""Kinds of lines for use of a period that was billed before."""


class Part(NamedTuple):
    start: str
    end: str
    price: str
    arrears: bool


class Parts(NamedTuple):
    """The parts of a period of a subscription, and the number of the first receipt of its use."""

    subscription: str
    parts: tuple[Part, ...]
    first_seq: int

    @property
    def period(self) -> dict[str, str]:
        return {"start": self.parts[0].start, "end": self.parts[-1].end}

    def asked(self, last_seq: int) -> list[Asked]:
        """The sums of all pools, part by part, of the receipts up to a number."""
        return [Asked(self.subscription, part.start, part.end, self.first_seq, last_seq) for part in self.parts]


class PeriodParts:
    """The periods with parts of all the invoices in a bundle, which holds the receipts `proven`, from first to last."""

    def __init__(self, receipts: Iterable[Receipt], plans: Mapping[str, Plan], proven: tuple[int, int] | None) -> None:
        self._plans = plans
        self._proven = proven
        self._periods: dict[tuple[str, str], Parts] = {}
        for receipt in receipts:
            document = receipt.document
            if receipt.typ == "invoice" and document.get("parts"):
                found = _parts_of(receipt)
                for part in found.parts:
                    self._periods[found.subscription, part.start] = found

    def asked(self, receipt: Receipt) -> Iterator[Asked]:
        """What has to be added up besides what its lines state."""
        document = receipt.document
        yield from self._of_bill(receipt)
        for line in document["lines"]:
            if line["kind"] in _LATER and "usage" in line and "period" in line:
                yield from self._of_line(document["subscription"], line)

    def check_line(self, receipt: Receipt, line: Mapping[str, Any], sums: UsageSums, *, whole_log: bool) -> None:
        """Hold a line of usage to the part of a period that it is for. Raises InvalidBundle and Unverifiable."""
        subscription, stated = receipt.document["subscription"], line.get("sources", {}).get("part_of")
        period = line.get("period", {})
        known = self._periods.get((subscription, period.get("start", "")))
        if known is None:
            if stated is not None and (whole_log or line["kind"] == "overage"):
                raise InvalidBundle("it is of a part of a period that no invoice has parts of.")
            return
        part = next(part for part in known.parts if part.start == period["start"])
        if (stated, period["end"], line.get("price")) != (known.period, part.end, part.price):
            raise InvalidBundle("it is not of the part of its period that its invoice names.")
        if line["kind"] in _LATER and (asked := self._of_line(subscription, line)):
            check_shared(known, self._plans, [sums.sums_of(each) for each in asked])

    def check_bill(self, receipt: Receipt, sums: UsageSums) -> dict[tuple[str, str], PoolSum] | None:
        """Hold a whole invoice to its parts; the sums by pool and start of the part, None where they are not here."""
        document = receipt.document
        known = self._periods[document["subscription"], document["period"]["start"]]
        asked = self._of_bill(receipt)
        if not asked:
            return None
        found = [sums.sums_of(each) for each in asked]
        check_shared(known, self._plans, found)
        parts = zip(known.parts, found, strict=True)
        return {(pool, part.start): total for part, by_pool in parts for pool, total in by_pool.items()}

    def _of_bill(self, receipt: Receipt) -> list[Asked]:
        document = receipt.document
        if not document.get("parts") or "usage" not in document or receipt.typ != "invoice":
            return []
        return self._here(_parts_of(receipt).asked(document["usage"]["last_seq"]))

    def _of_line(self, subscription: str, line: Mapping[str, Any]) -> list[Asked]:
        known = self._periods.get((subscription, line["period"]["start"]))
        return [] if known is None else self._here(known.asked(line["usage"]["last_seq"]))

    def _here(self, asked: list[Asked]) -> list[Asked]:
        """Those sums, where all the receipts they are over are in the bundle."""
        if self._proven is None:
            return []
        first, last = self._proven
        return asked if all(first <= each.first_seq <= each.last_seq <= last for each in asked) else []


def check_tiling(document: Mapping[str, Any]) -> None:
    """Hold the parts of an invoice to its period: they follow each other without a gap. Raises InvalidBundle."""
    parts, period = document["parts"], document["period"]
    if not 2 <= len(parts) <= PARTS_MAX:
        raise InvalidBundle(f"a period with parts has 2 to {PARTS_MAX} of them.")
    edges = [period["start"], *(part["end"] for part in parts)]
    if edges[-1] != period["end"] or any(
        part["start"] != before or part["start"] >= part["end"] for part, before in zip(parts, edges, strict=False)
    ):
        raise InvalidBundle("its parts do not follow each other through its period.")


def check_shared(parts: Parts, plans: Mapping[str, Plan], sums: Sequence[Mapping[str, PoolSum]]) -> None:
    """Hold the overage of each part to the allowance that the parts share. Raises InvalidBundle and Unverifiable."""
    found = [plans.get(part.price) for part in parts.parts]
    rated = [plan for plan in found if plan is not None]
    if len(rated) < len(found):
        raise Unverifiable("a plan that a part of its period is rated with is not in the bundle.")
    if any(part.arrears and not plan.is_free for part, plan in zip(parts.parts, rated, strict=True)):
        raise InvalidBundle("a part of its period is in arrears on a plan that has a fee.")
    for pool in {code for by_pool in sums for code in by_pool}:
        if any(pool in plan.pools and plan.pools[pool].resets_daily for plan in rated):
            continue
        of_pool = [by_pool.get(pool) for by_pool in sums]
        covered = [each.used_micro - each.overage_micro + each.taken_back_micro if each else 0 for each in of_pool]
        given = _given(parts, rated, pool)
        for place, each in enumerate(of_pool):
            first, granted = _there_for(parts, given, place)
            if each is not None and each.overage_micro > 0 and sum(covered[first:]) < granted:
                raise InvalidBundle(
                    "it leaves out the allowance: more of the use was billed than lies beyond what is included."
                )


def _given(parts: Parts, plans: Sequence[Plan], pool: str) -> list[int]:
    """What each part brought, in millionths of a credit."""
    starts_at, ends_at = (datetime.fromisoformat(text) for text in parts.period.values())
    given = [plans[0].allowance_micro(pool)]
    for place, (before, part) in enumerate(pairwise(parts.parts), start=1):
        is_back = part.price in {each.price for each in parts.parts[:place]}
        if is_back and (part.arrears or before.arrears):
            given.append(0)
            continue
        old = 0 if part.arrears else plans[place - 1].allowance_micro(pool)
        at = datetime.fromisoformat(part.start)
        given.append(added_allowance(old, plans[place].allowance_micro(pool), starts_at, ends_at, at))
    return given


def _there_for(parts: Parts, given: Sequence[int], place: int) -> tuple[int, int]:
    """The first part that can spend what is there for a part, and how much that is: what the parts up to it brought, or
    for one in arrears the first of its plan."""
    part = parts.parts[place]
    if not part.arrears:
        return 0, sum(given[: place + 1])
    first = next(each for each, other in enumerate(parts.parts) if other.price == part.price)
    return first, given[first]


def _parts_of(receipt: Receipt) -> Parts:
    document = receipt.document
    parts = tuple(
        Part(part["start"], part["end"], part["price"], part.get("arrears", False))
        for part in document["parts"][:PARTS_MAX]
    )
    first_seq = document["usage"]["first_seq"] if "usage" in document else receipt.seq
    return Parts(document["subscription"], parts, first_seq)
