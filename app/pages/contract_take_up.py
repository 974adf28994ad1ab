"""Taking up a contract: starting a subscription on it, or moving one to it once what that comes to was shown.

The page's State takes this mixin and has `load`, `_show(tenant_id)`, which reads the contracts anew, and
`_close()`, which puts back every form.
"""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.session import answers_refusals, signed_in_operator
from models import Collection, Interval
from models.base import ID_MAX
from services.contracts import agreements as contracts
from services.contracts import moves as contract_moves
from services.contracts import views as contract_views
from services.contracts.form import read_day
from services.contracts.views import EMPTY_CONTRACTS, NO_MOVE, ContractsView, MoveView
from services.errors import Conflict, NotFound, Unprocessable

TAKE_UP = "take-up"


class ContractTakeUp(rx.State, mixin=True):
    """`starting` is the contract that is taken up, and `move` what moving a subscription to it comes to."""

    view: ContractsView = EMPTY_CONTRACTS
    loaded: bool = False
    starting: str = ""
    starting_title: str = ""
    move: MoveView = NO_MOVE
    problem: str = ""

    @rx.event
    @answers_refusals
    async def ask_start(self, contract_id: str) -> Any:
        """Open the form that starts a subscription on a contract."""
        await signed_in_operator(self)
        if not self.loaded:
            return type(self).load  # type: ignore[attr-defined]
        self._close()  # type: ignore[attr-defined]
        chosen = next((each for each in self.view.rows if each.id == contract_id), None)
        if chosen is not None:
            self.starting, self.starting_title = chosen.id, chosen.title
            return rx.scroll_to(TAKE_UP)
        return None

    @rx.event
    @answers_refusals
    async def start(self, form: dict[str, Any]) -> Any:
        """Start a subscription on the contract that was asked about."""
        await signed_in_operator(self)
        if self.starting == "":
            return None if self.loaded else type(self).load  # type: ignore[attr-defined]
        self.problem = ""
        site = str(form.get("site", "")).strip() or None
        try:
            await unit_of_work.run(
                contracts.start_contract,
                tenant_id=self.view.tenant_id,
                contract_id=self.starting,
                start_date=read_day(str(form.get("start_date", "")), "start_date"),
                interval=_interval(form.get("interval")),
                collection=_collection(form.get("collection")),
                name=str(form.get("name", "")).strip() or site or "",
                site=site,
                at=unit_of_work.now(),
            )
        except (Unprocessable, Conflict) as refusal:
            self.problem = refusal.detail
            return rx.scroll_to(TAKE_UP)
        self._close()  # type: ignore[attr-defined]
        await self._show(self.view.tenant_id)  # type: ignore[attr-defined]
        return rx.toast.success("The subscription has started")

    @rx.event
    @answers_refusals
    async def ask_move(self, form: dict[str, Any]) -> Any:
        """Say what moving a subscription to the contract comes to; nothing happens yet."""
        await signed_in_operator(self)
        if self.starting == "":
            return None if self.loaded else type(self).load  # type: ignore[attr-defined]
        self.problem, self.move = "", NO_MOVE
        try:
            self.move = await unit_of_work.read(
                contract_views.ask_move,
                tenant_id=self.view.tenant_id,
                contract_id=self.starting,
                subscription_id=str(form.get("subscription_id", ""))[:ID_MAX],
                when=str(form.get("when", ""))[:20],
                at=unit_of_work.now(),
            )
        except (Unprocessable, Conflict, NotFound) as refusal:
            self.problem = refusal.detail
        return None

    @rx.event
    @answers_refusals
    async def confirm_move(self) -> Any:
        """Move what was asked about, to the contract that was asked about."""
        member = await signed_in_operator(self)
        if self.move.subscription_id == "" or self.starting == "":
            return None if self.loaded else type(self).load  # type: ignore[attr-defined]
        try:
            await unit_of_work.run(
                contract_moves.move_to_contract,
                tenant_id=self.view.tenant_id,
                contract_id=self.starting,
                subscription_id=self.move.subscription_id,
                when=contract_views.when_of(self.move.when),
                by=member.user_id,
                at=unit_of_work.now(),
            )
        except (Unprocessable, Conflict) as refusal:
            self.move, self.problem = NO_MOVE, refusal.detail
            return None
        self._close()  # type: ignore[attr-defined]
        await self._show(self.view.tenant_id)  # type: ignore[attr-defined]
        return rx.toast.success("Done")


def _interval(value: Any) -> Interval:
    return Interval.YEAR if value == Interval.YEAR.value else Interval.MONTH


def _collection(value: Any) -> Collection:
    return Collection.AUTOMATIC if value == Collection.AUTOMATIC.value else Collection.MANUAL
