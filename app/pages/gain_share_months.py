"""What was measured of one customer month by month, for our own side: gaps in sight, and figures entered by hand."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.cards import notice, section_card
from app.components.desk import desk_tabs
from app.components.forms import button, field, text_field
from app.components.layout import grid, link, page_header, row, stack
from app.components.months_table import months_section
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.pages.customer_desk import open_desk, typed_of
from app.pages.frame import page_body
from app.routes import BY_NAME
from app.session import answers_refusals
from models import MeasurementSource
from models.kpi import SITE_MAX
from services import wording
from services.errors import Conflict, NotFound, Unprocessable
from services.gain_share import kpi_measurements
from services.gain_share import months as gain_share_months
from services.gain_share.months import NO_MONTHS, MonthsView
from services.gain_share.parties import signer_of_member
from services.gain_share.typed import TYPED_MAX, typed_readings, typed_text
from services.sign_in import Member


class GainShareMonthsPage(rx.State):
    """Twelve months of one site or of all, and what is being entered for one of them."""

    shell: ShellView = ShellView()
    view: MonthsView = NO_MONTHS
    site: str = ""
    month: str = ""
    problem: str = ""
    done: str = ""
    kept: int = 0
    """How often figures were kept, so that the form begins empty again."""

    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_desk(self)
        self.problem, self.done = "", ""
        await self._show(member, self.view.years_back)
        self.loaded = True

    @rx.event
    @answers_refusals
    async def earlier(self) -> None:
        await self._show(await open_desk(self), self.view.years_back + 1)

    @rx.event
    @answers_refusals
    async def later(self) -> None:
        await self._show(await open_desk(self), self.view.years_back - 1)

    @rx.event
    @answers_refusals
    async def choose_site(self, site: str) -> None:
        member = await open_desk(self)
        self.site = str(site)[: SITE_MAX + 1]
        await self._show(member, self.view.years_back)

    @rx.event
    @answers_refusals
    async def fill_in(self, month: str) -> Any:
        """Enter figures for a month that is shown."""
        await open_desk(self)
        if str(month) not in {each.month for each in self.view.rows}:
            return None
        self.month, self.problem, self.done = str(month), "", ""
        return rx.set_focus("field-month")

    @rx.event
    @answers_refusals
    async def enter(self, form: dict[str, Any]) -> None:
        """Keep what was typed; figures of exactly the same month take the place of those before."""
        member = await open_desk(self)
        typed = typed_of(form, TYPED_MAX * 2)
        self.month, self.problem, self.done = typed_text(typed, "month"), "", ""
        try:
            readings = typed_readings(
                typed, kpis=tuple(code for code, _ in self.view.kpis), site=typed_text(typed, "site", SITE_MAX + 1)
            )
            await unit_of_work.run(
                kpi_measurements.record_measurements,
                tenant_id=str(member.tenant_id),
                readings=readings,
                source=MeasurementSource.ENTERED,
                signer=signer_of_member(member),
                at=unit_of_work.now(),
            )
        except (Unprocessable, Conflict, NotFound) as refusal:
            self.problem = refusal.detail
            return
        count = len(readings)
        self.done = f"{count} figure{'' if count == 1 else 's'} of {wording.month(readings[0].period_start)} kept."
        self.month, self.kept = "", self.kept + 1
        await self._show(member, self.view.years_back)

    async def _show(self, member: Member, years_back: int) -> None:
        self.view = await unit_of_work.read(
            gain_share_months.read_months,
            tenant_id=str(member.tenant_id),
            years_back=years_back,
            site=self.site,
            at=unit_of_work.now(),
        )


ON_LOAD = [GainShareMonthsPage.load]


def page() -> rx.Component:
    """The months, and the form under them."""
    view: Any = GainShareMonthsPage.view
    content = rx.fragment(
        page_header("Measurements", rx.fragment("What was measured at ", GainShareMonthsPage.shell.tenant_name, ".")),
        desk_tabs("gain_share_months"),
        months_section(view, GainShareMonthsPage),
        _form(view),
    )
    return page_body("gain_share_months", GainShareMonthsPage, content, skeleton=_skeleton())


def _form(view: Any) -> rx.Component:
    state = GainShareMonthsPage

    def value_field(pair: Any) -> rx.Component:
        control = rx.el.input(
            id="field-value_" + pair[0],
            name="value_" + pair[0],
            input_mode="decimal",
            auto_complete="off",
            class_name="input",
        )
        return field(pair[1], control, for_id="field-value_" + pair[0])

    form = rx.el.form(
        stack(
            rx.cond(state.problem != "", notice("bad", state.problem), rx.fragment()),
            rx.cond(state.done != "", notice("good", state.done), rx.fragment()),
            grid(
                text_field(
                    "Month", name="month", type="month", placeholder="2026-03", default_value=state.month,
                    key=state.month, required=True,
                ),
                text_field(
                    "Site", name="site", default_value=state.site, key="site" + state.site, max_length=SITE_MAX,
                    hint="Nothing for all sites together; runs are worked out from those.", auto_complete="off",
                ),
                columns=2,
            ),
            rx.el.div(rx.foreach(view.kpis, value_field), class_name="grid grid-3"),
            row(
                button("Keep these figures", kind="primary", type="submit"),
                link("Or import a maintenance log", href=BY_NAME["gain_share_log"].href),
            ),
        ),
        on_submit=state.enter,
        reset_on_submit=False,
        key="form" + state.kept.to(str),
    )  # fmt: skip
    return section_card(
        "Enter by hand",
        form,
        description="The values of one month. Those left empty are not measured; a month entered again is replaced.",
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("10rem", "1.75rem"), skeleton_line("20rem"), class_name="stack skeleton-head"),
        skeleton_card(14),
        skeleton_card(6),
    )
