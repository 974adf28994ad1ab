"""Read the files of a maintenance log row by row: what a row says, or why it says nothing that can be used."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from models import LogFile
from models.kpi import SITE_MAX
from models.maintenance import COMPONENT_MAX, MACHINE_MAX
from services.errors import Unprocessable
from services.maintenance.columns import FailureColumns, MachineColumns, RepairColumns, Writing
from services.rules.maintenance_log import Failure, Repair
from services.rules.timestamps import LocalMoment, parse_local
from services.rules.violations import RuleViolation
from services.usage.files import Row, UsageFile

ROWS_MAX: Final = 200_000
"""Of one file. They are held in memory, some 60 MB for as many."""


@dataclass(frozen=True, slots=True)
class StoredFile(UsageFile):
    """A file that is held in memory and has a name only."""

    content: bytes = b""

    def _open(self) -> BinaryIO:
        return BytesIO(self.content)


class RefusedRow(NamedTuple):
    """A row of which nothing was used: in which file, the line it begins on, why, and the machine if it names one."""

    file: LogFile
    line: int
    reason: str
    machine: str = ""


CELL_MAX: Final = 200
"""Characters of a time, as somebody wrote it."""

COLUMN_SHOWN_MAX: Final = 120

Read = TypeVar("Read")
OnRefused = Callable[[RefusedRow], None]


class _BadRow(ValueError):
    """What is wrong with a row, for a person."""


def read_failures(
    table: UsageFile, columns: FailureColumns, zone: ZoneInfo, known: Callable[[str], bool], on_refused: OnRefused
) -> Iterator[Failure]:
    """The failures of a file. Raises Unprocessable where the file or a column of it cannot be used at all."""
    seen: dict[tuple[str, object, str], int] = {}

    def read(row: Row, cells: "_Cells") -> Failure:
        machine = _machine(cells, columns.machine, known)
        failed_at = _moment(cells, columns.failed_at, zone, columns.writing).at
        component = cells.text(columns.component, COMPONENT_MAX)
        repaired_at = None
        if columns.repaired_at is not None and cells.text(columns.repaired_at, CELL_MAX):
            repaired = _moment(cells, columns.repaired_at, zone, columns.writing)
            later = repaired.later or repaired.at
            repaired_at = repaired.at if repaired.at >= failed_at else later
            if repaired_at < failed_at:
                raise _BadRow("It was repaired before it failed.")
        first = seen.setdefault((machine, failed_at, component), row.line)
        if first != row.line:
            raise _BadRow(f"It is the same failure as on line {first}.")
        return Failure(row.line, machine, failed_at, component, repaired_at)

    names = [columns.machine, columns.failed_at, columns.component, columns.repaired_at]
    return _read(table, LogFile.FAILURES, names, read, on_refused)


def read_repairs(
    table: UsageFile, columns: RepairColumns, zone: ZoneInfo, known: Callable[[str], bool], on_refused: OnRefused
) -> Iterator[Repair]:
    """The repairs of a file, as `read_failures` reads failures."""
    seen: dict[tuple[str, object, str], int] = {}

    def read(row: Row, cells: "_Cells") -> Repair:
        machine = _machine(cells, columns.machine, known)
        repaired_at = _moment(cells, columns.repaired_at, zone, columns.writing)
        component = cells.text(columns.component, COMPONENT_MAX)
        first = seen.setdefault((machine, repaired_at, component), row.line)
        if first != row.line:
            raise _BadRow(f"It is the same repair as on line {first}.")
        return Repair(row.line, machine, repaired_at, component)

    names = [columns.machine, columns.repaired_at, columns.component]
    return _read(table, LogFile.REPAIRS, names, read, on_refused)


def read_machines(table: UsageFile, columns: MachineColumns, on_refused: OnRefused) -> dict[str, str]:
    """The site of each machine, "" where there is none."""
    sites: dict[str, str] = {}

    def read(_: Row, cells: "_Cells") -> tuple[str, str]:
        machine = _machine(cells, columns.machine, lambda _: True)
        if machine in sites:
            raise _BadRow("The machine is in the list already.")
        sites[machine] = cells.text(columns.site, SITE_MAX)
        return machine, sites[machine]

    for _ in _read(table, LogFile.MACHINES, [columns.machine, columns.site], read, on_refused):
        pass
    return sites


class _Cells:
    """The cells of one row by the names of their columns."""

    def __init__(self, positions: dict[str, int], cells: list[str]) -> None:
        self._positions, self._cells = positions, cells

    def text(self, column: str | None, characters_max: int) -> str:
        """What stands in a column, "" where there is none."""
        if column is None:
            return ""
        text = self._cells[self._positions[column]].strip()
        if len(text) > characters_max or not text.isprintable():
            raise _BadRow(f"{_shown(column)} has at most {characters_max} printable characters.")
        return text


def _shown(column: str) -> str:
    """The name of a column as a reason has room for."""
    return column[:COLUMN_SHOWN_MAX]


def _machine(cells: _Cells, column: str, known: Callable[[str], bool]) -> str:
    machine = cells.text(column, MACHINE_MAX)
    if not machine:
        raise _BadRow(f"{_shown(column)} names no machine.")
    if not known(machine):
        raise _BadRow(f"Machine {machine} is not in the list of machines.")
    return machine


def _moment(cells: _Cells, column: str, zone: ZoneInfo, writing: Writing) -> LocalMoment:
    text = cells.text(column, CELL_MAX)
    if not text:
        raise _BadRow(f"{_shown(column)} is empty.")
    return parse_local(text, zone, writing.time_form)


def _read(
    table: UsageFile,
    file: LogFile,
    names: Sequence[str | None],
    read: Callable[[Row, _Cells], Read],
    on_refused: OnRefused,
) -> Iterator[Read]:
    header = table.check([name for name in names if name is not None])
    positions = {name: number for number, name in enumerate(header)}
    for number, row in enumerate(table.rows(), start=1):
        if number > ROWS_MAX:
            raise Unprocessable(
                f"{table.path.name} has more than {ROWS_MAX:,} rows; split it by time.", field=file.value
            )
        try:
            if len(row.cells) != len(header):
                raise _BadRow(f"The row has {len(row.cells)} cells where the header has {len(header)}.")
            yield read(row, _Cells(positions, row.cells))
        except _BadRow as bad:
            on_refused(RefusedRow(file, row.line, str(bad), _named(row.cells, positions, names[0])))
        except RuleViolation as violation:
            on_refused(RefusedRow(file, row.line, violation.message, _named(row.cells, positions, names[0])))


def _named(cells: list[str], positions: dict[str, int], column: str | None) -> str:
    """What a refused row names as its machine, where that can be kept."""
    place = positions.get(column or "", len(cells))
    text = cells[place].strip() if place < len(cells) else ""
    return text if len(text) <= MACHINE_MAX and text.isprintable() else ""
