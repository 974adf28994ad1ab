"""The product's engine and a second one, written apart from it, come to the same bills for random histories."""

import ast
import os
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from models import (
    GainShareRun,
    GainShareStatus,
    Interval,
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    InvoiceTax,
    LineKind,
)
from services.assets.snapshots import record_snapshot
from services.closing.close import close_if_due
from services.errors import Refusal, SubscriptionConflict
from services.gain_share.billing import is_taken_back
from services.identity import create_tenant
from services.invoices.finding import list_invoices
from services.metering import UsageInput, record_usage
from services.price_books.books import load_book
from services.price_books.entries import BookEntry
from services.rules.quantities import to_micro
from services.subscriptions.arrears_moves import can_be_cut, move_to_free_plan, plan_after_dunning, restore_plan
from services.subscriptions.change_preview import When, preview_change
from services.subscriptions.finding import read_subscription
from services.subscriptions.lifecycle import cancel_subscription
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.starting import create_subscription
from tests.oracle.cases import Case, random_case
from tests.oracle.gain_share_cases import with_gain_share, with_voids
from tests.oracle.product_gain_share import Outcome, ProductGainShare
from tests.oracle.simple_billing import Account, Bill
from tests.oracle.simple_gain_share import GainShare, Refused, Run
from tests.parties_given import billed_in, seller

OFTEN, QUICK, AT_ONCE = 30, 60, 250
MANY = int(os.environ.get("ORACLE_CASES", "2000"))
"""Histories of the slow run. `make oracle` tries ten thousand; other numbers of a seed are other histories."""

SEEDS = [pytest.param(seed, marks=[pytest.mark.slow] * (seed >= OFTEN)) for seed in range(QUICK)]
"""Histories that are a test each: half of them in every run."""


TAXES = {"": (), "ON": ("13",), "QC": ("5", "9.975"), "AB": ("5",)}
"""Per cent of what a seller in Ontario, registered for GST/HST and QST, charges since 2013."""


def billed_by_the_product(session: Session, case: Case, seed: int) -> tuple[list[Bill], list[Outcome]]:
    """The bills of a history, and what came of each use, change and step of a gain-share."""
    load_book(session, book=BookEntry.model_validate(case.book), at=case.start)
    tenant = create_tenant(session, name=f"Case {seed}", currency=case.currency, timezone=case.timezone, at=case.start)
    if case.province:
        seller(session, at=case.start)
        billed_in(session, tenant.id, case.province, at=case.start)
    subscription = create_subscription(
        session,
        tenant_id=tenant.id,
        plan_code=f"oracle/{case.plan}",
        started_at=case.start,
        trial_ends_at=case.trial_end,
        interval=Interval(case.interval),
        at=case.start,
    )

    def close_due(at: datetime) -> None:
        while close_if_due(session, tenant_id=tenant.id, subscription_id=subscription.id, at=at) is not None:
            pass

    gain_share = ProductGainShare(session, tenant.id, currency=case.currency, start=case.start.date())
    taken: list[Outcome] = []
    for at, what, facts in case.steps:
        close_due(at)
        if what == "use":
            sent = UsageInput(
                None, facts["event_type"], to_micro(Decimal(facts["units"])), occurred_at=facts["occurred"]
            )
            (answer,) = record_usage(session, tenant_id=tenant.id, events=[sent], at=at)
            taken.append(not isinstance(answer, Refusal))
        elif what in CHANGES:
            taken.append(_is_done(session, CHANGES[what], tenant.id, subscription.id, facts, at))
        elif what in gain_share.acts:
            taken.append(_outcome(gain_share.acts[what], facts, at))
        else:
            record_snapshot(session, tenant_id=tenant.id, asset_count=facts["count"], at=at)
    close_due(case.ends)
    return _bills(session, tenant.id), taken


def _change(session: Session, tenant_id: str, subscription_id: str, facts: dict[str, Any], at: datetime) -> None:
    asked = {"plan_code": f"oracle/{facts['plan']}", "interval": Interval(facts["interval"])}
    shown = preview_change(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at, **asked)
    done = change_plan(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at, **asked)
    assert (done.when, done.effective_at, done.total) == (shown.when, shown.effective_at, shown.total)


def _cancel(session: Session, tenant_id: str, subscription_id: str, facts: dict[str, Any], at: datetime) -> None:
    cancel_subscription(
        session, tenant_id=tenant_id, subscription_id=subscription_id, when=When.PERIOD_END, by="", at=at
    )


def _move(session: Session, tenant_id: str, subscription_id: str, facts: dict[str, Any], at: datetime) -> None:
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    then = plan_after_dunning(session, subscription=subscription, at=at)
    unpaid = list_invoices(session, tenant_id=tenant_id, limit=1)
    if then is None or not unpaid or not can_be_cut(session, subscription=subscription, at=at):
        raise SubscriptionConflict("It is not moved.")
    move_to_free_plan(session, subscription=subscription, then=then, invoice=unpaid[0], at=at)


def _go_back(session: Session, tenant_id: str, subscription_id: str, facts: dict[str, Any], at: datetime) -> None:
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    if subscription.former_version_id is None or not can_be_cut(session, subscription=subscription, at=at):
        raise SubscriptionConflict("It does not go back.")
    restore_plan(session, subscription=subscription, at=at)


CHANGES = {"change": _change, "cancel": _cancel, "move": _move, "go_back": _go_back}


def _is_done(session: Session, act: Callable[..., None], *given: Any) -> bool:
    try:
        act(session, *given)
    except Refusal:
        return False
    return True


def _outcome(act: Callable[..., Outcome], facts: dict[str, Any], at: datetime) -> Outcome:
    try:
        return act(facts, at)
    except Refusal:
        return False


def _bills(session: Session, tenant_id: str) -> list[Bill]:
    invoices = session.exec(select(Invoice).where(Invoice.tenant_id == tenant_id).order_by(col(Invoice.number)))
    bills = []
    for invoice in invoices.all():
        lines = session.exec(
            select(InvoiceLine).where(InvoiceLine.tenant_id == tenant_id, InvoiceLine.invoice_id == invoice.id)
        ).all()
        taxes = session.exec(
            select(InvoiceTax).where(InvoiceTax.tenant_id == tenant_id, InvoiceTax.invoice_id == invoice.id)
        ).all()
        billed = [(line.kind.value, line.amount_minor) for line in lines]
        billed += [("tax", tax.amount_minor) for tax in taxes]
        assert invoice.total_minor == sum(amount for _, amount in billed)
        bills.append(Bill(invoice.period_start, invoice.period_end, billed))
    return bills


def billed_by_the_oracle(case: Case) -> tuple[list[Bill], list[Outcome]]:
    account = Account(
        case.book,
        plan=case.plan,
        timezone=case.timezone,
        digits=case.digits,
        interval=case.interval,
        start=case.start,
        trial_end=case.trial_end,
        taxes=TAXES[case.province],
    )
    gain_share = GainShare(case.digits)
    taken: list[Outcome] = []
    for at, what, facts in case.steps:
        account.close_due(at)
        if what == "use":
            taken.append(account.use(facts["event_type"], facts["units"], facts["occurred"]))
        elif what == "change":
            taken.append(account.change(facts["plan"], facts["interval"], at))
        elif what == "cancel":
            taken.append(account.cancel(at))
        elif what == "move":
            taken.append(account.move(at))
        elif what == "go_back":
            taken.append(account.go_back(at))
        elif what != "assets":
            taken.append(_step(gain_share, account, what, facts, at))
        else:
            account.count_assets(at, facts["count"])
    account.close_due(case.ends)
    return account.bills, taken


def _step(gain_share: GainShare, account: Account, what: str, facts: dict[str, Any], at: datetime) -> Outcome:
    """What a step comes to by the second engine."""
    today = at.astimezone(account.zone).date()
    terms = {name: facts[name] for name in ("method", "share") if name in facts}
    try:
        if what == "agree":
            gain_share.agree(account.plan, facts)
        elif what == "measure":
            gain_share.measure(account.plan, facts, today)
        elif what == "submit":
            days = {"start": facts["start"], "end": facts["end"]}
            return _told(gain_share.submit(facts["run"], account.plan, **days, **terms, today=today))
        elif what == "revise":
            return _told(gain_share.revise(facts["run"], facts["of"], account.plan, **terms, today=today))
        elif what == "approve":
            waiting = gain_share.runs.get(facts["run"])
            if waiting is not None and waiting.state == "pending" and not account.owe(waiting.fee):
                return False
            if gain_share.decide(facts["run"], "approved").fee:
                gain_share.runs[facts["run"]].bill = len(account.bills)
        elif what == "void":
            taken_back = account.void()
            if taken_back:
                gain_share.take_back(len(account.bills) - 1)
            return (taken_back, 0, []) if taken_back else False
        else:
            gain_share.decide(facts["run"], {"reject": "rejected", "dispute": "disputed"}[what])
    except Refused:
        return False
    return True


def _told(run: Run) -> Outcome:
    own = ("own_scrap", "own_yield")
    return run.savings, run.fee, sorted(f"kpi.{part}" if part in own else part for part in run.parts)


def agree(engine: Engine, case: Case, seed: int) -> int:
    """Hold both engines to each other, and the product's runs to the law; how many runs were taken back."""
    expected, expected_taken = billed_by_the_oracle(case)
    with Session(engine.execution_options(sqlite_begin="IMMEDIATE")) as session:  # nothing of it is kept
        bills, taken = billed_by_the_product(session, case, seed)
        undone = check_charged_once(session)
    assert taken == expected_taken, f"case {seed}"
    assert [told(bill) for bill in bills] == [told(bill) for bill in expected], f"case {seed}"
    return undone


def check_charged_once(session: Session) -> int:
    """An approved run with a fee waits for an invoice, is charged by exactly one that stands, or is shown to be taken
    back; no day is charged by two that stand. How many were taken back."""
    undone = 0
    charged: list[tuple[date, date]] = []
    for run in session.exec(select(GainShareRun)):
        lines = _lines_of(session, run)
        standing = [amount for amount, status in lines if status != InvoiceStatus.VOID]
        assert is_taken_back(session, run=run) == (bool(lines) and not standing)
        assert len(lines) <= (1 if run.decided_by and run.fee_minor else 0)
        assert standing in ([], [run.fee_minor])
        if run.status == GainShareStatus.REPLACED or not standing:
            assert not (run.status == GainShareStatus.REPLACED and standing)
            undone += len(lines)
            continue
        assert all(end <= run.period_start or run.period_end <= start for start, end in charged)
        charged.append((run.period_start, run.period_end))
    return undone


def _lines_of(session: Session, run: GainShareRun) -> list[tuple[int, InvoiceStatus]]:
    """What invoices charge for a run, and how each stands."""
    joined = select(InvoiceLine, Invoice.status).join(
        Invoice, (col(Invoice.tenant_id) == InvoiceLine.tenant_id) & (col(Invoice.id) == InvoiceLine.invoice_id)
    )
    found = session.exec(joined.where(InvoiceLine.kind == LineKind.GAIN_SHARE))
    return [(line.amount_minor, status) for line, status in found if line.sources["run"] == run.id]


def told(bill: Bill) -> tuple[datetime, datetime, list[tuple[str, int]]]:
    """A bill to be compared: its lines in any order, without the taxes and the shares of a fee that come to nothing."""
    nothing = [("proration", 0), ("tax", 0)]
    return bill.start, bill.end, sorted(line for line in bill.lines if line not in nothing)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_history_is_billed_alike(sqlite_engine: Engine, seed: int) -> None:
    agree(sqlite_engine, random_case(seed), seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_with_gain_share_is_billed_alike(sqlite_engine: Engine, seed: int) -> None:
    agree(sqlite_engine, with_gain_share(random_case(seed), seed), seed)


@pytest.mark.slow
def test_what_is_made_void_is_charged_again_only_by_a_revised_run(sqlite_engine: Engine) -> None:
    assert sum(agree(sqlite_engine, with_voids(random_case(seed), seed), seed) for seed in range(QUICK)) >= 5


def test_credits_of_two_bills_that_wait_for_the_same_one_both_reach_it(sqlite_engine: Engine) -> None:
    agree(sqlite_engine, random_case(9_907, with_arrears=False), 9_907)


def test_what_is_moved_for_an_unpaid_invoice_is_among_the_histories() -> None:
    steps = [what for seed in range(QUICK) for _, what, _ in random_case(seed).steps]
    assert min(steps.count(what) for what in ("move", "go_back")) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("first", range(QUICK, QUICK + MANY, AT_ONCE))
def test_thousands_of_random_histories_are_billed_alike(sqlite_engine: Engine, first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        agree(sqlite_engine, random_case(seed), seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(QUICK, QUICK + MANY, AT_ONCE))
def test_thousands_with_gain_share_are_billed_alike(sqlite_engine: Engine, first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        agree(sqlite_engine, with_gain_share(random_case(seed), seed), seed)


def test_the_oracle_shares_no_code_with_the_product() -> None:
    for name in ("simple_billing.py", "simple_gain_share.py", "cases.py", "gain_share_cases.py"):
        tree = ast.parse((Path(__file__).parent / name).read_text("utf-8"))
        imported = {
            alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
        } | {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
        assert imported <= {
            "dataclasses",
            "datetime",
            "fractions",
            "math",
            "zoneinfo",
            "random",
            "typing",
            "tests",
            "itertools",
        }
