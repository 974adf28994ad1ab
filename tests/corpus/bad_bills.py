"""Bad bundles whose receipts say what is not so, though all is signed with our key: use, lines, amounts, bills."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from services.rules.canonical import content_hash
from tests.corpus.bad_files import HASH, a_part, bad_case, the_log
from tests.corpus.contract_bundles import SCRAP
from tests.corpus.good_bundles import (
    Bill,
    Case,
    Jwks,
    adjusted,
    books,
    cut_invoice,
    cut_range,
    memory_cloud,
    promoted,
    reliability,
    verified_exchange,
)
from tests.corpus.ledgers import APRIL, MARCH, Ledger

Document = dict[str, Any]


def usage_cases() -> Iterator[Case]:
    part = a_part()
    plans = part.header["plans"]
    price = next(iter(plans))
    cheaper = plans[price] | {"base_price": "1"}
    yield bad_case("plan-changed", part.saying(plans={price: cheaper}).lines(), 1, "plan")
    yield bad_case("plan-missing", part.saying(plans={}).lines(), 2, "plan", 3)
    for number, kpis in enumerate(("", {}, [{}], ["scrap"], [SCRAP | {"rate": "1"}], [SCRAP | {"unit": 1}])):
        wrong = plans[price] | {"gain_share": {"min_pct": "10", "max_pct": "20", "kpis": kpis}}
        named = plans | {content_hash(wrong): wrong}
        yield bad_case(f"plan-with-wrong-kpis-{number}", part.saying(plans=named).lines(), 1, "cannot be read")
    other = plans[price] | {"format": "tallystick-plan/9"}
    yield bad_case("plan-of-another-format", part.saying(plans=plans | {content_hash(other): other}).lines(), 2, "plan")
    nothing: Document = {"format": "tallystick-plan/1"}
    yield bad_case(
        "plan-without-prices", part.saying(plans=plans | {content_hash(nothing): nothing}).lines(), 1, "plan"
    )
    for name, changes, reason in (
        ("burned-more-than-its-meter-says", {"credits_micro": 2_000_001}, "meter"),
        ("burned-nothing", {"credits_micro": 0}, "meter"),
        ("metric-is-not-in-its-plan", {"metric": "tea"}, "tea"),
    ):
        ledger = Ledger()
        ledger.plan("reliability", "PRO")
        for number in range(5):
            ledger.use(price, "LLM_token_usage", "2", **(changes if number == 3 else {}))
        yield bad_case(f"usage-{name}", cut_range(ledger, 1, 5).lines(), 1, reason, 4, ledger.jwks())
    for name, changes in (("without-its-day", {"day": None}), ("on-another-day", {"day": "2026-03-09"})):
        ledger = Ledger()
        daily = ledger.plan("memory-cloud", "pro")
        for number in range(4):
            ledger.use(daily, "api_call", "7", **(changes if number == 2 else {}))
        yield bad_case(f"usage-{name}", cut_range(ledger, 1, 4).lines(), 1, "day", 3, ledger.jwks())


def _invoice(make: Callable[..., Bill], change: Callable[[Document], None]) -> tuple[bytes, int, Jwks]:
    bill = make(change=change)
    seq = bill.invoices[1] if len(bill.invoices) > 1 else bill.invoices[0]
    return cut_invoice(bill.ledger, seq).lines(), seq, bill.ledger.jwks()


def _line(kind: str, /, **changes: Any) -> Callable[[Document], None]:
    """Change the first line of a kind, and add the invoice up again."""

    def change(fields: Document) -> None:
        line = next(line for line in fields["lines"] if line["kind"] == kind)
        for name, value in changes.items():
            if isinstance(value, dict):
                line[name] = line[name] | value
            elif value is None:
                del line[name]
            else:
                line[name] = value
        add_up(fields)

    return change


def add_up(fields: Document) -> None:
    cents = sum(round(float(line["amount"]) * 100) for line in fields["lines"])
    subtotal = "-"[: cents < 0] + f"{abs(cents) // 100}.{abs(cents) % 100:02d}"
    fields["tax"] = []
    fields["totals"] = {"subtotal": subtotal, "tax": "0.00", "total": subtotal}
    fields["amount"] = subtotal


def line_cases() -> Iterator[Case]:
    steps = [{"from": "0", "to": "1", "quantity": "1", "unit_price": "1", "flat_fee": "0", "amount": "1"}]
    cheaper = {"model": "per_unit", "unit_price": "0.001"}
    for name, change, exit_code, reason in (
        ("base-dearer", _line("base", amount="9000.01"), 1, "9000.01"),
        ("base-of-two", _line("base", quantity="2"), 1, "quantity"),
        ("base-by-the-week", _line("base", unit="week"), 2, "week"),
        ("base-priced-otherwise", _line("base", pricing={"amount": "1.00"}), 1, "pric"),
        ("base-without-plan", _line("base", price=None), 1, "price"),
        ("base-of-an-unknown-plan", _line("base", price=HASH), 2, "plan"),
        ("assets-dearer", _line("asset_uplift", amount="614.00"), 1, "614.00"),
        ("assets-of-more", _line("asset_uplift", quantity="205"), 1, "quantity"),
        ("assets-counted-otherwise", _line("asset_uplift", sources={"counted": "1300"}), 1, "asset"),
        ("assets-not-counted", _line("asset_uplift", sources={"counted": "many"}), 1, "counted"),
        ("assets-in-other-steps", _line("asset_uplift", steps=steps), 1, "steps"),
        ("overage-dearer", _line("overage", amount="5801.08"), 1, "5801.08"),
        ("overage-of-more", _line("overage", quantity="2900537"), 1, "quantity"),
        ("overage-priced-otherwise", _line("overage", pricing=cheaper), 1, "pric"),
        ("overage-of-more-use", _line("overage", sources={"used_credits": "4000000"}), 1, "used"),
        ("overage-of-another-pool", _line("overage", sources={"pool": "tea"}), 1, "pool"),
        ("overage-without-usage", _line("overage", usage=None), 1, "usage"),
        ("overage-counts-more", _line("overage", usage={"count": 16}), 1, "16"),
        ("overage-counts-fewer", _line("overage", usage={"last_seq": 17, "count": 14}), 1, "root"),
        ("overage-of-another-root", _line("overage", usage={"root": HASH}), 1, "root"),
        ("overage-of-usage-yet-to-come", _line("overage", usage={"last_seq": 25}), 1, "usage"),
        ("line-of-an-unknown-kind", _line("base", kind="gift"), 2, "kind"),
    ):  # fmt: skip
        data, seq, keys = _invoice(reliability, change)
        yield bad_case(f"line-{name}", data, exit_code, reason, seq, keys)
    data, seq, keys = _invoice(verified_exchange, _line("overage", amount="370.00"))
    yield bad_case("line-graduated-dearer", data, 1, "370.00", seq, keys)
    data, seq, keys = _invoice(memory_cloud, _line("overage", quantity="155000"))
    yield bad_case("line-daily-of-more", data, 1, "quantity", seq, keys)


def promotion_cases() -> Iterator[Case]:
    """The April invoice has 499.00, half a per cent of it off, then the rest."""

    def moved(fields: Document) -> None:
        fields["lines"] = [fields["lines"][1], fields["lines"][0], fields["lines"][2]]

    def alone(fields: Document) -> None:
        fields["lines"] = fields["lines"][1:]

    def of_march(fields: Document) -> None:
        fields["lines"][1]["period"] = {"start": "2026-03-01T05:00:00.000000Z", "end": "2026-04-01T04:00:00.000000Z"}

    for name, change, exit_code, reason in (
        ("less", _line("discount", amount="-2.49"), 1, "-2.49"),
        ("that-adds", _line("discount", amount="2.50"), 1, "2.50"),
        ("of-two", _line("discount", quantity="2"), 1, "quantity"),
        ("of-another-fee", _line("discount", sources={"of": "496.50"}), 1, "left"),
        ("of-nothing-said", _line("discount", sources=None), 1, "left"),
        ("of-no-number", _line("discount", sources={"of": "all"}), 1, "plain"),
        ("priced-otherwise", _line("discount", pricing={"percent": "20"}), 1, "-2.50"),
        ("of-no-per-cent", _line("discount", pricing={"percent": "0"}), 1, "per cent"),
        ("of-more-than-all", _line("discount", pricing={"percent": "100.01"}), 1, "per cent"),
        ("too-fine", _line("discount", pricing={"percent": "0.5000000000001"}), 1, "decimals"),
        ("with-zeros-after", _line("discount", pricing={"percent": "0.50"}), 1, "pric"),
        ("with-more-in-its-price", _line("discount", pricing={"once": True}), 1, "pric"),
        (
            "of-a-negative-amount",
            _line("discount", pricing={"model": "amount_off", "amount": "-5.00"}),
            1,
            "above zero",
        ),
        ("of-an-unknown-kind", _line("discount", pricing={"model": "one_free"}), 2, "promotion"),
        ("by-another-plan", _line("discount", price=HASH), 2, "plan"),
        ("without-its-base-fee", alone, 1, "base fee"),
        ("before-its-base-fee", moved, 1, "base fee"),
        ("of-another-month", of_march, 1, "base fee"),
    ):
        data, seq, keys = _invoice(promoted, change)
        yield bad_case(f"promotion-{name}", data, exit_code, reason, seq, keys)


def adjustment_cases() -> Iterator[Case]:
    for name, amounts in (("at-once", ("-9000.01",)), ("in-all", ("-8850.00", "-25.00", "-125.01"))):
        log = adjusted(*amounts).ledger
        yield bad_case(
            f"adjustment-of-more-{name}", cut_range(log, 1, log.size).lines(), 1, "leaves", log.size, log.jwks()
        )

    def nothing(fields: Document) -> None:
        fields["lines"][0] |= {"amount": "0.00", "pricing": {"model": "flat", "amount": "0.00"}}
        add_up(fields)

    def turned_up(fields: Document) -> None:
        fields["lines"][0] |= {"amount": "25.00", "pricing": {"model": "flat", "amount": "25.00"}}
        add_up(fields)

    for name, change, reason in (
        ("of-nothing", nothing, "nothing"),
        ("that-adds", turned_up, "nothing"),
        ("of-two", lambda fields: fields["lines"][0].update(quantity="-2"), "quantity"),
        ("without-its-price", lambda fields: fields["lines"][0].pop("pricing"), "pric"),
        ("priced-otherwise", lambda fields: fields["lines"][0]["pricing"].update(amount="-24.00"), "pric"),
    ):
        log = adjusted("-25.00", change=change).ledger
        yield bad_case(f"adjustment-{name}", cut_range(log, 1, 2).lines(), 1, reason, 2, log.jwks())


def amount_cases() -> Iterator[Case]:
    def twice(fields: Document) -> None:
        fields["lines"].append(fields["lines"][0])
        add_up(fields)

    def usage(**changes: Any) -> Callable[[Document], None]:
        return lambda fields: fields.update(usage=fields["usage"] | changes)

    def totals(**changes: Any) -> Callable[[Document], None]:
        return lambda fields: fields.update(totals=fields["totals"] | changes)

    for name, change, reason in (
        ("total-more", totals(total="17418.47"), "17418.47"),
        ("subtotal-more", totals(subtotal="15414.58"), "15414.58"),
        ("tax-more", totals(tax="2003.90"), "2003.90"),
        ("amount-more", lambda fields: fields.update(amount="17418.47"), "17418.47"),
        ("in-another-currency", lambda fields: fields.update(currency="USD"), "USD"),
        ("finer-than-a-cent", lambda fields: fields.update(amount="17418.460"), "decimal"),
        ("line-twice", twice, "twice"),
        ("usage-counts-more", usage(count=16), "16"),
        ("usage-of-another-root", usage(root=HASH), "root"),
        ("usage-of-another-stretch", usage(first_seq=2), "first"),
        ("usage-yet-to-come", usage(last_seq=99), "usage"),
        ("of-another-subscription", lambda fields: fields.update(subscription="sub_2"), "usage"),
    ):
        data, seq, keys = _invoice(reliability, change)
        yield bad_case(f"invoice-{name}", data, 1, reason, seq, keys)
    log, bill = the_log(), books()[0]
    seq = bill.invoices[1]
    cut = cut_invoice(log, seq)
    yield bad_case("invoice-is-no-invoice", cut.saying(invoice_seq=seq - 1).lines(), 1, "invoice")
    use = cut.saying(invoice_seq=seq - 5)
    yield bad_case("invoice-is-a-use", use.lines(), 1, "invoice")
    yield bad_case("invoice-is-not-there", cut.saying(invoice_seq=seq + 5).lines(), 1, "invoice")
    alone = cut_invoice(log, seq, first_seq=4)
    yield bad_case("invoice-without-all-its-usage", alone.lines(), 2, "usage", seq)
    late = cut_invoice(log, bill.invoices[2], first_seq=seq)
    yield bad_case("invoice-without-its-late-usage", late.lines(), 2, "usage", bill.invoices[2])


def billing_cases() -> Iterator[Case]:
    """What only shows over several bills."""
    ledger = Ledger()
    price = ledger.plan("reliability", "PRO")
    for number in range(4):
        ledger.use(price, "optimizer_job", f"{2_000 + number}")
    ledger.clock = APRIL[0]
    ledger.bill([ledger.overage_line(price, "credits")])
    seq = ledger.bill([ledger.overage_line(price, "credits")])
    yield bad_case("overage-billed-twice", cut_range(ledger, 1, seq).lines(), 1, "billed", seq, ledger.jwks())
    for name, billed, reason in (("from-nothing", 0, "billed"), ("from-less", 1_000_000, "billed")):
        bill = reliability().ledger
        bill.use(price, "optimizer_job", "3", at=MARCH[0] + timedelta(days=2))
        bill.billed["sub_1", "credits", MARCH[0]] = billed
        seq = bill.bill(
            [bill.late_line(price, "credits")], period=(APRIL[1], APRIL[1] + timedelta(days=30)), usage=False
        )
        yield bad_case(f"late-usage-{name}", cut_range(bill, 1, seq).lines(), 1, reason, seq, bill.jwks())
    shut = Ledger()
    shut.plan("reliability", "PRO")
    for number in range(4):
        shut.use(price, "optimizer_job", f"{200 + number}", overage_micro=200_000_000 + number)
    shut.clock = APRIL[0]
    seq = shut.bill([shut.overage_line(price, "credits")])
    yield bad_case("allowance-left-out", cut_invoice(shut, seq).lines(), 1, "allowance", seq, shut.jwks())
    daily = Ledger(tenant="tnt_2", step=timedelta(hours=5))
    plan = daily.plan("memory-cloud", "pro")
    for number in range(6):
        daily.use(plan, "api_call", "6000", overage_micro=6_000_000_000 if number == 4 else None)
    daily.clock = APRIL[0]
    seq = daily.bill([daily.overage_line(plan, "api_calls")], currency="USD")
    yield bad_case("allowance-of-a-day-left-out", cut_invoice(daily, seq).lines(), 1, "allowance", seq, daily.jwks())
    wrong = reliability().ledger
    wrong.bill([wrong.base_line(price)], invoice=3)
    cut = cut_range(wrong, 1, wrong.size)
    yield bad_case("credit-note-of-no-invoice", cut.lines(), 1, "invoice", wrong.size, wrong.jwks())
