"""Comparing every invoice with what Stripe says now: a run that says how far it is, and can be stopped."""

import asyncio
from typing import Any, Final

import reflex as rx

from app import unit_of_work
from app.components.cards import notice
from app.components.forms import button
from app.components.progress import credit_progress
from app.components.working import SMALL
from app.session import answers_refusals, signed_in_operator
from services.errors import PaymentsUnavailable, ProviderUnavailable
from services.payments import reconciliation_views

CHECKED_MAX: Final = 20_000
"""Invoices one run looks at; with more than that, `tallystick` checks them at night."""

TOLD_EVERY: Final = 10


class ComparisonRun(rx.State):
    """How far the run is. `_run_number` names the one that goes on: another one, or a stop, ends it."""

    is_running: bool = False
    done: int = 0
    total: int = 0
    done_pct: int = 0
    problem: str = ""
    refusal: str = ""
    _run_number: int = 0

    @rx.event(background=True)
    async def check_all(self) -> Any:
        """Compare every invoice, and say how far it is."""
        async with self:
            before = self._run_number
            answer = await self._begin()
            mine = self._run_number
        if mine == before:
            return answer  # refused, or one goes on already
        problem = ""
        try:
            await self._run(mine)
        except ProviderUnavailable as refusal:
            problem = refusal.detail
        async with self:
            if self._run_number == mine:
                self.is_running, self.problem = False, problem
            return _reload()

    @rx.event
    @answers_refusals
    async def stop(self) -> None:
        """What was compared so far stays."""
        await signed_in_operator(self)
        self._run_number += 1
        self.is_running = False

    @answers_refusals
    async def _begin(self) -> None:
        await signed_in_operator(self)
        if self.is_running:
            return
        total = await unit_of_work.read(reconciliation_views.count_invoices)
        self._run_number += 1
        self.is_running, self.problem = True, ""
        self.done, self.total, self.done_pct = 0, min(total, CHECKED_MAX), 0

    async def _run(self, mine: int) -> None:
        after, done = ("", ""), 0
        while done < CHECKED_MAX:
            batch = await unit_of_work.read(reconciliation_views.invoices_to_check, after=after)
            if not batch:
                return
            for place, (tenant_id, invoice_id) in enumerate(batch):
                if place % TOLD_EVERY == 0 and not await self._goes_on(mine, done + place):
                    return
                await check_now(tenant_id, invoice_id)
            after, done = batch[-1], done + len(batch)

    async def _goes_on(self, mine: int, done: int) -> bool:
        """Say how far it is, unless it was stopped."""
        async with self:
            if self._run_number != mine:
                return False
            self.done = done
            self.done_pct = 0 if not self.total else min(100, done * 100 // self.total)
            return True


async def check_now(tenant_id: str, invoice_id: str) -> None:
    """Compare one invoice with what Stripe says now. Raises ProviderUnavailable."""
    await asyncio.to_thread(_check, tenant_id, invoice_id)


def _check(tenant_id: str, invoice_id: str) -> None:
    """Without a payment provider its side is taken as it was last read."""
    from app import reconciling  # noqa: PLC0415 — the provider's package takes a while to load; pages need not wait
    from services.gateways.stripe.client import stripe  # noqa: PLC0415

    try:
        connected = stripe()
    except PaymentsUnavailable:
        connected = None
    reconciling.check_one(connected, tenant_id=tenant_id, invoice_id=invoice_id, at=unit_of_work.now())


def _reload() -> Any:
    from app.pages.reconciliation import ReconciliationPage  # noqa: PLC0415 — that page shows this run

    return ReconciliationPage.load


def run_button() -> rx.Component:
    """Begins a run, or stops the one that goes on."""
    return rx.cond(
        ComparisonRun.is_running,
        button("Stop", icon="square", on_click=ComparisonRun.stop),
        button("Check all again", icon="refresh_cw", kind="primary", on_click=ComparisonRun.check_all),
    )


def _progress() -> rx.Component:
    worded = f"{ComparisonRun.done} of {ComparisonRun.total} compared"
    return rx.el.div(
        rx.el.p(worded, class_name="muted tabular", style={**SMALL, "marginBottom": "var(--space-1)"}, role="status"),
        credit_progress(label="Comparing", worded=worded, used_pct=ComparisonRun.done_pct),
    )


def run_progress() -> rx.Component:
    """How far it is, and why it ended early."""
    problem = rx.cond(ComparisonRun.problem != "", notice("bad", ComparisonRun.problem), rx.fragment())
    return rx.cond(ComparisonRun.is_running, _progress(), problem)
