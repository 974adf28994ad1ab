"""What our own side's pages that type a gain-share run share: it is worked out while typing, and asked about before it
goes to the customer, for it cannot be taken back.

A page's State takes this mixin and says how what is typed is worked out (`_work_out`) and stored (`_store`).
"""

from typing import Any

import reflex as rx

from app.components.run_form import look_at_form
from app.pages.customer_desk import open_desk, typed_of
from app.pages.run_thread import REFUSED, text_of
from app.routes import run_answer_href
from app.session import answers_refusals
from models import GainShareRun
from models.gain_share_run import STEP_TEXT_MAX
from services.gain_share.parties import Signer, signer_of_member
from services.gain_share.tries import NO_FORM, NOTHING_TRIED, RunFormView, TryView
from services.rules.gain_share import DOWNTIME_COST
from services.sign_in import Member

NOT_WORKED_OUT = "It cannot be submitted yet: what is missing stands under “What it comes to”."


class RunTyping(rx.State, mixin=True):
    """What was typed comes to `tried`. `is_asked` once it is to be submitted; `_typed` is what is asked about."""

    form: RunFormView = NO_FORM
    tried: TryView = NOTHING_TRIED
    method: str = DOWNTIME_COST
    share_pct: str = ""
    form_key: str = "new"
    problem: str = ""
    is_asked: bool = False
    _typed: dict[str, str] = {}

    @rx.event
    @answers_refusals
    async def try_it(self, form: dict[str, Any]) -> None:
        """Work out what is typed so far. Whoever types on after the question begins anew."""
        member = await open_desk(self)
        typed = typed_of(form, STEP_TEXT_MAX + 1)
        is_as_asked = self.is_asked and all(self._typed.get(name) == value for name, value in typed.items())
        self.problem = ""
        self.tried = await self._work_out(member, typed)
        self.is_asked = is_as_asked and self.tried.working.sha256 != ""

    @rx.event
    @answers_refusals
    async def submit(self, form: dict[str, Any]) -> None:
        """Ask whether it is to go to the customer, with the figures as they are now; nothing is stored yet."""
        member = await open_desk(self)
        self._typed = typed_of(form, STEP_TEXT_MAX + 1)
        self.tried = await self._work_out(member, self._typed)
        self.is_asked = self.tried.working.sha256 != ""
        self.problem = "" if self.is_asked else self.tried.problem and NOT_WORKED_OUT

    @rx.event
    @answers_refusals
    async def think_again(self) -> None:
        """Back to the form."""
        await open_desk(self)
        self.problem, self.is_asked = "", False

    @rx.event
    @answers_refusals
    async def confirm(self) -> Any:
        """Submit what was asked about, once however often it is pressed, and only if it still comes to the same."""
        member = await open_desk(self)
        if not self.is_asked:
            return None
        self.is_asked = False
        try:
            run = await self._store(member, signer_of_member(member), self.tried.working.sha256)
        except REFUSED as refusal:
            self.problem = refusal.detail
            self.tried = await self._work_out(member, self._typed)
            return None
        self._forget_typed()
        return rx.redirect(str(run_answer_href(run.id)))

    async def _work_out(self, member: Member, typed: dict[str, str]) -> TryView:
        raise NotImplementedError

    async def _store(self, member: Member, signer: Signer, calculation_sha256: str) -> GainShareRun:
        raise NotImplementedError

    def _text(self) -> str:
        return text_of(self._typed)

    def _forget_typed(self) -> None:
        self.tried, self.problem, self.is_asked, self._typed = NOTHING_TRIED, "", False, {}

    def _look(self) -> Any:
        """Work out again what stands in the form: after a lost connection it is still there."""
        return look_at_form(type(self).try_it)
