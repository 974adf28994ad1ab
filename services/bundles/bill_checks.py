"""Checking the invoices and credit notes of a bundle: every line rated again, every sum added again."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from services.bundles.bill_chains import CarriedCredit, FeesInForce
from services.bundles.bill_sums import BaseFees, InvoiceTotals, check_adjustment, check_stated, check_totals
from services.bundles.checked_bills import CheckedBill, checked_line
from services.bundles.gain_share_lines import ChargedDays, RunApprovals, run_of
from services.bundles.line_checks import KINDS, USAGE_KINDS, check_line, difference, pool_of
from services.bundles.members import Header
from services.bundles.part_checks import PeriodParts, check_tiling
from services.bundles.proration_checks import prorated
from services.bundles.tax_checks import TaxChecks
from services.bundles.top_up_lines import purchase_of
from services.bundles.usage import Asked, PoolSum, UsageSums
from services.errors import BundleRefused, InvalidBundle, Unverifiable
from services.price_books.plans import Plan
from services.rules import money
from services.rules.money import Money
from services.rules.quantities import plain_micro, to_micro
from services.rules.receipts import Receipt, read_hash
from services.rules.violations import RuleViolation

_ANY_NUMBER = frozenset({"discount", "adjustment", "proration", "carried"})
"""Kinds of lines that are held to what the ones before them have left."""

_ONCE = frozenset({"base", "asset_uplift", "overage"})
"""Kinds of lines that a period is billed once for, on whichever invoice."""

_INVOICES_ONLY = frozenset({"proration", "carried"})


class Bills:
    """The bills of a bundle, in the order of the log. `receipts` are theirs, `steps` those of gain-share runs."""

    def __init__(
        self,
        header: Header,
        receipts: Sequence[Receipt],
        plans: Mapping[str, Plan],
        *,
        steps: Sequence[Receipt] = (),
    ) -> None:
        self._header = header
        self._plans = plans
        self._receipts = receipts
        self._whole_log = header.range is not None and header.range.first_seq == 1
        self._invoices = {receipt.hash: receipt for receipt in receipts if receipt.typ == "invoice"}
        self._totals = InvoiceTotals() if header.range is not None else None
        self._taxes = TaxChecks(has_all=header.range is not None)
        self._billed: dict[tuple[object, ...], str] = {}
        self._overage: dict[tuple[str, str, str], int] = {}
        self._fees = FeesInForce(whole_log=self._whole_log)
        self._carried = CarriedCredit(whole_log=self._whole_log)
        proven = None if header.range is None else (header.range.first_seq, header.range.last_seq)
        self._parts = PeriodParts(receipts, plans, proven)
        self._approvals, self._days = RunApprovals(steps, proven), ChargedDays()

    def asked(self) -> Iterator[Asked]:
        """What has to be added up to check them."""
        for receipt in self._receipts:
            document = receipt.document
            wanted = [self._asked_by(receipt, line) for line in document["lines"] if line["kind"] in USAGE_KINDS]
            wanted.append(self._asked_by(receipt, document, whole=True))
            yield from (asked for asked in wanted if asked is not None)
            yield from self._parts.asked(receipt)

    def check(self, sums: UsageSums) -> list[CheckedBill]:
        """Check every bill. Raises InvalidBundle and Unverifiable with the bill's number in the log."""
        return [self._check_bill(receipt, sums) for receipt in self._receipts]

    def _asked_by(self, receipt: Receipt, part: Mapping[str, Any], *, whole: bool = False) -> Asked | None:
        """The sum that a line or a whole bill states, where its receipts are all in the bundle."""
        proven, usage, period = self._header.range, part.get("usage"), part.get("period")
        if proven is None or usage is None or period is None:
            return None
        if not proven.first_seq <= usage["first_seq"] <= usage["last_seq"] <= proven.last_seq:
            return None
        place = (period["start"], period["end"], usage["first_seq"], usage["last_seq"])
        if whole:
            return Asked(receipt.document["subscription"], *place)
        pool = part.get("sources", {}).get("pool")
        if type(pool) is not str or "price" not in part:
            return None
        return Asked(receipt.document["subscription"], *place, part["price"], pool)

    def _check_bill(self, receipt: Receipt, sums: UsageSums) -> CheckedBill:
        document, seq = receipt.document, receipt.seq
        name = f"{'Invoice' if receipt.typ == 'invoice' else 'Credit note'} {document['number']}"
        where = name
        try:
            self._check_answered(receipt)
            lines, fees = [], BaseFees()
            amounts: list[Money] = []
            for number, line in enumerate(document["lines"], 1):
                where = f"{name}, line {number} ({line['kind']})"
                plan = self._plan_of(receipt, line)
                usage = self._usage_of(receipt, line, sums) if line["kind"] in USAGE_KINDS else None
                on_note = receipt.typ == "credit_note"
                taken_back = on_note and line["kind"] not in ("correction", "adjustment")
                amount = check_line(line, plan, usage, fee=fees.left(line), on_note=on_note, taken_back=taken_back)
                fees.note(line, amount)
                self._bill_once(receipt, line, plan, where, taken_back=taken_back)
                self._check_chain(receipt, line, plan, fees.left(line), (*amounts, amount))
                amounts.append(amount)
                lines.append(checked_line(line, usage, approved_seq=self._approval_of(receipt, line)))
            where = name
            self._check_usage(receipt, sums)
            total = check_totals(document, amounts)
            check_adjustment(document, total)
            self._taxes.check(receipt, money.total(amounts, document["currency"]), total)
            if self._totals is not None:
                self._totals.note(receipt, total)
        except BundleRefused as error:
            raise type(error)(f"{where}: {error.detail}", seq=seq) from error
        except (RuleViolation, ArithmeticError) as error:
            raise InvalidBundle(f"{where}: {error}", seq=seq) from error
        totals = document["totals"]
        return CheckedBill(
            receipt.typ, seq, document["number"], document["currency"], totals["subtotal"], totals["tax"],
            totals["total"], document.get("period"), tuple(lines),
        )  # fmt: skip

    def _check_answered(self, receipt: Receipt) -> None:
        """A credit note answers an invoice of the same subscription and currency."""
        if receipt.typ == "invoice":
            return
        document = receipt.document
        answered = self._invoices.get(read_hash(document["req"]))
        if answered is None:
            if self._whole_log:
                raise InvalidBundle("it answers an invoice that is not in the log.")
            return
        if any(answered.document[name] != document[name] for name in ("subscription", "currency")):
            raise InvalidBundle("it answers an invoice of another subscription or currency.")

    def _plan_of(self, receipt: Receipt, line: Mapping[str, Any]) -> Plan:
        """The plan that a line names. A line of usage names a pool of it, too."""
        price, currency = line.get("price"), receipt.document["currency"]
        if line["kind"] not in KINDS:
            raise Unverifiable("it is of a kind that is not known here.")
        if line["kind"] in _INVOICES_ONLY and receipt.typ != "invoice":
            raise InvalidBundle("lines of this kind stand on invoices only.")
        if price is None:
            raise InvalidBundle("it does not say by which plan, in price.")
        plan = self._plans.get(price)
        if plan is None:
            raise Unverifiable("the plan that it is rated with is not in the bundle.")
        if plan.currency != currency:
            raise InvalidBundle(f"its plan is priced in {plan.currency}, the bill in {currency}.")
        if line["kind"] in USAGE_KINDS:
            pool_of(line, plan)
        return plan

    def _bill_once(
        self, receipt: Receipt, line: Mapping[str, Any], plan: Plan, where: str, *, taken_back: bool
    ) -> None:
        """Keep in mind what is billed, so that nothing is billed twice and differences begin where billing ended."""
        kind, subscription = line["kind"], receipt.document["subscription"]
        start = line.get("period", {}).get("start", "")
        pool = pool_of(line, plan) if kind in USAGE_KINDS else ""
        number = None if kind in _ONCE else receipt.seq
        key: tuple[object, ...] = (subscription, kind, line["price"], start, pool, number)
        if kind in _ANY_NUMBER:
            return
        if kind == "top_up":
            key = (kind, purchase_of(line))
        if kind == "gain_share":
            key = (kind, run_of(line))
        if taken_back:
            self._billed.pop(key, None)
        elif (before := self._billed.setdefault(key, where)) is not where:
            raise InvalidBundle(f"this is billed twice; {before} has billed it already.")
        if kind == "gain_share":
            self._days.note(receipt, line, where, totals=self._totals, taken_back=taken_back)
        if kind not in USAGE_KINDS:
            return
        place = (subscription, pool, start)
        if kind == "overage":
            self._overage[place] = 0 if taken_back else to_micro(Decimal(line["quantity"]))
            return
        overage_micro, before_micro = difference(line)
        billed = self._overage.get(place, 0 if self._whole_log else before_micro)
        if billed != before_micro:
            raise InvalidBundle(
                f"it takes {plain_micro(before_micro)} as billed before; that was {plain_micro(billed)}."
            )
        self._overage[place] = overage_micro

    def _check_chain(
        self, receipt: Receipt, line: Mapping[str, Any], plan: Plan, left: Money | None, amounts: Sequence[Money]
    ) -> None:
        """Hold what an invoice takes over from those before it to what they say. `amounts` are its lines' so far."""
        if receipt.typ == "invoice":
            self._fees.note(receipt, line, left)
        if line["kind"] == "proration":
            self._fees.prorate(receipt, line, prorated(line, plan))
        if line["kind"] == "carried":
            self._carried.check(receipt, line, amounts[-1], money.total(amounts, plan.currency))

    def _approval_of(self, receipt: Receipt, line: Mapping[str, Any]) -> int | None:
        """The receipt that approved a gain-share line; None for other lines, and where it is not in the bundle."""
        if line["kind"] != "gain_share" or receipt.typ != "invoice":
            return None
        if self._approvals.check(receipt, line):
            return int(line["sources"]["approval"]["seq"])
        if receipt.seq == self._header.invoice_seq:
            raise Unverifiable("the approval that it names is not in the bundle.")
        return None

    def _usage_of(self, receipt: Receipt, line: Mapping[str, Any], sums: UsageSums) -> PoolSum | None:
        """The sum of a line's receipts; None where they are not all in the bundle."""
        if "usage" not in line or "period" not in line:
            raise InvalidBundle("it does not say which usage it sums, in usage and period.")
        self._check_before(receipt, line["usage"])
        asked = self._asked_by(receipt, line)
        if asked is None:
            self._check_need(receipt)
            return None
        self._parts.check_line(receipt, line, sums, whole_log=self._whole_log)
        found = sums.sums_of(asked)
        check_stated(line["usage"], found)
        return found.get(asked.pool or "")

    def _check_usage(self, receipt: Receipt, sums: UsageSums) -> None:
        """The usage of a whole bill: all pools of its period."""
        document = receipt.document
        if document.get("parts"):
            check_tiling(document)
        if "usage" not in document:
            return
        if "period" not in document:
            raise InvalidBundle("it does not say which period its usage is of.")
        self._check_before(receipt, document["usage"])
        asked = self._asked_by(receipt, document, whole=True)
        by_part = self._parts.check_bill(receipt, sums) if document.get("parts") else None
        if asked is None:
            self._check_need(receipt)
        else:
            check_stated(document["usage"], by_part or sums.sums_of(asked))

    def _check_before(self, receipt: Receipt, usage: Mapping[str, Any]) -> None:
        if usage["last_seq"] >= receipt.seq:
            raise InvalidBundle("it bills usage that comes after it in the log.")

    def _check_need(self, receipt: Receipt) -> None:
        """A bundle for an invoice must hold all that the invoice sums."""
        if receipt.seq == self._header.invoice_seq:
            raise Unverifiable("not all the usage that it sums is in the bundle.")
