"""How the columns of somebody's maintenance log are taken, as the caller says; nothing of it is assumed."""

from dataclasses import dataclass, field
from typing import Any, Final

from services.errors import Unprocessable
from services.rules.timestamps import check_form
from services.rules.violations import InvalidPeriod
from services.usage.files import DELIMITERS

TIME_FORM_MAX: Final = 40


@dataclass(frozen=True, slots=True)
class Writing:
    """How a file's text is written. `time_form` is in the letters of strptime; as ISO 8601 where it is None."""

    encoding: str = "utf-8"
    delimiter: str = ","
    time_form: str | None = None

    def __post_init__(self) -> None:
        if self.delimiter not in DELIMITERS:
            raise Unprocessable("Cells are separated by , ; | or a tab.", field="delimiter")
        if self.time_form is not None:
            _check_form(self.time_form)


def _check_form(form: str) -> None:
    if len(form) > TIME_FORM_MAX:
        raise Unprocessable(f"Say how times are written in at most {TIME_FORM_MAX} characters.", field="time_form")
    try:
        check_form(form)
    except InvalidPeriod as violation:
        raise Unprocessable(violation.message, field="time_form") from violation


@dataclass(frozen=True, slots=True)
class FailureColumns:
    """Of the failures: which column names the machine, when it failed, what failed, and when it ran again."""

    machine: str
    failed_at: str
    component: str | None = None
    repaired_at: str | None = None
    writing: Writing = field(default_factory=Writing)


@dataclass(frozen=True, slots=True)
class RepairColumns:
    """Of a file of repairs and other maintenance."""

    machine: str
    repaired_at: str
    component: str | None = None
    writing: Writing = field(default_factory=Writing)


@dataclass(frozen=True, slots=True)
class MachineColumns:
    """Of a list of all machines; without `site` all are of one place."""

    machine: str
    site: str | None = None
    writing: Writing = field(default_factory=Writing)


@dataclass(frozen=True, slots=True)
class LogMapping:
    """The columns of each file that is there. Repairs are in a file of their own or a column of the failures.

    Where both files name the component, a repair ends failures of the same one only. Raises Unprocessable where
    repairs are told nowhere, or twice.
    """

    failures: FailureColumns
    repairs: RepairColumns | None = None
    machines: MachineColumns | None = None

    def __post_init__(self) -> None:
        if (self.repairs is None) == (self.failures.repaired_at is None):
            raise Unprocessable(
                "Say when machines were repaired: by a column of the failures or by a file of repairs, not both.",
                field="repairs",
            )

    @property
    def by_component(self) -> bool:
        return self.repairs is not None and None not in (self.repairs.component, self.failures.component)

    def as_document(self) -> dict[str, Any]:
        """As it is kept with the import."""
        named = {"failures": self.failures, "repairs": self.repairs, "machines": self.machines}
        return {name: _document(columns) for name, columns in named.items() if columns is not None}


def _document(columns: FailureColumns | RepairColumns | MachineColumns) -> dict[str, Any]:
    names = ("machine", "failed_at", "component", "repaired_at", "site")
    told = {name: getattr(columns, name, None) for name in names}
    writing = columns.writing
    told |= {"encoding": writing.encoding, "delimiter": writing.delimiter, "time_form": writing.time_form}
    return {name: value for name, value in told.items() if value is not None}
