"""The files of a maintenance log as a page maps them: the columns each has, and which of them was chosen for what."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlmodel import Session

from models import LogFile
from services.errors import Unprocessable
from services.gain_share.evidence import find_evidence
from services.gain_share.typed import typed_days, typed_text
from services.maintenance.columns import FailureColumns, LogMapping, MachineColumns, RepairColumns, Writing
from services.maintenance.files import StoredFile
from services.maintenance.imports import LogRequest
from services.usage.files import DELIMITERS

COLUMNS_SHOWN: Final = 200
COLUMN_MAX: Final = 120
SAMPLE_ROWS: Final = 2
ENCODINGS: Final = (("utf-8", "UTF-8"), ("cp1252", "Windows (Western)"), ("utf-16", "UTF-16"))


@dataclass(frozen=True)
class TableView:
    """The columns of a file that was uploaded, as (column, column with what stands in it); how its text is written."""

    file_id: str = ""
    name: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    delimiter: str = ","
    encoding: str = "utf-8"
    problem: str = ""


NO_TABLE = TableView()


def read_table(
    session: Session, *, tenant_id: str, file_id: str, encoding: str = "utf-8", delimiter: str = ""
) -> TableView:
    """The header of a file. Without a delimiter the one that parts the header most is taken.

    Raises NotFound for a file of somebody else. What cannot be read is said in `problem`.
    """
    file = find_evidence(session, tenant_id=tenant_id, file_id=file_id)
    encoding = encoding if encoding in dict(ENCODINGS) else "utf-8"
    if not file.media_type.startswith("text/"):
        return TableView(file_id, file.name, problem=f"{file.name} is no table; export the log as CSV.")
    tables = [StoredFile(Path(file.name), encoding, each, content=file.content) for each in DELIMITERS]
    try:
        if delimiter in DELIMITERS:
            table = tables[DELIMITERS.index(delimiter)]
        else:
            table = max(tables, key=lambda each: len(each.header()))
        columns = _columns(table)
    except Unprocessable as refusal:
        return TableView(file_id, file.name, encoding=encoding, delimiter=delimiter or ",", problem=refusal.detail)
    return TableView(file_id, file.name, columns, table.delimiter, encoding)


def read_typed_import(typed: Mapping[str, Any], tables: Mapping[str, TableView]) -> LogRequest:
    """What is to be read, from the fields of the form and the files. Raises Unprocessable naming the field."""
    failures, repairs, machines = (tables.get(each.value, NO_TABLE) for each in LogFile)
    if not failures.file_id:
        raise Unprocessable("Choose the file of failures first.", field="failures")
    starts, ends = typed_days(typed, "period_from", "period_to")
    form = typed_text(typed, "time_form") or None
    mapping = LogMapping(
        FailureColumns(
            _chosen(typed, "failures_machine", "names the machine in the failures"),
            _chosen(typed, "failures_failed_at", "says when it failed"),
            _maybe(typed, "failures_component"),
            _maybe(typed, "failures_repaired_at"),
            Writing(failures.encoding, failures.delimiter, form),
        ),
        RepairColumns(
            _chosen(typed, "repairs_machine", "names the machine in the repairs"),
            _chosen(typed, "repairs_repaired_at", "says when it was repaired"),
            _maybe(typed, "repairs_component"),
            Writing(repairs.encoding, repairs.delimiter, form),
        )
        if repairs.file_id
        else None,
        MachineColumns(
            _chosen(typed, "machines_machine", "names the machine in the list of machines"),
            _maybe(typed, "machines_site"),
            Writing(machines.encoding, machines.delimiter, form),
        )
        if machines.file_id
        else None,
    )
    return LogRequest(
        failures_file_id=failures.file_id,
        mapping=mapping,
        period_start=starts,
        period_end=ends,
        repairs_file_id=repairs.file_id or None,
        machines_file_id=machines.file_id or None,
        timezone=typed_text(typed, "timezone") or None,
    )


def _columns(table: StoredFile) -> tuple[tuple[str, str], ...]:
    header = table.header()
    samples = [row.cells for row in islice(table.rows(), SAMPLE_ROWS)]
    return tuple(_column(name, place, samples) for place, name in enumerate(header[:COLUMNS_SHOWN]) if name)


def _column(name: str, place: int, samples: list[list[str]]) -> tuple[str, str]:
    seen = ", ".join(cells[place].strip() for cells in samples if place < len(cells) and cells[place].strip())
    return name, f"{name} ({seen})"[:COLUMN_MAX] if seen else name


def _chosen(typed: Mapping[str, Any], field: str, what: str) -> str:
    column = _maybe(typed, field)
    if column is None:
        raise Unprocessable(f"Choose the column that {what}.", field=field)
    return column


def _maybe(typed: Mapping[str, Any], field: str) -> str | None:
    return typed_text(typed, field, COLUMN_MAX * 2) or None
