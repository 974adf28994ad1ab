"""Jobs, for our own side: what ran and what it did, what failed and why, what is next, and the way to try again."""

import asyncio
from typing import Any, Final

import reflex as rx

from app import unit_of_work
from app.components.cards import section_card
from app.components.filters import counted_choices, filter_bar
from app.components.job_runs import job_choice, jobs_table, needs_a_person, no_runs, runs_table
from app.components.layout import page_header
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.jobs.shapes import EMPTY_JOBS, RUNS_SHOWN, JobsView
from app.pages.frame import open_operator_page, page_body
from app.session import answers_refusals, signed_in_operator

PAGES_BACK_MAX: Final = 10_000
TYPED_MAX: Final = 64
NAME_MAX: Final = 500
SECONDS_FOR_WORK: Final = 1.0
"""How long what was put in line is given before it is looked at again."""


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
        job_choice(JobsPage),
    )
    content = rx.fragment(
        page_header(
            "Jobs", "What runs by the clock. A run that was cut off goes on where it stopped; nothing is done twice."
        ),
        needs_a_person(view),
        rx.el.section(
            filters,
            rx.el.div(rx.cond(view.rows, runs_table(JobsPage), no_runs(JobsPage)), class_name="section-flush"),
            class_name="card",
        ),
        section_card("Next", jobs_table(JobsPage), flush=True),
    )
    return page_body("jobs", JobsPage, content, skeleton=_skeleton())


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("8rem", "1.75rem"), skeleton_line("24rem"), class_name="stack skeleton-head"),
        skeleton_card(14),
    )
