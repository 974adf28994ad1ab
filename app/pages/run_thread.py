"""What both sides' pages of a gain-share run share: the run in the address, its thread, and showing a file on it.

A page's State takes this mixin and says in `_member` who may call its handlers, and in `_show` what it shows.
"""

from collections.abc import Callable
from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.evidence_upload import NOT_SENT, send_file, told_of
from app.pages.customer_desk import typed_of
from app.session import answers_refusals
from models.base import ID_MAX
from models.gain_share_run import STEP_TEXT_MAX
from services.errors import Conflict, Forbidden, NotFound, SubscriptionConflict, Unprocessable
from services.gain_share import decisions as gain_share_decisions
from services.gain_share.parties import signer_of_member
from services.gain_share.review import NO_REVIEW, ReviewView
from services.sign_in import Member

WHICH = "evidence"
NOTHING_CHOSEN = "Choose a file first."
REFUSED = (Unprocessable, Conflict, SubscriptionConflict, Forbidden, NotFound)


class RunThread(rx.State, mixin=True):
    """The run that is shown, what was refused of what was said, and the file that was sent but is not shown yet."""

    view: ReviewView = NO_REVIEW
    said_problem: str = ""
    file_name: str = ""
    file_problem: str = ""
    said: int = 0
    """How often something was said or shown, so that the forms begin empty again."""

    loaded: bool = False
    missing: bool = False
    _file_id: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        await self._arrive()
        member = await self._member()
        if self.view.id != self._wanted():
            self._forget()
        await self._show(member)

    async def _arrive(self) -> None:
        """What comes before anything else of a page that is opened; nothing, where the page does not say."""

    @rx.event
    @answers_refusals
    async def say(self, form: dict[str, Any]) -> None:
        """Say something on the thread."""
        member = await self._member()
        self.said_problem = await self._act(member, gain_share_decisions.comment_on_run, text=text_of(form))
        self.said += self.said_problem == ""
        await self._show(member)

    @rx.event
    @answers_refusals
    async def choose_file(self) -> Any:
        """Send the file that is chosen; what comes of it the browser tells `file_sent`."""
        member = await self._member()
        self.file_name = self.file_problem = self._file_id = ""
        try:
            signer_of_member(member)
        except Forbidden as refusal:
            self.file_problem = refusal.detail
            return None
        return send_file(WHICH, callback=type(self).file_sent, tenant_id=str(member.tenant_id))

    @rx.event
    @answers_refusals
    async def file_sent(self, told: dict[str, Any]) -> None:
        """Remember what was told of the upload; whether the file is there is asked as it is shown."""
        await self._member()
        said = told_of(told)
        self._file_id, self.file_name = said["id"][:ID_MAX], said["name"] if said["id"] else ""
        self.file_problem = "" if said["id"] else said["problem"] or NOT_SENT

    @rx.event
    @answers_refusals
    async def show_file(self, form: dict[str, Any]) -> None:
        """Show the file that was sent on the thread, with what is said of it."""
        member = await self._member()
        if self._file_id == "":
            self.file_problem = NOTHING_CHOSEN
            return
        shown = {"file_id": self._file_id, "text": text_of(form)}
        self.file_problem = await self._act(member, gain_share_decisions.add_run_evidence, **shown)
        if self.file_problem == "":
            self.file_name, self._file_id, self.said = "", "", self.said + 1
        await self._show(member)

    async def _member(self) -> Member:
        raise NotImplementedError

    async def _show(self, member: Member) -> None:
        raise NotImplementedError

    async def _act(self, member: Member, step: Callable[..., Any], **said: Any) -> str:
        """Take a step; why it was refused, in words, or ""."""
        try:
            await unit_of_work.run(
                step,
                tenant_id=str(member.tenant_id),
                run_id=self.view.id,
                signer=signer_of_member(member),
                at=unit_of_work.now(),
                **said,
            )
        except REFUSED as refusal:
            return refusal.detail
        return ""

    def _forget(self) -> None:
        """What is of one run only."""
        self.view, self.loaded, self.missing = NO_REVIEW, False, False
        self.said_problem = self.file_problem = self.file_name = self._file_id = ""

    def _wanted(self) -> str:
        return str(self.rx_router_page.params.get("run_id", ""))[:ID_MAX]


def text_of(form: Any) -> str:
    """What was written in the field `text`; one character more than allowed is enough to be refused."""
    return typed_of(form, STEP_TEXT_MAX + 1).get("text", "").replace("\r\n", "\n").strip()
