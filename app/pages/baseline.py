"""One baseline of the customer: what it says, who agreed to it, and what was measured against it."""

import reflex as rx

from app.components.baseline_page import baseline_content, baseline_skeleton
from app.components.shell import ShellView
from app.pages.baseline_answers import BaselineAnswers
from app.pages.baseline_states import BaselineShowing
from app.pages.frame import open_page, page_body
from app.routes import BY_NAME, baseline_href, run_href
from app.session import answers_refusals
from services.sign_in import Member


class BaselinePage(BaselineShowing, BaselineAnswers, rx.State):
    """The baseline named in the address."""

    shell: ShellView = ShellView()
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await self._member()
        self.asked = self.asked_id = self.problem = ""
        await self._show(member)
        self.loaded = True

    async def _member(self) -> Member:
        return await open_page(self)


ON_LOAD = [BaselinePage.load]


def page() -> rx.Component:
    content = baseline_content(
        BaselinePage, back=BY_NAME["gain_share"].href, baseline_at=baseline_href, run_at=run_href
    )
    return page_body("baseline", BaselinePage, content, skeleton=baseline_skeleton())
