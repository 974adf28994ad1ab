"""Bundles about shares of savings: runs that were submitted, approved and billed, and bills that say otherwise."""

from collections.abc import Callable, Iterator
from typing import Any

from services.rules.receipts import commitment, written
from tests.corpus.bad_files import HASH, bad_case
from tests.corpus.good_bundles import Bill, Case, cut_invoice, cut_range, turned
from tests.corpus.ledgers import APRIL, MARCH, Ledger, period_document

Document = dict[str, Any]
FEE, SAVINGS = "480000.00", "3200000.00"
CALCULATION = "sha256:" + "c5" * 32


def shared(
    change: Callable[[Document], None] | None = None,
    *,
    said: Document | None = None,
    besides: tuple[str, ...] = (),
    is_submitted: bool = True,
    plan: str = "ENTERPRISE",
) -> Bill:
    """A run of March, commented on, approved and billed with April's base fee; then taken back. `change` edits the
    invoice, `said` the approval; `besides` are steps between the approval and the invoice."""
    bill = Bill(Ledger(tenant="tnt_8"))
    ledger = bill.ledger
    price = ledger.plan("reliability", plan)
    bill.invoices.append(ledger.bill([ledger.base_line(price, period=MARCH)]))
    submission = step(ledger, "submitted" if is_submitted else "comment")
    step(ledger, "comment", amount=None, currency=None, calculation=None, period=None)
    ledger.use(price, "LLM_token_usage", "3")
    approval = step(ledger, "approved", **(said or {}))
    for policy in besides:
        step(ledger, policy)
    ledger.clock = APRIL[0]
    line = share_line(ledger, price, submission, approval)
    bill.invoices.append(ledger.bill([ledger.base_line(price), line], change=change))
    bill.credit_note = ledger.bill(
        [line | {"quantity": "-1", "amount": turned(line["amount"])}], invoice=bill.invoices[1]
    )
    return bill


def anew(*, taken_back: str | None) -> tuple[Ledger, int]:
    """A run that was billed, of whose invoice `taken_back` was credited by an adjustment, and a revised run of the same
    days that is billed too; the ledger, and the number of its invoice."""
    ledger = Ledger(tenant="tnt_8")
    price = ledger.plan("reliability", "ENTERPRISE")
    submission, approval = step(ledger, "submitted"), step(ledger, "approved")
    first = ledger.bill([share_line(ledger, price, submission, approval)])
    if taken_back is not None:
        ledger.bill([adjustment_line(price, taken_back)], invoice=first)
    step(ledger, "replaced")
    submission, approval = step(ledger, "submitted", run="run_2"), step(ledger, "approved", run="run_2")
    line = share_line(ledger, price, submission, approval)
    line["sources"]["run"] = "run_2"
    return ledger, ledger.bill([line])


def adjustment_line(price: str, amount: str) -> Document:
    return {
        "kind": "adjustment", "unit": "adjustment", "quantity": "-1", "amount": f"-{amount}", "price": price,
        "description": "Taken back", "pricing": {"model": "flat", "amount": f"-{amount}"},
    }  # fmt: skip


def step(ledger: Ledger, policy: str, /, *, run: str = "run_1", **said: Any) -> int:
    """A step of a run; its number in the log."""
    fields = {
        "idem": f"run:{run}:{ledger.size}", "req": run, "cid": commitment(bytes(16), policy.encode()),
        "metric": "gainshare_fee", "policy": policy, "period": period_document(MARCH), "amount": FEE,
        "currency": "CAD", "calculation": CALCULATION,
    }  # fmt: skip
    return ledger.add("approval", **(fields | said))


def share_line(ledger: Ledger, price: str, submission: int, approval: int) -> Document:
    return {
        "kind": "gain_share", "unit": "run", "quantity": "1", "amount": FEE, "price": price,
        "description": "Share of savings", "period": period_document(MARCH),
        "pricing": {"model": "share", "percent": "15", "of": SAVINGS},
        "sources": {
            "run": "run_1", "savings": SAVINGS, "share_pct": "15", "calculation": CALCULATION,
            "submission": named(ledger, submission), "approval": named(ledger, approval),
        },
    }  # fmt: skip


def named(ledger: Ledger, seq: int) -> Document:
    return {"seq": seq, "hash": written(ledger.hashes[seq - 1])}


def gain_share_cases() -> Iterator[Case]:
    bill = shared()
    ledger, (_, seq) = bill.ledger, bill.invoices
    yield Case("gain-share-whole", cut_range(ledger, 1, ledger.size).lines(), ledger.jwks())
    yield Case("gain-share-invoice", cut_invoice(ledger, seq, first_seq=4).document(), ledger.jwks())
    yield Case("gain-share-bill-alone", cut_range(ledger, seq, seq).lines(), ledger.jwks())
    yield Case("gain-share-taken-back", cut_range(ledger, seq + 1, seq + 1).lines(), ledger.jwks())
    again, _ = anew(taken_back=FEE)
    yield Case("gain-share-revised-once-taken-back", cut_range(again, 1, again.size).lines(), again.jwks())
    yield bad_case("gain-share-without-its-approval", _from_its_usage(), 2, "approval", seq, ledger.jwks())
    yield from _bad_lines()
    yield from _bad_approvals()


def _from_its_usage() -> bytes:
    """A bundle for an invoice that was cut behind the approval."""
    ledger = Ledger(tenant="tnt_8")
    price = ledger.plan("reliability", "ENTERPRISE")
    submission = step(ledger, "submitted")
    approval = step(ledger, "approved")
    for _ in range(3):
        ledger.add("payment", idem="pay_1", req=HASH, amount="1.00", currency="CAD")
    ledger.clock = APRIL[0]
    seq = ledger.bill([ledger.base_line(price), share_line(ledger, price, submission, approval)])
    return cut_invoice(ledger, seq, first_seq=3).lines()


def _bad_lines() -> Iterator[Case]:
    for name, changes, reason in (
        ("dearer", {"amount": "480000.01"}, "480000.01"),
        ("of-two", {"quantity": "2"}, "quantity"),
        ("of-more-savings", {"sources": {"savings": "3300000.00"}}, "pricing"),
        ("of-a-loss", {"sources": {"savings": "-1.00"}}, "savings"),
        ("of-savings-in-words", {"sources": {"savings": "many"}}, "plain"),
        ("of-a-larger-share", {"sources": {"share_pct": "20.01"}}, "20.01"),
        ("of-a-smaller-share", {"sources": {"share_pct": "9.99"}}, "9.99"),
        ("of-a-share-below-zero", {"sources": {"share_pct": "-15"}}, "-15"),
        ("priced-otherwise", {"pricing": {"model": "flat", "amount": FEE}}, "pricing"),
        ("without-sources", {"sources": {}}, "share_pct"),
        ("of-no-run", {"sources": {"run": ""}}, "run"),
        ("of-another-run", {"sources": {"run": "run_2"}}, "another run"),
        ("of-another-calculation", {"sources": {"calculation": HASH}}, "calculation"),
        ("of-another-period", {"period": period_document(APRIL)}, "period"),
        ("approved-by-nobody", {"sources": {"approval": {}}}, "approval"),
        ("approved-in-words", {"sources": {"approval": {"seq": "5", "hash": HASH}}}, "approval"),
        ("approved-by-another-hash", {"sources": {"approval": {"seq": 5, "hash": HASH}}}, "approval"),
        ("approved-by-use", {"sources": {"approval": {"seq": 4, "hash": HASH}}}, "approval"),
        ("approved-after-it", {"sources": {"approval": {"seq": 99, "hash": HASH}}}, "after"),
        ("submitted-after-its-approval", {"sources": {"submission": {"seq": 5, "hash": HASH}}}, "before"),
        ("submitted-by-another-hash", {"sources": {"submission": {"seq": 2, "hash": HASH}}}, "submission"),
        ("submitted-by-nobody", {"sources": {"submission": None}}, "submission"),
    ):  # fmt: skip
        bill = shared(_changed(changes))
        seq, keys = bill.invoices[1], bill.ledger.jwks()
        yield bad_case(f"gain-share-{name}", cut_invoice(bill.ledger, seq).lines(), 1, reason, seq, keys)
    lesser = shared(plan="PRO")
    data, seq = cut_invoice(lesser.ledger, lesser.invoices[1]).lines(), lesser.invoices[1]
    yield bad_case("gain-share-of-a-plan-without", data, 1, "gain-share", seq, lesser.ledger.jwks())


def _bad_approvals() -> Iterator[Case]:
    for name, given, reason in (
        ("of-another-amount", {"said": {"amount": "470000.00"}}, "470000.00"),
        ("of-another-currency", {"said": {"currency": "USD"}}, "USD"),
        ("of-no-amount", {"said": {"amount": None, "currency": None}}, "states"),
        ("of-another-run", {"said": {"run": "run_2"}}, "another run"),
        ("that-rejects", {"said": {"policy": "rejected"}}, "another step"),
        ("that-only-comments", {"said": {"policy": "comment"}}, "another step"),
        ("of-another-calculation", {"said": {"calculation": HASH}}, "calculation"),
        ("of-another-metric", {"said": {"metric": "spend_cap"}}, "approval"),
        ("before-a-dispute", {"besides": ("disputed",)}, "disputed"),
        ("before-a-rejection", {"besides": ("comment", "rejected")}, "rejected"),
        ("of-a-run-that-was-replaced", {"besides": ("replaced",)}, "replaced"),
        ("of-what-was-not-submitted", {"is_submitted": False}, "another step"),
    ):  # fmt: skip
        bill = shared(**given)  # type: ignore[arg-type]
        seq, keys = bill.invoices[1], bill.ledger.jwks()
        yield bad_case(f"gain-share-approval-{name}", cut_invoice(bill.ledger, seq).lines(), 1, reason, seq, keys)
    twice = Ledger(tenant="tnt_8")
    price = twice.plan("reliability", "ENTERPRISE")
    submission, approval = step(twice, "submitted"), step(twice, "approved")
    for period in (MARCH, APRIL):
        twice.bill([twice.base_line(price, period=period), share_line(twice, price, submission, approval)])
    data = cut_range(twice, 1, twice.size).lines()
    yield bad_case("gain-share-billed-twice", data, 1, "billed", twice.size, twice.jwks())
    for how, taken_back in (("untouched", None), ("partly", "479999.99")):
        ledger, seq = anew(taken_back=taken_back)
        data, name = cut_range(ledger, 1, ledger.size).lines(), f"gain-share-of-days-charged-{how}"
        yield bad_case(name, data, 1, "still stands", seq, ledger.jwks())


def _changed(changes: Document) -> Callable[[Document], None]:
    def change(fields: Document) -> None:
        line = fields["lines"][-1]
        for name, value in changes.items():
            line[name] = line[name] | value if name == "sources" and value else value

    return change
