"""One baseline of the customer that is looked at, on our own side."""

import reflex as rx

from app.components.baseline_page import baseline_content, baseline_skeleton
from app.components.shell import ShellView
from app.pages.baseline_answers import BaselineAnswers
from app.pages.baseline_states import BaselineShowing
from app.pages.customer_desk import look_at_its_customer, open_desk
from app.pages.frame import page_body
from app.routes import BY_NAME, baseline_desk_href, run_answer_href
from app.session import answers_refusals
from services.gain_share.whose import customer_of_baseline
from services.sign_in import Member


class BaselineDeskPage(BaselineShowing, BaselineAnswers, rx.State):
    """The baseline named in the address."""

    shell: ShellView = ShellView()
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        await look_at_its_customer(self, customer_of_baseline, self._wanted())
        member = await self._member()
        self.asked = self.asked_id = self.problem = ""
        await self._show(member)
        self.loaded = True

    async def _member(self) -> Member:
        return await open_desk(self)


ON_LOAD = [BaselineDeskPage.load]


def page() -> rx.Component:
    content = baseline_content(
        BaselineDeskPage,
        back=BY_NAME["gain_share_desk"].href,
        baseline_at=baseline_desk_href,
        run_at=run_answer_href,
    )
    return page_body("baseline_desk", BaselineDeskPage, content, skeleton=baseline_skeleton())
