"""Laws of the ledger of credits, over random histories: entries sum to balances, and no lot gains or loses in between.

Use, late use, corrections, purchases paid or credited, gifts, expiry, closes, and plans that end and begin anew.
"""

from collections import defaultdict
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from models import CreditEntry, CreditGrant, CreditPurchase, EntryKind, Invoice
from services.closing.close import close_period
from services.credits.expiry import expire_lots
from services.credits.ledger import iterate_ledger
from services.credits.lot_views import read_pool_lots
from services.credits.promotions import give_credits, take_away
from services.credits.transfers import carry_over
from services.database import transaction
from services.errors import Refusal
from services.invoices.credit_note_issuing import issue_credit_note
from services.invoices.credit_notes import amount_left
from services.invoices.transitions import void_invoice
from services.metering import record_usage
from services.rules.quantities import MICRO
from services.subscriptions.ends import end_subscription
from services.subscriptions.finding import live_subscription
from services.subscriptions.starting import create_subscription
from services.top_ups.buying import buy_top_up
from services.usage.corrections import CorrectionInput, correct_usage
from tests.given import NOON, assert_books_agree, customer, event

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("use"), st.integers(1, 900_000), st.integers(0, 2)),
        st.tuples(st.just("correct"), st.integers(0, 400_000)),
        st.tuples(st.just("buy"), st.integers(1, 2)),
        st.tuples(st.just("credit"), st.integers(1, 60_000)),
        st.tuples(st.just("void")),
        st.tuples(st.just("give"), st.integers(1, 200_000), st.integers(1, 40), st.integers(1, 4)),
        st.tuples(st.just("take")),
        st.tuples(st.just("expire")),
        st.tuples(st.just("close")),
        st.tuples(st.just("restart"), st.sampled_from(["PRO", "ENTERPRISE"])),
    ),
    min_size=1,
    max_size=14,
)


class History:
    """One customer's history, a few hours a step. What is refused changes nothing, and is no failure."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._who = customer(session, name=name)
        self.tenant_id = self._who.tenant_id
        self.at = NOON
        self._used = 0

    def step(self, kind: str, *values: Any) -> None:
        self.at += timedelta(hours=7)
        self._session.expire_all()
        with suppress(Refusal):
            getattr(self, f"_{kind}")(*values)
        carry_over(self._session, tenant_id=self.tenant_id, at=self.at)

    def _use(self, units: int, days_ago: int) -> None:
        self._used += 1
        sent = event(str(units), event_id=f"e_{self._used}", occurred_at=self.at - timedelta(days=days_ago))
        record_usage(self._session, tenant_id=self.tenant_id, events=[sent], at=self.at)

    def _correct(self, units: int) -> None:
        correction = CorrectionInput(f"e_{self._used}", units * MICRO, "Counted wrong")
        correct_usage(self._session, tenant_id=self.tenant_id, correction=correction, at=self.at)

    def _buy(self, packs: int) -> None:
        plan = {"tenant_id": self.tenant_id, "pack": "credits-1m", "quantity": packs, "by": "usr_1"}
        buy_top_up(self._session, at=self.at, **plan)  # type: ignore[arg-type]

    def _credit(self, amount_minor: int) -> None:
        invoice = self._last_bought()
        wanted = {"tenant_id": self.tenant_id, "invoice_id": invoice.id, "reason": "Sorry"}
        left = min(amount_minor, amount_left(self._session, invoice=invoice))
        issue_credit_note(self._session, amount_minor=left, at=self.at, **wanted)  # type: ignore[arg-type]

    def _void(self) -> None:
        void_invoice(self._session, tenant_id=self.tenant_id, invoice_id=self._last_bought().id, at=self.at)

    def _give(self, credits: int, priority: int, days: int) -> None:
        ends_at = self.at + timedelta(days=days)
        asked = {"tenant_id": self.tenant_id, "pool": "credits", "credits": str(credits), "reason": "W", "by": "op"}
        give_credits(self._session, priority=priority, expires_at=ends_at, at=self.at, **asked)  # type: ignore[arg-type]

    def _take(self) -> None:
        gift = self._session.exec(select(CreditGrant).where(CreditGrant.kind == "promotion")).first()
        lot_id = "none" if gift is None else gift.id
        take_away(self._session, tenant_id=self.tenant_id, lot_id=lot_id, reason="Wrong", at=self.at)

    def _expire(self) -> None:
        expire_lots(self._session, tenant_id=self.tenant_id, at=self.at)

    def _close(self) -> None:
        close_period(self._session, tenant_id=self.tenant_id, force=True, at=self.at)

    def _restart(self, plan: str) -> None:
        live = live_subscription(self._session, tenant_id=self.tenant_id)
        if live is not None:
            end_subscription(
                self._session, tenant_id=self.tenant_id, subscription_id=live.id, ended_at=self.at, at=self.at
            )
        create_subscription(self._session, tenant_id=self.tenant_id, plan_code=plan, started_at=self.at, at=self.at)

    def _last_bought(self) -> Invoice:
        newest = select(CreditPurchase).where(CreditPurchase.tenant_id == self.tenant_id)
        purchase = self._session.exec(newest.order_by(CreditPurchase.bought_at.desc())).first()  # type: ignore[attr-defined]
        if purchase is None:
            raise Refusal("Nothing was bought yet.")
        return self._session.get_one(Invoice, (self.tenant_id, purchase.invoice_id))


@given(STEPS)
@settings(max_examples=12)
def test_entries_sum_to_balances_over_any_history(engine: Any, steps: list[tuple[Any, ...]]) -> None:
    check(steps)


@pytest.mark.slow
@given(STEPS)
@settings(max_examples=400)
def test_entries_sum_to_balances_over_very_many_histories(engine: Any, steps: list[tuple[Any, ...]]) -> None:
    check(steps)


_made = 0


def check(steps: list[tuple[Any, ...]]) -> None:
    global _made  # noqa: PLW0603 — customers of one test need names of their own
    _made += 1
    with transaction() as session:
        history = History(session, f"Customer {_made}")
        for step in steps:
            history.step(*step)
        session.expire_all()
        assert_books_agree(session, history.tenant_id)
        assert_lots_agree(session, history.tenant_id)
        assert_ledger_agrees(session, history)


def assert_lots_agree(session: Session, tenant_id: str) -> None:
    """Of each lot, what came in and went out by its entries is what the lot says; transfers sum to zero."""
    sums: dict[str, dict[EntryKind, int]] = defaultdict(lambda: defaultdict(int))
    for entry in session.exec(select(CreditEntry).where(CreditEntry.tenant_id == tenant_id)):
        kind = EntryKind.GRANT if entry.kind == EntryKind.TRANSFER and entry.delta_micro > 0 else entry.kind
        sums[entry.grant_id][kind] += entry.delta_micro
    moved = arrived = 0
    for lot in session.exec(select(CreditGrant).where(CreditGrant.tenant_id == tenant_id)):
        of = sums[lot.id]
        assert of[EntryKind.GRANT] == lot.granted_micro
        assert (-of[EntryKind.TRANSFER], -of[EntryKind.REVOKE]) == (lot.transferred_micro, lot.revoked_micro)
        assert lot.granted_micro == (
            lot.remaining_micro + lot.expired_micro + lot.transferred_micro + lot.revoked_micro + lot.spent_micro
        )
        assert lot.spent_micro >= 0
        moved += lot.transferred_micro
        arrived += lot.granted_micro if lot.origin_id is not None else 0
    assert moved == arrived


def assert_ledger_agrees(session: Session, history: History) -> None:
    """The ledger's balances follow from each other and end at what the lots hold; what is shown never has expired."""
    balances: dict[str, int] = defaultdict(int)
    for each in reversed(list(iterate_ledger(session, tenant_id=history.tenant_id))):
        balances[each.lot.subscription_id] += each.entry.delta_micro
        assert each.balance_micro == balances[each.lot.subscription_id] >= 0
    held: dict[str, int] = defaultdict(int)
    for lot in session.exec(select(CreditGrant).where(CreditGrant.tenant_id == history.tenant_id)):
        held[lot.subscription_id] += lot.remaining_micro
    assert {key: micro for key, micro in held.items() if micro} == {
        key: micro for key, micro in balances.items() if micro
    }
    for pool in read_pool_lots(session, tenant_id=history.tenant_id, at=history.at):
        if pool.subscription.canceled_at is None:
            usable = sum(each.lot.remaining_micro for each in pool.lots if each.is_usable)
            assert pool.remaining_micro == usable
