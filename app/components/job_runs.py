"""Runs of jobs and the jobs themselves, as our own side reads them. `state` is the jobs page's."""

from typing import Any, Final

import reflex as rx

from app.components.badges import status_badge
from app.components.cards import notice
from app.components.forms import button
from app.components.states import empty_state
from app.components.tables import Column, data_table, pager
from app.components.working import SMALL

NO_WRAP: Final = {"whiteSpace": "nowrap"}


def needs_a_person(view: Any) -> rx.Component:
    """What is amiss, else who is at work."""
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


def job_choice(state: Any) -> rx.Component:
    """Which job's runs are shown."""
    return rx.el.div(
        rx.el.select(
            rx.el.option("All jobs", value=""),
            rx.foreach(state.view.jobs, lambda job: rx.el.option(job.title, value=job.name)),
            value=state.job,
            on_change=state.choose_job,
            aria_label="Job",
            class_name="input",
        ),
        rx.icon("chevron_down", size=16, aria_hidden="true"),
        class_name="select",
        style={"width": "14rem", "maxWidth": "100%"},
    )


def runs_table(state: Any) -> rx.Component:
    """A page of runs; `state` turns it and tries runs again."""
    columns = (
        Column("Job", _name, leads=True),
        Column("State", _state),
        Column("What it did", _what),
        Column("Took", lambda run: rx.el.span(run.took, style=NO_WRAP), numeric=True),
        Column("Started (UTC)", lambda run: rx.el.span(run.started, style=NO_WRAP), numeric=True),
        Column("", lambda run: _retry(state, run)),
    )
    view = state.view
    return rx.fragment(
        data_table("Runs, the newest first", columns, view.rows),
        pager(
            view.shown,
            has_previous=state.pages_back > 0,
            has_next=view.has_next,
            on_previous=state.previous_page,
            on_next=state.next_page,
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


def _retry(state: Any, run: Any) -> rx.Component:
    again = button(
        rx.cond(run.state == "delayed", "Begin now", "Retry"),
        rx.el.span(" ", run.id, class_name="visually-hidden"),
        icon="rotate_cw",
        small=True,
        on_click=state.retry(run.id),
    )
    return rx.cond(run.can_retry, again, rx.fragment())


def jobs_table(state: Any) -> rx.Component:
    """Every job with its last run and its next."""
    columns = (
        Column("Job", lambda job: job.title, leads=True),
        Column("Every", lambda job: job.every, numeric=True),
        Column("Last run", lambda job: job.last, numeric=True),
        Column("It did", lambda job: rx.el.span(job.last_did, style={"overflowWrap": "anywhere"})),
        Column("Next", lambda job: rx.el.span(job.next, style=NO_WRAP), numeric=True),
        Column("", lambda job: _run_now(state, job)),
    )
    return data_table("Jobs, and when each runs next", columns, state.view.jobs)


def _run_now(state: Any, job: Any) -> rx.Component:
    return button(
        "Run now",
        rx.el.span(" ", job.title, class_name="visually-hidden"),
        icon="play",
        small=True,
        on_click=state.run_now(job.name),
    )


def no_runs(state: Any) -> rx.Component:
    """What an empty list means, by what was asked for."""
    return rx.match(
        state.state,
        ("failed", empty_state("No run failed", "Everything that was due was done.", icon="circle_check")),
        ("stuck", empty_state("No run is stuck", "What runs, ends.", icon="circle_check")),
        (
            "",
            empty_state("Nothing was due yet", "Runs that did nothing are below Done for a while.", icon="list_checks"),
        ),
        empty_state("No run is like this", "Choose another state, or all jobs.", icon="search_x"),
    )
