"""The first steps of importing a maintenance log: its files, and what each column is.

`state` is the page's State, whose handlers the controls call.
"""

from typing import Any

import reflex as rx

from app.components.cards import notice, section_card
from app.components.evidence_upload import TABLES, file_field
from app.components.forms import button, field, text_field
from app.components.layout import grid, row, stack
from app.components.working import ANYWHERE
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
            rx.cond((state.problem != "") & (state.reading.title == ""), notice("bad", state.problem), rx.fragment()),
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
