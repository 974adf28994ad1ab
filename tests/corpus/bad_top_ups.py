"""Bad bundles about credits that were bought: the second purchase says what its packs do not."""

from collections.abc import Iterator
from typing import Any

from tests.corpus.bad_files import bad_case
from tests.corpus.good_bundles import Case, cut_invoice, cut_range, topped_up
from tests.corpus.ledgers import APRIL, Ledger

Document = dict[str, Any]


def top_up_cases() -> Iterator[Case]:
    for name, changes, reason in (
        ("dearer", {"amount": "1350.01"}, "1350.01"),
        ("of-more-packs", {"quantity": "4"}, "750000"),
        ("of-half-a-pack", {"quantity": "2.5"}, "whole"),
        ("of-no-pack", {"quantity": "0"}, "whole"),
        ("priced-otherwise", {"pricing": {"model": "per_unit", "unit_price": "400"}}, "pric"),
        ("without-sources", {"sources": {}}, "pack"),
        ("of-an-unknown-pack", {"sources": {"pack": "tea"}}, "pack"),
        ("of-a-pack-of-another-plan", {"sources": {"pack": "credits-5m"}}, "pack"),
        ("into-another-pool", {"sources": {"pool": "tea"}}, "pack"),
        ("of-fewer-credits", {"sources": {"credits": "500000"}}, "500000"),
        ("of-no-number-of-credits", {"sources": {"credits": "many"}}, "many"),
        ("of-no-purchase", {"sources": {"purchase": ""}}, "purchase"),
        ("billed-twice", {"sources": {"purchase": "buy_1"}}, "billed"),
    ):
        bill = topped_up(change=_changed(changes))
        seq, keys = bill.invoices[1], bill.ledger.jwks()
        yield bad_case(f"top-up-{name}", cut_invoice(bill.ledger, seq).lines(), 1, reason, seq, keys)
    yield _beside_its_allowance()
    yield _plan_case("with-more-in-its-pack", colour="green")
    yield _plan_case("with-a-pack-of-nothing", credits="0")
    yield _plan_case("with-a-pack-of-no-pool", pool="tea")


def _changed(changes: Document) -> Any:
    def change(fields: Document) -> None:
        line = fields["lines"][0]
        for name, value in changes.items():
            line[name] = line[name] | value if isinstance(value, dict) and value and name == "sources" else value

    return change


def _beside_its_allowance() -> Case:
    """Credits were bought and all that was used is billed as overage besides: not even the allowance is left."""
    ledger = Ledger(tenant="tnt_6")
    price = ledger.plan("reliability", "PRO")
    ledger.bill([ledger.top_up_line(price, "credits-250k", "buy_1")])
    ledger.use(price, "optimizer_job", "3000", overage_micro=500_001_000_000)
    ledger.clock = APRIL[0]
    seq = ledger.bill([ledger.overage_line(price, "credits")])
    data, keys = cut_range(ledger, 1, seq).lines(), ledger.jwks()
    return bad_case("top-up-beside-an-allowance-left-out", data, 1, "allowance", seq, keys)


def _plan_case(name: str, **changes: Any) -> Case:
    pack = {
        "code": "p", "name": "P", "pool": "credits", "credits": "5", "price": "1", "tax_category": "prepaid_credits",
    }  # fmt: skip
    ledger = Ledger(tenant="tnt_6")
    line = ledger.base_line(ledger.plan("reliability", "PRO"))
    ledger.bill([line | {"price": ledger.plan("reliability", "PRO", top_ups=[pack | changes])}])
    return bad_case(f"plan-{name}", cut_range(ledger, 1, 1).lines(), 1, "plan", keys=ledger.jwks())
