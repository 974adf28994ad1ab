"""Bundles of plan changes, adjustments and carried credit: good ones, and bad ones signed with our key all the same."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from services.rules import discounts, money
from services.rules.money import Money
from services.rules.receipts import read_hash, written, written_time
from tests.corpus.bad_files import HASH, bad_case
from tests.corpus.good_bundles import Case, cut_invoice, cut_range
from tests.corpus.ledgers import APRIL, MARCH, MAY, Ledger, period_document, root_of

Line = dict[str, Any]
Change = Callable[[dict[str, Any]], None]
CHANGED_AT = datetime(2026, 3, 11, 9, 30, 0, 1, tzinfo=UTC)
AGAIN_AT = CHANGED_AT + timedelta(days=8, seconds=3)
HOUR, MICRO = timedelta(hours=1), timedelta(microseconds=1)
THIRD = {"model": "percent_off", "percent": "33.333"}


def prorated(
    ledger: Ledger, price: str, part: str, *, unit: str = "month", term: tuple[datetime, datetime] = MARCH,
    at: datetime = CHANGED_AT, promotions: tuple[dict[str, str], ...] = (),
) -> Line:  # fmt: skip
    """The rest of a term's fee, credited (`unused`) or charged (`rest`), worked out by the second."""
    plan = ledger.typed(price)
    fee = plan.monthly_base() if unit == "month" else plan.annual_base()
    for document in promotions:
        fee -= discounts.taken_off(fee, discounts.from_document(document, plan.currency))
    share = Fraction((term[1] - at) // timedelta(microseconds=1), (term[1] - term[0]) // timedelta(microseconds=1))
    left = Money(money.round_half_away(fee.amount_minor * share), plan.currency)
    amount = (left if part == "rest" else -left).plain()
    sources: dict[str, Any] = {
        "part": part, "term": period_document(term), "at": written_time(at), "fee": fee.plain(),
        "discounts": list(promotions),
    }  # fmt: skip
    return {
        "kind": "proration", "unit": unit, "quantity": "1", "amount": amount, "price": price, "sources": sources,
        "description": "Plan change", "period": period_document((at, term[1])),
        "pricing": {"model": "flat", "amount": amount},
    }  # fmt: skip


def flat(kind: str, price: str, amount: str, **more: Any) -> Line:
    """A line that is what it says."""
    return {
        "kind": kind, "unit": kind, "quantity": "1", "amount": amount, "price": price, "description": kind,
        "period": period_document(MARCH), "pricing": {"model": "flat", "amount": amount}, **more,
    }  # fmt: skip


def upgraded(change: Change | None = None) -> Ledger:
    """Starter with a promotion, then Professional, then Enterprise within March; April is paid as a year from March on.

    Receipt 2 is the closing invoice with the prorations, which `change` edits.
    """
    ledger = Ledger()
    starter, professional, enterprise = (
        ledger.plan("verified-exchange", code) for code in ("Starter", "Professional", "Enterprise")
    )
    base = ledger.base_line(starter, period=MARCH)
    off = ledger.discount_line(base, "499.00", "-166.33", **THIRD)
    ledger.bill([base, off], currency="USD")
    ledger.clock = APRIL[0] + timedelta(hours=1)
    lines = [
        ledger.base_line(enterprise),
        prorated(ledger, starter, "unused", promotions=(THIRD,)),
        prorated(ledger, professional, "rest", promotions=(THIRD,)),
        prorated(ledger, professional, "unused", at=AGAIN_AT, promotions=(THIRD,)),
        prorated(ledger, enterprise, "rest", at=AGAIN_AT, promotions=(THIRD,)),
        flat("adjustment", enterprise, "12.34"),
        flat("adjustment", enterprise, "-0.01"),
    ]
    ledger.bill(lines, currency="USD", change=change)
    ledger.clock = MAY[0] - timedelta(hours=1)
    year = (APRIL[0], datetime(2027, 4, 1, 4, tzinfo=UTC))
    at = APRIL[0] + timedelta(days=3)
    to_year = [
        prorated(ledger, enterprise, "unused", term=APRIL, at=at),
        prorated(ledger, enterprise, "rest", unit="year", term=year, at=at),
    ]
    ledger.bill(to_year, currency="USD", period=APRIL)
    return ledger


def carried(*, taken: str = "-250.00", number: int = 2, change: Change | None = None) -> Ledger:
    """A credit larger than what there is to pay, carried on by invoice 2, taken by invoice 3. `change` edits that."""
    ledger = Ledger()
    price = ledger.plan("verified-exchange", "Starter")
    ledger.bill([ledger.base_line(price, period=MARCH)], currency="USD")
    ledger.clock = APRIL[0]
    lines = [ledger.base_line(price), flat("adjustment", price, "-749.00"), flat("carried", price, "250.00")]
    ledger.bill(lines, currency="USD")
    ledger.clock = MAY[0]
    more = flat("carried", price, taken, sources={"invoice": number})
    ledger.bill([ledger.base_line(price, period=MAY), more], currency="USD", period=APRIL, change=change)
    return ledger


def parted(change: Change | None = None, *, late: Change | None = None, lost_micro: int = 0) -> Ledger:
    """Starter until CHANGED_AT, then Pro: 250,000 credits, and two thirds of 750,000 more from then on.

    Receipt 5 is the invoice, which `change` edits; receipt 7 that of April with late use of the first part, which
    `late` edits. `lost_micro` is billed beyond the allowance though it was there.
    """
    ledger = Ledger()
    starter, pro = ledger.plan("reliability", "STARTER"), ledger.plan("reliability", "PRO")
    first, second = (MARCH[0], CHANGED_AT), (CHANGED_AT, MARCH[1])
    share = Fraction((MARCH[1] - CHANGED_AT) // MICRO, (MARCH[1] - MARCH[0]) // MICRO)
    granted = 250_000 * 10**6 + int(750_000 * 10**6 * share)
    ledger.use(starter, "simulator_run", "200", at=first[0] + HOUR, overage_micro=None)
    ledger.clock = CHANGED_AT
    over = 200_000 * 10**6 + 700_000 * 10**6 - granted + lost_micro
    ledger.use(pro, "simulator_run", "700", at=second[0] + HOUR, overage_micro=over)
    late_one = ledger.use(starter, "simulator_run", "50", at=first[0] + 2 * HOUR, overage_micro=50_000 * 10**6)
    ledger.use(pro, "simulator_run", "-1", at=second[0] + HOUR, correcting=2, overage_micro=-(10**9))
    assert late_one == 3
    ledger.clock = MARCH[1]
    part_of = {"part_of": period_document(MARCH)}
    lines = [
        _with(ledger.overage_line(starter, "credits", period=first), part_of),
        _with(ledger.overage_line(pro, "credits", period=second), part_of),
    ]
    parts = [period_document(first) | {"price": starter}, period_document(second) | {"price": pro}]
    roots = [ledger.used("credits", part) for part in (first, second)]
    ledger.bill(lines, usage=False, change=_both(_whole(roots, parts), change))
    ledger.use(starter, "simulator_run", "2", at=first[0] + 3 * HOUR, overage_micro=2_000 * 10**6)
    ledger.clock = MAY[0]
    more = _with(ledger.late_line(starter, "credits", period=first), part_of)
    ledger.bill([more], period=APRIL, change=late)
    return ledger


def moved(change: Change | None = None, *, had: bool = False, lost_micro: int = 0, fee: str | None = None) -> Ledger:
    """Pro until CHANGED_AT, the free plan because it is unpaid until AGAIN_AT, and Pro again; `had` where the period
    began on the free plan. Free has 20 questions a month, and sells more here; of Pro's 100, 50 are used before.

    Receipt 4 is the invoice, which `change` edits. `lost_micro` is billed in arrears beyond the allowance though it was
    there; with a `fee` the plan in arrears is none without one.
    """
    ledger = Ledger()
    sold = {"questions": {"model": "per_unit", "unit_price": "0.01"}}
    free = ledger.plan("assistant", "free", overage=sold, **({} if fee is None else {"base_price": fee}))
    pro = ledger.plan("assistant", "pro", after_dunning="free")
    spans = [(MARCH[0], CHANGED_AT), (CHANGED_AT, AGAIN_AT), (AGAIN_AT, MARCH[1])]
    begun = MARCH[0] + timedelta(days=1)
    rated = [(free, (MARCH[0], begun)), (pro, (begun, CHANGED_AT))] if had else [(pro, spans[0])]
    rated += [(free, spans[1]), (pro, spans[2])]

    def given(more: int, at: datetime) -> int:
        return int(more * 10**6 * Fraction((MARCH[1] - at) // MICRO, (MARCH[1] - MARCH[0]) // MICRO))

    of_free = 20 * 10**6 if had else given(20, CHANGED_AT)
    of_pro = given(80, begun) if had else 100 * 10**6
    ledger.use(pro, "question", "50", at=begun + HOUR, overage_micro=None)
    ledger.clock = CHANGED_AT
    ledger.use(free, "question", "30", at=CHANGED_AT + HOUR, overage_micro=30 * 10**6 - of_free + lost_micro)
    ledger.clock = AGAIN_AT
    if lost_micro:  # nothing of what there was for all parts was used later on
        ledger.use(pro, "question", "1", at=CHANGED_AT - HOUR, overage_micro=None)
    else:
        ledger.use(pro, "question", "90", at=AGAIN_AT + HOUR, overage_micro=90 * 10**6 - (of_pro - 50 * 10**6))
    ledger.clock = MARCH[1]
    part_of = {"part_of": period_document(MARCH)}
    over = rated[-2:-1] if lost_micro else rated[-2:]
    lines = [_with(ledger.overage_line(plan, "questions", period=span), part_of) for plan, span in over]
    parts = [
        period_document(span) | {"price": plan} | ({"arrears": True} if span == spans[1] else {})
        for plan, span in rated
    ]
    roots = [used for _, span in rated if (used := ledger.used("questions", span)) is not None]
    ledger.bill(lines, usage=False, currency="USD", change=_both(_whole(roots, parts), change))
    return ledger


def good_changes() -> Iterator[Case]:
    ledger = parted()
    yield Case("parts-whole", cut_range(ledger, 1, 7).lines(), ledger.jwks())
    yield Case("parts-invoice", cut_invoice(ledger, 5).document(), ledger.jwks())
    yield Case("parts-late-without-what-was-before", cut_range(ledger, 6, 7).lines(), ledger.jwks())
    for had in (False, True):
        ledger = moved(had=had)
        name = f"parts-in-arrears{'-on-a-plan-had-before' if had else ''}"
        yield Case(name, cut_range(ledger, 1, 4).lines(), ledger.jwks())
    ledger = upgraded()
    yield Case("changes-whole", cut_range(ledger, 1, 3).lines(), ledger.jwks())
    yield Case("changes-without-what-was-before", cut_range(ledger, 2, 3).document(), ledger.jwks())
    ledger = carried()
    yield Case("carried-whole", cut_range(ledger, 1, 3).lines(), ledger.jwks())
    yield Case("carried-without-where-from", cut_range(ledger, 3, 3).lines(), ledger.jwks())


def _whole(roots: list[Any], parts: list[Line]) -> Change:
    """The use of an invoice whose period has parts, all of one pool."""
    usage = {
        "first_seq": min(root["first_seq"] for root in roots),
        "last_seq": max(root["last_seq"] for root in roots),
        "count": sum(root["count"] for root in roots),
        "root": written(root_of([read_hash(root["root"]) for root in roots])),
    }
    return lambda fields: fields.update(usage=usage, parts=parts)


def _both(first: Change, then: Change | None) -> Change:
    def change(fields: dict[str, Any]) -> None:
        first(fields)
        if then is not None:
            then(fields)

    return change


def _with(line: Line, sources: dict[str, Any]) -> Line:
    return line | {"sources": line["sources"] | sources}


def bad_changes() -> Iterator[Case]:
    yield from _part_cases()
    yield from _proration_cases()
    yield from _carried_cases()


def _nth(place: int, /, **changes: Any) -> Change:
    """Change a line, and add the invoice up again."""

    def change(fields: dict[str, Any]) -> None:
        line = fields["lines"][place]
        for name, value in changes.items():
            line[name] = line[name] | value if isinstance(value, dict) else value
        _add_up(fields)

    return change


def _dropped(place: int) -> Change:
    def change(fields: dict[str, Any]) -> None:
        del fields["lines"][place]
        _add_up(fields)

    return change


def _twice(place: int) -> Change:
    def change(fields: dict[str, Any]) -> None:
        fields["lines"].insert(place, fields["lines"][place])
        _add_up(fields)

    return change


def _add_up(fields: dict[str, Any]) -> None:
    subtotal = f"{sum(Decimal(line['amount']) for line in fields['lines']):.2f}"
    fields["totals"] = {"subtotal": subtotal, "tax": "0.00", "total": subtotal}
    fields["amount"] = subtotal


def _part_cases() -> Iterator[Case]:
    lost = parted(lost_micro=3_000_000)
    reason = "leaves out the allowance"
    yield bad_case("parts-allowance-left-out", cut_range(lost, 1, 5).lines(), 1, reason, 5, lost.jwks())

    for name, ledger, fragment in (
        ("allowance-left-out", moved(lost_micro=3_000_000), reason),
        ("not-said", moved(lambda fields: fields["parts"][1].pop("arrears")), reason),
        ("in-another-part", moved(lambda fields: fields["parts"][2].update(arrears=True)), "that has a fee"),
        ("with-a-fee", moved(fee="1"), "that has a fee"),
    ):  # fmt: skip
        yield bad_case(f"parts-in-arrears-{name}", cut_range(ledger, 1, 4).lines(), 1, fragment, 4, ledger.jwks())

    def parts(edit: Callable[[list[Line]], None]) -> Change:
        return lambda fields: edit(fields["parts"])

    for name, change, fragment in (
        ("with-a-gap", parts(lambda all: all[0].update(end=written_time(CHANGED_AT - HOUR))), "part"),
        ("that-end-early", parts(lambda all: all[1].update(end=written_time(MARCH[1] - HOUR))), "part"),
        ("of-one", parts(lambda all: all.pop()), "part"),
        ("rated-otherwise", parts(lambda all: all[0].update(price=all[1]["price"])), "part"),
        ("without-them", lambda fields: fields.pop("parts"), "part"),
        ("not-said", lambda fields: fields["lines"][0]["sources"].pop("part_of"), "part"),
        ("of-another-period", _nth(0, sources={"part_of": period_document(APRIL)}), "part"),
        ("in-another-order", lambda fields: fields["usage"].update(root=HASH), "root"),
    ):  # fmt: skip
        ledger = parted(change)
        yield bad_case(f"parts-{name}", cut_range(ledger, 1, 5).lines(), 1, fragment, 5, ledger.jwks())
    for name, change in (
        ("not-said", lambda fields: fields["lines"][0]["sources"].pop("part_of")),
        ("of-another-period", _nth(0, sources={"part_of": period_document(APRIL)})),
    ):
        ledger = parted(late=change)
        yield bad_case(f"parts-late-{name}", cut_range(ledger, 1, 7).lines(), 1, "part", 7, ledger.jwks())


def _proration_cases() -> Iterator[Case]:
    early = written_time(MARCH[0] - timedelta(seconds=1))
    april = period_document((CHANGED_AT, APRIL[1]))
    for name, change, exit_code, reason in (
        ("credits-less", _nth(1, amount="-1.00"), 1, "-1.00"),
        ("charges-more", _nth(2, amount="900.00"), 1, "900.00"),
        ("of-two", _nth(1, quantity="2"), 1, "quantity"),
        ("of-another-fee", _nth(1, sources={"fee": "499.00"}), 1, "332.67"),
        ("without-its-promotion", _nth(1, sources={"discounts": [], "fee": "499.00"}), 1, "pric"),
        ("with-another-promotion", _nth(1, sources={"discounts": [{"model": "one_free"}]}), 2, "promotion"),
        ("with-a-loose-promotion", _nth(1, sources={"discounts": [THIRD | {"percent": "33.3330"}]}), 1, "written"),
        ("with-no-list-of-promotions", _nth(1, sources={"discounts": "none"}), 1, "list"),
        ("of-another-term", _nth(1, sources={"term": period_document(APRIL)}), 1, "period"),
        ("of-another-time", _nth(1, sources={"at": early}), 1, "period"),
        ("before-its-term", _nth(1, sources={"at": early}, period={"start": early}), 1, "term"),
        ("of-no-term", _nth(1, sources={"term": "March"}), 1, "term"),
        ("of-another-rest", _nth(1, period=april), 1, "period"),
        ("by-the-week", _nth(1, unit="week"), 2, "unit"),
        ("by-the-year", _nth(2, unit="year"), 1, "fee"),
        ("of-another-kind", _nth(1, sources={"part": "half"}), 2, "kind"),
        ("of-another-plan", _nth(1, price=HASH), 2, "plan"),
        ("priced-otherwise", _nth(1, pricing={"amount": "1.00"}), 1, "pric"),
        ("credits-twice", _twice(1), 1, "credited already"),
        ("credits-what-was-never-charged", _dropped(2), 1, "not charged"),
        ("adjusted-by-nothing", _nth(5, amount="0.00"), 1, "nothing"),
        ("adjusted-by-two", _nth(5, quantity="2"), 1, "quantity"),
    ):  # fmt: skip
        ledger = upgraded(change)
        yield bad_case(f"changes-{name}", cut_range(ledger, 1, 2).lines(), exit_code, reason, 2, ledger.jwks())
    ledger = upgraded()
    note = ledger.bill(
        [prorated(ledger, ledger.plan("verified-exchange", "Starter"), "rest")], invoice=1, currency="USD"
    )
    yield bad_case("changes-on-a-note", cut_range(ledger, 1, note).lines(), 1, "invoices only", note, ledger.jwks())


def _carried_cases() -> Iterator[Case]:
    for name, ledger, reason in (
        ("takes-more", carried(taken="-250.01"), "250.01"),
        ("takes-less", carried(taken="-249.99"), "249.99"),
        ("takes-from-none", carried(number=1), "no credit"),
        ("takes-from-a-later-one", carried(number=3), "which invoice"),
        ("takes-from-nothing-said", carried(change=_nth(1, sources={"invoice": "2"})), "which invoice"),
        ("takes-twice", carried(change=_twice(1)), "taken already"),
        ("carries-what-is-not-left", carried(taken="250.00"), "below zero"),
    ):
        yield bad_case(f"carried-{name}", cut_range(ledger, 1, 3).lines(), 1, reason, 3, ledger.jwks())
    ledger = carried()
    price = ledger.plan("verified-exchange", "Starter")
    note = ledger.bill([flat("carried", price, "-250.00")], invoice=1, currency="USD")
    yield bad_case("carried-on-a-note", cut_range(ledger, 1, note).lines(), 1, "invoices only", note, ledger.jwks())
