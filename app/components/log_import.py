"""The steps of importing a maintenance log: its files, what each column is, what a dry run came to, what was kept.

`state` is the page's State, whose handlers the controls call.
"""

from typing import Any

import reflex as rx

from app.components.cards import notice, section_card
from app.components.evidence_upload import TABLES, file_field
from app.components.forms import button, field, text_field
from app.components.layout import grid, row, served_link, stack
from app.components.states import empty_state
from app.components.tables import Column, data_table
from app.components.working import ANYWHERE, DIVIDED, EDGES, SMALL
from services.maintenance.tables import ENCODINGS

SEPARATORS = ((",", "Comma"), (";", "Semicolon"), ("\t", "Tab"), ("|", "Bar"))
BLOCK = {"border": "0", "padding": "0", "minWidth": 0}
FILES = (
    ("failures", "Failures", "One row a failure: machine, when it failed, what failed."),
    ("repairs", "Repairs or maintenance, if in a file of their own", "One row a repair: machine, when it ran again."),
    ("machines", "List of machines, if there is one", "One row a machine, with its site if that is told."),
)
COLUMNS = {
    "failures": (
        ("machine", "Machine", True),
        ("failed_at", "Failed at", True),
        ("component", "Component that failed", False),
        ("repaired_at", "Repaired at, if in this file", False),
    ),
    "repairs": (
        ("machine", "Machine", True),
        ("repaired_at", "Repaired at", True),
        ("component", "Component, so that repairs end failures of the same", False),
    ),
    "machines": (("machine", "Machine", True), ("site", "Site", False)),
}


def files_section(state: Any) -> rx.Component:
    """Up to three files, each sent as it is chosen."""
    fields = [_file(state, which, label, hint) for which, label, hint in FILES]
    done = rx.cond(state.done != "", notice("good", state.done), rx.fragment())
    return section_card(
        "1. The files",
        stack(done, grid(*fields, columns=3)),
        description="CSV as it was exported, up to 10 MB each. They are kept as evidence, under their hash.",
    )


def _file(state: Any, which: str, label: str, hint: str) -> rx.Component:
    table = getattr(state, which)

    def choice(name: str, what: str, options: tuple[tuple[str, str], ...], value: Any) -> rx.Component:
        control = rx.el.div(
            rx.el.select(
                *[rx.el.option(text, value=each) for each, text in options],
                value=value,
                on_change=lambda chosen: state.read_as(which, what, chosen),
                id=f"field-{which}-{what}",
                class_name="input",
            ),
            rx.icon("chevron_down", size=16, aria_hidden="true"),
            class_name="select",
        )
        return field(name, control, for_id=f"field-{which}-{what}")

    writing = stack(
        grid(
            choice("Cells parted by", "delimiter", SEPARATORS, table.delimiter),
            choice("Text is", "encoding", ENCODINGS, table.encoding),
            columns=2,
        ),
        row(button("Leave this file out", small=True, kind="quiet", on_click=state.leave_out(which))),
        gap=2,
    )
    return stack(
        file_field(
            label,
            which=which,
            choose=state.choose_file(which),
            name=table.name,
            problem=table.problem,
            hint=hint,
            accept=TABLES,
        ),
        rx.cond(table.file_id != "", writing, rx.fragment()),
        gap=3,
    )


def mapping_section(state: Any) -> rx.Component:
    """Which column is what, chosen from the files' own headers; over which days and in which time."""
    form = rx.el.form(
        stack(
            *[
                rx.cond(getattr(state, which).columns, _columns(state, which, label), rx.fragment())
                for which, label in _NAMES
            ],
            _days(state),
            rx.cond(state.problem != "", notice("bad", state.problem), rx.fragment()),
            row(
                button(
                    rx.cond(state.is_reading, "Reading…", "Read it, keep nothing yet"),
                    kind="primary",
                    type="submit",
                    disabled=state.is_reading,
                )
            ),
            gap=6,
        ),
        on_submit=state.try_it,
        reset_on_submit=False,
    )
    return section_card("2. What the columns are", form, description="Nothing is assumed: choose each from the header.")


_NAMES = (("failures", "Failures"), ("repairs", "Repairs"), ("machines", "Machines"))


def _columns(state: Any, which: str, label: str) -> rx.Component:
    table = getattr(state, which)
    chosen = [_column(table, f"{which}_{name}", text, is_needed) for name, text, is_needed in COLUMNS[which]]
    return rx.el.fieldset(
        rx.el.legend(label, ": ", table.name, style={"fontWeight": 600, "marginBottom": "var(--space-3)", **ANYWHERE}),
        grid(*chosen, columns=3),
        style=BLOCK,
    )


def _column(table: Any, name: str, label: str, is_needed: bool) -> rx.Component:
    control = rx.el.div(
        rx.el.select(
            rx.el.option("Choose…" if is_needed else "None", value=""),
            rx.foreach(table.columns, lambda pair: rx.el.option(pair[1], value=pair[0])),
            id=f"field-{name}",
            name=name,
            required=is_needed,
            class_name="input",
        ),
        rx.icon("chevron_down", size=16, aria_hidden="true"),
        class_name="select",
    )
    return field(label, control, for_id=f"field-{name}")


def _days(state: Any) -> rx.Component:
    return rx.el.fieldset(
        rx.el.legend("The time", style={"fontWeight": 600, "marginBottom": "var(--space-3)"}),
        grid(
            text_field("First day", name="period_from", type="date", required=True),
            text_field("Last day", name="period_to", type="date", required=True),
            text_field(
                "Time zone of the times", name="timezone", default_value=state.timezone, auto_complete="off",
                hint="A time that says its own offset keeps it.",
            ),
            text_field(
                "How times are written", name="time_form", placeholder="%d.%m.%Y %H:%M", auto_complete="off",
                hint="Nothing for 2026-03-31 14:05:00. %d day, %m month, %Y year, %H hour, %M minute.",
            ),
            columns=4,
        ),
        style=BLOCK,
    )  # fmt: skip


def reading_section(state: Any) -> rx.Component:
    """What the dry run came to, and the way to keep it."""
    reading = state.reading
    findings = rx.cond(
        reading.findings,
        notice(
            "warn",
            "Please look at this",
            rx.el.ul(
                rx.foreach(reading.findings, lambda said: rx.el.li(said, style=ANYWHERE)),
                style={"paddingLeft": "1.1rem"},
            ),
        ),
        rx.fragment(),
    )
    return section_card(
        rx.fragment("3. What it says: ", reading.title),
        rx.el.div(
            stack(rx.el.p(reading.counts, style={"fontWeight": 600}), findings),
            style={"paddingBlock": "var(--space-3)", **EDGES},
        ),
        _figures("In all, by site", reading.whole),
        _figures("By month and site", reading.months, reading.more_months),
        rx.cond(reading.refused, _refused(reading), rx.fragment()),
        rx.el.div(
            row(
                button("Keep these figures", kind="primary", on_click=state.keep),
                rx.el.span("Figures of exactly the same months are replaced.", class_name="muted", style=SMALL),
            ),
            style={"paddingBlock": "var(--space-4)", **EDGES},
        ),
        description="Nothing of it is kept yet.",
        flush=True,
    )


def _figures(title: str, rows: Any, more: Any = "") -> rx.Component:
    columns = (
        Column("Days", lambda each: rx.el.span(each.days, class_name="tabular"), leads=True),
        Column("Site", lambda each: rx.el.span(each.site, style=ANYWHERE)),
        Column("Machines", lambda each: each.machines, numeric=True),
        Column("Failures", lambda each: each.failures, numeric=True),
        Column("Availability", lambda each: each.availability, numeric=True),
        Column("MTBF, hours", lambda each: each.mtbf, numeric=True),
        Column("MTTR, hours", lambda each: each.mttr, numeric=True),
    )
    return _scrolled(title, data_table(title, columns, rows), more)


def _refused(reading: Any) -> rx.Component:
    columns = (
        Column("Row", lambda each: each.where, leads=True),
        Column("Machine", lambda each: rx.el.span(each.machine, style=ANYWHERE)),
        Column("What came of it", lambda each: each.outcome),
        Column("Why", lambda each: rx.el.span(each.reason, style=ANYWHERE)),
    )
    title = "Rows that are no failure of their own"
    return _scrolled(title, data_table(title, columns, reading.refused), reading.more_refused)


def _scrolled(title: str, table: rx.Component, more: Any) -> rx.Component:
    return rx.el.div(
        rx.el.h3(title, style={"fontSize": "var(--text-sm)", "paddingBlock": "var(--space-3) var(--space-2)", **EDGES}),
        rx.el.div(table, style={"maxHeight": "26rem", "overflowY": "auto"}, tab_index=0),
        rx.el.p(more, class_name="muted", style={**SMALL, **EDGES}),
    )


def kept_section(state: Any) -> rx.Component:
    """The logs that were kept."""

    def one(each: Any) -> rx.Component:
        return rx.el.div(
            rx.el.div(
                rx.el.p(served_link(each.name, href="/session/evidence/" + each.file_id), style=ANYWHERE),
                rx.el.p(each.period, " · ", each.counts, class_name="muted", style=SMALL),
                style={"minWidth": 0},
            ),
            rx.el.span(each.kept, class_name="muted tabular", style=SMALL),
            class_name="row row-spread",
            style={"paddingBlock": "var(--space-3)", **EDGES},
        )

    none = empty_state("No log was imported yet", "Choose the file of failures to begin.", icon="file_up")
    return section_card(
        "Imported before",
        rx.cond(state.kept, rx.el.div(rx.foreach(state.kept, one), style=DIVIDED), none),
        flush=True,
    )
