"""Jobs, for our own side: what ran and what it did, what failed and why, what is next, and the way to try again."""

import asyncio
from typing import Any, Final

import reflex as rx

from app import unit_of_work
from app.components.badges import status_badge
from app.components.cards import notice, section_card
from app.components.filters import counted_choices, filter_bar
from app.components.forms import button
from app.components.layout import page_header
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table, pager
from app.components.working import SMALL
from app.jobs.shapes import EMPTY_JOBS, RUNS_SHOWN, JobsView
from app.pages.frame import open_operator_page, page_body
from app.session import answers_refusals, signed_in_operator

PAGES_BACK_MAX: Final = 10_000
TYPED_MAX: Final = 64
NAME_MAX: Final = 500
SECONDS_FOR_WORK: Final = 1.0
"""How long what was put in line is given before it is looked at again."""

NO_WRAP: Final = {"whiteSpace": "nowrap"}


class JobsPage(rx.State):
    """A page of runs, and the jobs."""

    shell: ShellView = ShellView()
    view: JobsView = EMPTY_JOBS
    state: str = ""
    job: str = ""
    pages_back: int = 0
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        await open_operator_page(self)
        await self._show()
        self.loaded = True

    @rx.event
    @answers_refusals
    async def choose_state(self, state: str) -> None:
        await signed_in_operator(self)
        self.state, self.pages_back = state[:TYPED_MAX], 0
        await self._show()

    @rx.event
    @answers_refusals
    async def choose_job(self, job: str) -> None:
        await signed_in_operator(self)
        self.job, self.pages_back = job[:TYPED_MAX], 0
        await self._show()

    @rx.event
    @answers_refusals
    async def next_page(self) -> None:
        await signed_in_operator(self)
        if self.view.has_next and self.pages_back < PAGES_BACK_MAX:
            self.pages_back += 1
        await self._show()

    @rx.event
    @answers_refusals
    async def previous_page(self) -> None:
        await signed_in_operator(self)
        self.pages_back = max(0, self.pages_back - 1)
        await self._show()

    @rx.event
    @answers_refusals
    async def retry(self, run_id: str) -> Any:
        """Put a run that failed back in line, or begin one that waits for its time."""
        await signed_in_operator(self)
        from services.gateways.workflows import runs  # noqa: PLC0415 — what keeps runs takes a moment to load

        await unit_of_work.read_on(runs.retry_run, run_id[:NAME_MAX])
        await asyncio.sleep(SECONDS_FOR_WORK)
        await self._show()
        return rx.toast.success("The run is in line again")

    @rx.event
    @answers_refusals
    async def run_now(self, name: str) -> Any:
        """Begin a job before its time."""
        await signed_in_operator(self)
        from app.jobs.asking import run_now  # noqa: PLC0415 — see above

        await unit_of_work.read_on(run_now, name[:TYPED_MAX])
        await asyncio.sleep(SECONDS_FOR_WORK)
        await self._show()
        return rx.toast.success("The job is in line")

    async def _show(self) -> None:
        from app.jobs.views import list_runs  # noqa: PLC0415 — see above

        self.view = await unit_of_work.read_on(
            lambda: list_runs(at=unit_of_work.now(), state=self.state, job=self.job, skip=self.pages_back * RUNS_SHOWN)
        )


ON_LOAD = [JobsPage.load]


def page() -> rx.Component:
    """What needs a person first, then the runs, then every job with its next run."""
    view: Any = JobsPage.view
    filters = filter_bar(
        counted_choices("State", view.counts, JobsPage.state, JobsPage.choose_state),
        _job_choice(view),
    )
    content = rx.fragment(
        page_header(
            "Jobs", "What runs by the clock. A run that was cut off goes on where it stopped; nothing is done twice."
        ),
        _needs_a_person(view),
        rx.el.section(
            filters,
            rx.el.div(rx.cond(view.rows, _runs(view), _none()), class_name="section-flush"),
            class_name="card",
        ),
        section_card("Next", _jobs(view), flush=True),
    )
    return page_body("jobs", JobsPage, content, skeleton=_skeleton())


def _needs_a_person(view: Any) -> rx.Component:
    nobody = notice(
        "warn",
        "No process works on jobs",
        "Nothing closes, is collected or sent until one does. Start the portal without TALLYSTICK_SCHEDULER=false, or "
        "`tallystick worker`.",
    )
    failed = notice(
        "warn",
        "Some runs failed",
        "Each says why. A job is tried again by itself, at growing intervals; retry a run once that is put right.",
    )
    stuck = notice("warn", "Some runs are stuck", "They run, or wait, for more than a quarter of an hour.")
    calm = rx.el.p(
        "At work: ",
        rx.foreach(view.workers, lambda worker, i: rx.fragment(rx.cond(i > 0, " · ", ""), worker)),
        class_name="muted",
        style=SMALL,
    )
    return rx.fragment(
        rx.cond(view.workers, calm, nobody),
        rx.cond(view.stuck > 0, stuck, rx.fragment()),
        rx.cond(view.failed > 0, failed, rx.fragment()),
    )


def _job_choice(view: Any) -> rx.Component:
    return rx.el.div(
        rx.el.select(
            rx.el.option("All jobs", value=""),
            rx.foreach(view.jobs, lambda job: rx.el.option(job.title, value=job.name)),
            value=JobsPage.job,
            on_change=JobsPage.choose_job,
            aria_label="Job",
            class_name="input",
        ),
        rx.icon("chevron_down", size=16, aria_hidden="true"),
        class_name="select",
        style={"width": "14rem", "maxWidth": "100%"},
    )


def _runs(view: Any) -> rx.Component:
    columns = (
        Column("Job", _name, leads=True),
        Column("State", _state),
        Column("What it did", _what),
        Column("Took", lambda run: rx.el.span(run.took, style=NO_WRAP), numeric=True),
        Column("Started (UTC)", lambda run: rx.el.span(run.started, style=NO_WRAP), numeric=True),
        Column("", _retry),
    )
    return rx.fragment(
        data_table("Runs, the newest first", columns, view.rows),
        pager(
            view.shown,
            has_previous=JobsPage.pages_back > 0,
            has_next=view.has_next,
            on_previous=JobsPage.previous_page,
            on_next=JobsPage.next_page,
        ),
    )


def _name(run: Any) -> rx.Component:
    return rx.el.div(
        rx.el.p(run.job),
        rx.el.p(
            rx.el.code(run.id),
            class_name="muted",
            style={**SMALL, "overflowWrap": "anywhere", "fontWeight": "400"},
        ),
        style={"minWidth": "12rem", "maxWidth": "22rem"},
    )


def _state(run: Any) -> rx.Component:
    return rx.el.div(
        status_badge(run.tone, run.state_word),
        rx.cond(
            run.note != "",
            rx.el.p(run.note, class_name="muted", style={**SMALL, "maxWidth": "14rem"}),
            rx.fragment(),
        ),
    )


def _what(run: Any) -> rx.Component:
    return rx.el.span(run.what, style={"display": "inline-block", "maxWidth": "24rem", "overflowWrap": "anywhere"})


def _retry(run: Any) -> rx.Component:
    again = button(
        rx.cond(run.state == "delayed", "Begin now", "Retry"),
        rx.el.span(" ", run.id, class_name="visually-hidden"),
        icon="rotate_cw",
        small=True,
        on_click=JobsPage.retry(run.id),
    )
    return rx.cond(run.can_retry, again, rx.fragment())


def _jobs(view: Any) -> rx.Component:
    columns = (
        Column("Job", lambda job: job.title, leads=True),
        Column("Every", lambda job: job.every, numeric=True),
        Column("Last run", lambda job: job.last, numeric=True),
        Column("It did", lambda job: rx.el.span(job.last_did, style={"overflowWrap": "anywhere"})),
        Column("Next", lambda job: rx.el.span(job.next, style=NO_WRAP), numeric=True),
        Column("", _run_now),
    )
    return data_table("Jobs, and when each runs next", columns, view.jobs)


def _run_now(job: Any) -> rx.Component:
    return button(
        "Run now",
        rx.el.span(" ", job.title, class_name="visually-hidden"),
        icon="play",
        small=True,
        on_click=JobsPage.run_now(job.name),
    )


def _none() -> rx.Component:
    return rx.match(
        JobsPage.state,
        ("failed", empty_state("No run failed", "Everything that was due was done.", icon="circle_check")),
        ("stuck", empty_state("No run is stuck", "What runs, ends.", icon="circle_check")),
        (
            "",
            empty_state("Nothing was due yet", "Runs that did nothing are below Done for a while.", icon="list_checks"),
        ),
        empty_state("No run is like this", "Choose another state, or all jobs.", icon="search_x"),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("8rem", "1.75rem"), skeleton_line("24rem"), class_name="stack skeleton-head"),
        skeleton_card(14),
    )
