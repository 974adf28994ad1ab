"""A line for a share of savings: rated from what it states, and held to the approval in the log that it names."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from services.bundles.bill_sums import InvoiceTotals
from services.errors import InvalidBundle
from services.price_books.plans import Plan
from services.rules.decimals import is_plain, text_of
from services.rules.money import Money, round_half_away
from services.rules.receipts import Receipt, written

RUN_METRIC: Final = "gainshare_fee"
SUBMITTED, APPROVED = "submitted", "approved"
_AGAINST: Final = frozenset({"rejected", "disputed", "replaced"})


def is_run_step(receipt: Receipt) -> bool:
    """Whether a receipt tells of a step of a gain-share run."""
    return receipt.typ == "approval" and receipt.document.get("metric") == RUN_METRIC


def rate_gain_share(line: Mapping[str, Any], plan: Plan) -> tuple[Decimal, Money, Mapping[str, object]]:
    """(quantity, amount, pricing) of a line: the share of its savings, rounded once. Raises InvalidBundle."""
    if plan.gain_share is None:
        raise InvalidBundle("its plan has no gain-share.")
    bounds, share, of = plan.gain_share, _source(line, "share_pct"), _source(line, "savings")
    if not is_plain(share) or not bounds.min_pct <= Decimal(share) <= bounds.max_pct:
        low, high = text_of(bounds.min_pct), text_of(bounds.max_pct)
        raise InvalidBundle(f"its share is {share} %; under its plan it is from {low} to {high} %.")
    savings = Money.parse(of, plan.currency)
    if savings.amount_minor <= 0:
        raise InvalidBundle("it bills a share of savings that are none.")
    amount = Money(round_half_away(savings.amount_minor * Fraction(Decimal(share)) / 100), plan.currency)
    return Decimal(1), amount, {"model": "share", "percent": share, "of": savings.plain()}


def run_of(line: Mapping[str, Any]) -> str:
    """Which run a line bills."""
    return _source(line, "run")


class ChargedDays:
    """Whose savings were charged by which invoice: no day's twice, unless all of the first invoice was taken back."""

    def __init__(self) -> None:
        self._charged: list[tuple[str, str, str, bytes, str]] = []

    def note(
        self, receipt: Receipt, line: Mapping[str, Any], where: str, *, totals: InvoiceTotals | None, taken_back: bool
    ) -> None:
        """Take in a line. Raises InvalidBundle where its days are charged by an invoice that still stands.

        `totals` tells what is left of the invoices of a bundle; None where it has not all there is between them.
        """
        run, period = run_of(line), line.get("period", {})
        if taken_back or totals is None:
            self._charged = [each for each in self._charged if each[2] != run]
            return
        start, end = period.get("start", ""), period.get("end", "")
        for first, last, _, bill, before in self._charged:
            if first < end and start < last and totals.stands(bill):
                raise InvalidBundle(f"its days were charged already, by {before}, which still stands.")
        self._charged.append((start, end, run, receipt.hash, where))


class RunApprovals:
    """The steps of gain-share runs in a bundle, by their numbers. `holds` says whether a number is in the bundle."""

    def __init__(self, steps: Iterable[Receipt], covered: tuple[int, int] | None) -> None:
        self._steps = {step.seq: step for step in steps}
        self._covered = covered

    def check(self, receipt: Receipt, line: Mapping[str, Any]) -> bool:
        """Hold a line of an invoice to the approval that it names; False where that is not in the bundle.

        Raises InvalidBundle where the approval says something else, or the run was decided otherwise before.
        """
        seq = _seq_of(line, "approval")
        if seq >= receipt.seq:
            raise InvalidBundle("it bills a run that was approved after it.")
        self._check_submission(receipt, line, seq)
        if not self._holds(seq):
            return False
        self._check_step(receipt, line, "approval", APPROVED)
        run = run_of(line)
        for step in self._steps.values():
            document = step.document
            if document["req"] == run and document.get("policy") in _AGAINST and step.seq < receipt.seq:
                raise InvalidBundle(f"its run was {document['policy']}, in receipt {step.seq}.")
        return True

    def _check_submission(self, receipt: Receipt, line: Mapping[str, Any], approval_seq: int) -> None:
        seq = _seq_of(line, "submission")
        if seq >= approval_seq:
            raise InvalidBundle("its run was approved before it was submitted.")
        if self._holds(seq):
            self._check_step(receipt, line, "submission", SUBMITTED)

    def _check_step(self, receipt: Receipt, line: Mapping[str, Any], name: str, policy: str) -> None:
        stated = line["sources"][name]
        step = self._steps.get(stated["seq"])
        if step is None or written(step.hash) != stated.get("hash"):
            raise InvalidBundle(f"receipt {stated['seq']} is not the {name} that it names.")
        document = step.document
        if (document["req"], document.get("policy")) != (run_of(line), policy):
            raise InvalidBundle(f"the {name} that it names is of another run, or another step.")
        if document.get("calculation") != _source(line, "calculation"):
            raise InvalidBundle(f"the {name} that it names is of another calculation.")
        if document.get("period") != line.get("period"):
            raise InvalidBundle(f"the {name} that it names is of another period.")
        said = (document.get("amount"), document.get("currency"))
        if said != (line["amount"], receipt.document["currency"]):
            raise InvalidBundle(f"it states {line['amount']}; its {name} says {said[0]} {said[1]}.")

    def _holds(self, seq: int) -> bool:
        return self._covered is not None and self._covered[0] <= seq <= self._covered[1]


def _seq_of(line: Mapping[str, Any], name: str) -> int:
    stated = line.get("sources", {}).get(name)
    if type(stated) is not dict or type(stated.get("seq")) is not int:
        raise InvalidBundle(f"its sources do not say {name}.")
    return int(stated["seq"])


def _source(line: Mapping[str, Any], name: str) -> str:
    text = line.get("sources", {}).get(name)
    if type(text) is not str or not text:
        raise InvalidBundle(f"its sources do not say {name}.")
    return text
