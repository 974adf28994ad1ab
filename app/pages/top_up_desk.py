"""Buying credits: by hand, with what it costs shown before; and by itself, below a threshold."""

from typing import Any

import reflex as rx

from app import payment_jobs, unit_of_work
from app.components.shell import ShellView
from app.pages.frame import open_page
from app.session import answers_refusals, require_role
from models import Role
from services.errors import Conflict, SubscriptionConflict, Unprocessable
from services.sign_in import Member
from services.top_ups import automatic as auto_top_ups
from services.top_ups import questions as top_up_questions
from services.top_ups.automatic import AutoTopUpTerms
from services.top_ups.questions import NO_TOP_UP, NOTHING_BOUGHT, TopUpOutcome, TopUpQuestion

TYPED_MAX = 40
REFUSED = (Unprocessable, Conflict, SubscriptionConflict)


class TopUpDesk(rx.State):
    """Which pool's form is open ("" for none), what was asked, and what came of it."""

    shell: ShellView = ShellView()
    buying: str = ""
    ordering: str = ""
    asked: TopUpQuestion = NO_TOP_UP
    outcome: TopUpOutcome = NOTHING_BOUGHT
    problem: str = ""
    may_buy: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        self._close()
        self.outcome = NOTHING_BOUGHT
        self.may_buy = member.is_operator or member.role in (Role.BILLING_ADMIN, Role.OWNER)

    @rx.event
    @answers_refusals
    async def open_purchase(self, pool_key: str) -> None:
        await self._buyer()
        self._close()
        self.outcome = NOTHING_BOUGHT
        self.buying = pool_key[:200]

    @rx.event
    @answers_refusals
    async def open_order(self, pool_key: str) -> None:
        await self._buyer()
        self._close()
        self.ordering = pool_key[:200]

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        """Buy nothing."""
        await open_page(self)
        self._close()

    @rx.event
    @answers_refusals
    async def ask(self, form: dict[str, Any]) -> None:
        """Say what the packs cost; nothing is bought yet."""
        member = await self._buyer()
        self.problem, self.asked = "", NO_TOP_UP
        try:
            self.asked = await unit_of_work.read(
                top_up_questions.ask_top_up,
                tenant_id=str(member.tenant_id),
                subscription_id=self.buying.partition(":")[0],
                pool_key=self.buying,
                pack=str(form.get("pack", ""))[:TYPED_MAX],
                packs=str(form.get("quantity", ""))[:TYPED_MAX],
                at=unit_of_work.now(),
            )
        except REFUSED as refusal:
            self.problem = refusal.detail

    @rx.event
    @answers_refusals
    async def buy(self) -> Any:
        """Buy what was asked about, once however often it is pressed."""
        member = await self._buyer()
        if self.asked.purchase_id == "":
            return None
        try:
            outcome = await unit_of_work.run(
                top_up_questions.buy_asked,
                tenant_id=str(member.tenant_id),
                asked=self.asked,
                by=member.user_id,
                at=unit_of_work.now(),
            )
        except REFUSED as refusal:
            self.asked, self.problem = NO_TOP_UP, refusal.detail
            return None
        payment_jobs.work_is_there()
        self._close()
        self.outcome = outcome
        return _show_again()

    @rx.event
    @answers_refusals
    async def order(self, form: dict[str, Any]) -> Any:
        """Have packs bought by themselves from now on."""
        member = await self._buyer()
        subscription_id, _, pool = self.ordering.partition(":")
        times = str(form.get("times", ""))[:TYPED_MAX]
        self.problem = ""
        try:
            await unit_of_work.run(
                auto_top_ups.set_auto_top_up,
                tenant_id=str(member.tenant_id),
                subscription_id=subscription_id,
                pool=pool,
                terms=AutoTopUpTerms(
                    pack=str(form.get("pack", ""))[:TYPED_MAX],
                    threshold=_plain(form.get("threshold")),
                    month_count_max=int(times) if times.isascii() and times.isdecimal() else 0,
                    month_amount_max=_plain(form.get("amount")),
                ),
                by=member.user_id,
                at=unit_of_work.now(),
            )
        except REFUSED as refusal:
            self.problem = refusal.detail
            return None
        self._close()
        return _show_again()

    @rx.event
    @answers_refusals
    async def stop(self, pool_key: str) -> Any:
        """Buy nothing more by itself."""
        member = await self._buyer()
        subscription_id, _, pool = pool_key[:200].partition(":")
        await unit_of_work.run(
            auto_top_ups.stop_auto_top_up,
            tenant_id=str(member.tenant_id),
            subscription_id=subscription_id,
            pool=pool,
            by=member.user_id,
            at=unit_of_work.now(),
        )
        self._close()
        return _show_again()

    async def _buyer(self) -> Member:
        member = await open_page(self)
        require_role(member, Role.BILLING_ADMIN)
        return member

    def _close(self) -> None:
        self.buying, self.ordering, self.asked, self.problem = "", "", NO_TOP_UP, ""


def _plain(typed: Any) -> str:
    """What was typed, without the commas that group digits."""
    return str(typed or "")[:TYPED_MAX].replace(",", "").strip()


def _show_again() -> Any:
    from app.pages.credits import CreditsPage  # noqa: PLC0415 — that page shows this desk

    return CreditsPage.show_again
