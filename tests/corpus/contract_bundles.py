"""Bundles of a customer with several subscriptions, one of them on terms that were agreed with it alone."""

from collections.abc import Iterator
from typing import Any

from tests.corpus.good_bundles import Bill, Case, cut_invoice, cut_range
from tests.corpus.ledgers import APRIL, Ledger

SCRAP = {"code": "scrap_kg", "name": "Scrap", "unit": "kg", "better": "lower"}
TERMS: dict[str, Any] = {
    "base_price": "12345.67",
    "annual_discount_pct": "33.3",
    "allowances": {"credits": "1000"},
    "overage": {
        "credits": {
            "model": "volume",
            "tiers": [
                {"up_to": "5000", "unit_price": "0.019"},
                {"up_to": None, "unit_price": "0.0123", "flat_fee": "7.5"},
            ],
            "minimum": "10",
        }
    },
    "assets": {
        "basis": "average",
        "charge": {"model": "package", "package_size": "100", "package_price": "149.99", "included": "50"},
    },
    "gain_share": {"min_pct": "5", "max_pct": "12", "kpis": [SCRAP]},
    "trial_days": 14,
}


def negotiated(only_for: str = "tnt_9") -> Bill:
    """A main subscription on PRO, and a site's on negotiated terms; their use is mixed in one log."""
    bill = Bill(Ledger(tenant="tnt_9"))
    ledger = bill.ledger
    listed = ledger.plan("reliability", "PRO")
    own = ledger.plan("reliability", "ENTERPRISE", **TERMS, only_for=only_for)
    for number in range(9):
        ledger.use(listed, "optimizer_job", f"{300 + number}.25")
        ledger.use(own, "optimizer_job", f"{number + 1}.5", subscription="sub_2", site="plant-2")
    ledger.clock = APRIL[0]
    lines = [ledger.base_line(listed), ledger.overage_line(listed, "credits")]
    bill.invoices.append(ledger.bill(lines, tax="0.13"))
    lines = [
        ledger.base_line(own, unit="year"),
        ledger.asset_line(own, "250.5"),
        ledger.overage_line(own, "credits", subscription="sub_2"),
    ]
    bill.invoices.append(ledger.bill(lines, subscription="sub_2"))
    return bill


def contract_cases() -> Iterator[Case]:
    """What holds, and what does not: the terms of somebody else, and use of another subscription."""
    bill = negotiated()
    log = bill.ledger
    yield Case("several-subscriptions-whole", cut_range(log, 1, log.size).lines(), log.jwks())
    yield Case("main-beside-a-contract", cut_invoice(log, bill.invoices[0]).document(), log.jwks())
    yield Case("contract-invoice", cut_invoice(log, bill.invoices[1]).lines(), log.jwks())
    other = negotiated(only_for="tnt_8")
    cut = cut_invoice(other.ledger, other.invoices[1])
    yield Case("contract-of-another-customer", cut.lines(), other.ledger.jwks(), exit=1, reason="another customer")
    mixed = negotiated().ledger
    own = next(name for name, plan in mixed.plans.items() if "only_for" in plan)
    seq = mixed.bill([mixed.overage_line(own, "credits", subscription="sub_2")], subscription="sub_1")
    yield Case(
        "use-of-another-subscription", cut_range(mixed, 1, seq).lines(), mixed.jwks(), exit=1, seq=seq, reason="usage"
    )
