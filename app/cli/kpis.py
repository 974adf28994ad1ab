"""`tallystick kpi import`: measurements out of a maintenance log, kept for a customer or only shown."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from app.cli.output import AsJson, print_record, print_table
from app.cli.preparing import ready_database
from app.unit_of_work import now
from models import Party, RowOutcome
from services.database import Session, reading, transaction
from services.errors import Unprocessable
from services.gain_share.evidence import store_evidence
from services.gain_share.kpi_measurements import check_ended
from services.gain_share.parties import Signer
from services.identity import find_tenant
from services.maintenance.columns import FailureColumns, LogMapping, MachineColumns, RepairColumns, Writing
from services.maintenance.imports import LOG_KPIS, LogImport, LogRequest, import_maintenance_log
from services.maintenance.logs import Figures, LogFiles, LogReading, read_log
from services.rules.decimals import text_of
from services.rules.kpi_periods import days_named
from services.tenant_clocks import now_of
from services.usage.files import UsageFile

REFUSALS_SHOWN: Final = 20
SIGNED_BY: Final = "command-line"
"""Whoever runs a command has the database itself, and is of our side."""

commands = typer.Typer(help="Measured KPIs.", no_args_is_help=True)


@commands.callback()
def kpi() -> None:
    """Measured KPIs."""


@commands.command("import")
def import_log(
    failures: Annotated[Path, typer.Argument(metavar="FAILURES.csv", show_default=False)],
    *,
    tenant: Annotated[str, typer.Option(metavar="ID|NAME", help="The customer.", show_default=False)],
    machine: Annotated[str, typer.Option(metavar="COLUMN", help="Which machine, in each file.", show_default=False)],
    failed_at: Annotated[str, typer.Option(metavar="COLUMN", help="When it failed.", show_default=False)],
    since: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.", show_default=False)],
    until: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day.", show_default=False)],
    component: Annotated[str | None, typer.Option(metavar="COLUMN", help="What failed.")] = None,
    repaired_at: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="When it ran again; in the repairs, if that file is given.")
    ] = None,
    repairs: Annotated[Path | None, typer.Option(metavar="FILE", help="Repairs and other maintenance.")] = None,
    repair_machine: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Which machine, where the repairs call it otherwise.")
    ] = None,
    repair_component: Annotated[str | None, typer.Option(metavar="COLUMN", help="What was repaired.")] = None,
    machines: Annotated[Path | None, typer.Option(metavar="FILE", help="All machines.")] = None,
    site: Annotated[str | None, typer.Option(metavar="COLUMN", help="Where a machine is, in that file.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Of the log's clocks; the customer's unless given.")] = None,
    time_form: Annotated[str | None, typer.Option(help="Such as '%m/%d/%Y %H:%M'; ISO 8601 unless given.")] = None,
    encoding: Annotated[str, typer.Option(help="How the files' text is written.")] = "utf-8",
    delimiter: Annotated[str, typer.Option(help="What separates their cells: , ; | or \\t.")] = ",",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the figures and keep nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read failures and repairs into availability, MTBF and MTTR of each month and site.

    Columns are named, none is guessed. Rows that cannot be used are listed, the rest counts. Importing again takes
    the place of what was measured of the same days.
    """
    writing = Writing(encoding, "\t" if delimiter == "\\t" else delimiter, time_form)
    mapping = LogMapping(
        FailureColumns(machine, failed_at, component, None if repairs else repaired_at, writing),
        None if repairs is None else _repair_columns(repair_machine or machine, repaired_at, repair_component, writing),
        None if machines is None else MachineColumns(machine, site, writing),
    )
    paths = LogFiles(_path(failures, writing), _path(repairs, writing), _path(machines, writing))
    days = (since.date(), until.date() + timedelta(days=1))
    ready_database()
    with reading() as session:
        found = find_tenant(session, id_or_name=tenant)
        at = now_of(session, tenant_id=found.id, at=now())
    if dry_run:
        check_ended(days[1], found, at)
        zone = timezone or found.timezone
        read, kept = read_log(paths, mapping, timezone=zone, starts=days[0], ends=days[1]), None
    else:
        with transaction() as session:
            done = _import(session, found.id, paths, mapping, days=days, timezone=timezone, at=at)
        read, kept = done.reading, done.kept
    _show(read, None if kept is None else kept.id, as_json=as_json)


def _path(path: Path | None, writing: Writing) -> Any:
    return None if path is None else UsageFile(path, writing.encoding, writing.delimiter)


def _repair_columns(machine: str, repaired_at: str | None, component: str | None, writing: Writing) -> RepairColumns:
    if repaired_at is None:
        raise typer.BadParameter("name the column of the repairs", param_hint="--repaired-at")
    return RepairColumns(machine, repaired_at, component, writing)


def _import(
    session: Session,
    tenant_id: str,
    files: LogFiles,
    mapping: LogMapping,
    *,
    days: tuple[date, date],
    timezone: str | None,
    at: datetime,
) -> LogImport:
    signer = Signer(Party.SELLER, SIGNED_BY)

    def keep(file: UsageFile | None) -> str | None:
        if file is None:
            return None
        try:
            content = file.path.read_bytes()
        except OSError as error:
            raise Unprocessable(f"{file.path} cannot be read: {error.strerror}.", field="file") from error
        name = file.path.name
        return store_evidence(session, tenant_id=tenant_id, name=name, content=content, signer=signer, at=at).id

    request = LogRequest(
        keep(files.failures) or "", mapping, *days, keep(files.repairs), keep(files.machines), timezone
    )
    return import_maintenance_log(session, tenant_id=tenant_id, request=request, signer=signer, at=at)


def _show(read: LogReading, import_id: str | None, *, as_json: bool) -> None:
    refused = [row for row in read.rows if row.outcome is RowOutcome.REFUSED]
    record = {
        "import_id": import_id,
        "machines": read.machine_count,
        "failures": read.whole[0].tally.failures,
        "used": read.count(RowOutcome.USED),
        "joined": read.count(RowOutcome.JOINED),
        "outside": read.rows_outside,
        "refused": len(refused),
    }
    figures = [_figures_row(each) for each in (*read.whole, *read.months)]
    if as_json:
        listed = [{"file": row.file.value, "line": row.line, "reason": row.reason} for row in refused]
        typer.echo(json.dumps(record | {"findings": read.findings, "figures": figures, "refused_rows": listed}))
        return
    for row in refused[:REFUSALS_SHOWN]:
        typer.echo(f"{row.file.value} line {row.line}: {row.reason}", err=True)
    if len(refused) > REFUSALS_SHOWN:
        typer.echo(f"… and {len(refused) - REFUSALS_SHOWN:,} more refused; --json lists all of them.", err=True)
    for finding in read.findings:
        typer.echo(finding, err=True)
    print_record(record, as_json=False)
    typer.echo()
    print_table(figures, as_json=False, empty="")


def _figures_row(figures: Figures) -> dict[str, Any]:
    tally = figures.tally
    values = {kpi: tally.value(combining) for kpi, combining in LOG_KPIS.items()}
    named = {"days": days_named(*figures.days), "site": figures.site or "all", "failures": tally.failures}
    return named | {kpi: None if value is None else text_of(value) for kpi, value in values.items()}
