"""What both sides' pages of baselines share: accepting, declining or withdrawing a proposed one, each after a question.

A page's State takes this mixin, has a `view` with `baselines`, and says in `_member` who may call its handlers and in
`_show` what it shows.
"""

from typing import Any, Final

import reflex as rx

from app import unit_of_work
from app.pages.customer_desk import typed_of
from app.session import answers_refusals
from models.base import ID_MAX
from models.kpi import REASON_MAX
from services.errors import Conflict, Forbidden, NotFound, Unprocessable
from services.gain_share import baselines
from services.gain_share.parties import signer_of_member
from services.sign_in import Member

ACCEPT, DECLINE, WITHDRAW = "accept", "decline", "withdraw"
STEPS: Final = {
    ACCEPT: baselines.accept_baseline,
    DECLINE: baselines.decline_baseline,
    WITHDRAW: baselines.withdraw_baseline,
}


class BaselineAnswers(rx.State, mixin=True):
    """The baseline that is asked about, and why what was asked was refused."""

    asked: str = ""
    asked_id: str = ""
    problem: str = ""

    @rx.event
    @answers_refusals
    async def ask(self, what: str, baseline_id: str) -> None:
        """Ask whether to accept, decline or withdraw a proposed baseline; nothing is decided yet."""
        signer_of_member(await self._member())
        if what in tuple(STEPS):
            self.asked, self.asked_id, self.problem = str(what), str(baseline_id)[:ID_MAX], ""

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        await self._member()
        self.asked = self.asked_id = self.problem = ""

    @rx.event
    @answers_refusals
    async def decide(self, form: dict[str, Any]) -> None:
        """Do what was asked about, once however often it is pressed.

        Where it is refused because somebody else decided meanwhile, nothing is left to ask, and that is said.
        """
        member = await self._member()
        if self.asked not in STEPS:
            return
        said = {"reason": _reason(form)} if self.asked == DECLINE else {}
        try:
            await unit_of_work.run(
                STEPS[self.asked],
                tenant_id=str(member.tenant_id),
                baseline_id=self.asked_id,
                signer=signer_of_member(member),
                at=unit_of_work.now(),
                **said,
            )
        except (Unprocessable, Conflict, Forbidden, NotFound) as refusal:
            self.problem = refusal.detail
        else:
            self.asked = self.asked_id = self.problem = ""
        await self._show(member)
        if not self._is_open():
            self.asked = self.asked_id = ""

    def _is_open(self) -> bool:
        """Whether the question still stands under the baseline it is about."""
        return any(
            each.id == self.asked_id and (each.may_decide or each.may_withdraw)
            for each in self.view.baselines  # type: ignore[attr-defined]
        )

    async def _member(self) -> Member:
        raise NotImplementedError

    async def _show(self, member: Member) -> None:
        raise NotImplementedError


def _reason(form: Any) -> str:
    return typed_of(form, REASON_MAX + 1).get("reason", "").replace("\r\n", "\n")
