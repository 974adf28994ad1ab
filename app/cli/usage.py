"""`tallystick usage import` and `close-periods`: usage from a file, and the bills it ends up on."""

import csv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TimeRemainingColumn

from app.cli.output import AsJson, print_record, print_table, refuse
from app.cli.preparing import ready_database
from app.jobs import close_due_periods
from app.unit_of_work import now
from models import Invoice
from services.database import reading
from services.errors import Unprocessable
from services.identity import find_tenant
from services.rules.money import Money
from services.rules.quantities import plain_micro
from services.rules.timestamps import parse_timestamp
from services.tenant_clocks import now_of
from services.usage.files import DELIMITERS, UsageFile
from services.usage.importing import ImportSummary, RefusedRow, UsageMapping, import_usage

REFUSALS_SHOWN = 20

commands = typer.Typer(help="Usage.", no_args_is_help=True)


@commands.callback()
def usage() -> None:
    """Usage."""


@commands.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", show_default=False)],
    *,
    tenant: Annotated[str, typer.Option(metavar="ID|NAME", help="The customer.", show_default=False)],
    event_type: Annotated[str, typer.Option(help="A meter of the plan.", show_default=False)],
    time: Annotated[
        str, typer.Option(metavar="COLUMN", help="When it happened; UTC without offset.", show_default=False)
    ],
    units: Annotated[str, typer.Option(metavar="EXPRESSION", help="Arithmetic on columns.", show_default=False)],
    site: Annotated[str | None, typer.Option(metavar="COLUMN", help="Where it happened.")] = None,
    subscription: Annotated[str | None, typer.Option(metavar="ID", help="The main or only one unless given.")] = None,
    shift_to: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Move all rows by whole days, so that the first falls on this date."),
    ] = None,
    encoding: Annotated[str, typer.Option(help="How the file's text is written.")] = "utf-8",
    delimiter: Annotated[str, typer.Option(help="What separates its cells: , ; | or \\t.")] = ",",
    refused: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all refused rows to this CSV.")] = None,
    as_json: AsJson = False,
) -> None:
    """Meter every row of a CSV file. Good rows are kept, refused ones listed; running again adds nothing.

    The units are exact decimals, such as '(ContextTokens + GeneratedTokens) / 1000'. Exit code 1 where the file
    cannot be used, in which case nothing is written, or where every row was refused.
    """
    separator = "\t" if delimiter == "\\t" else delimiter
    if separator not in DELIMITERS:
        raise typer.BadParameter("choose , ; | or \\t", param_hint="--delimiter")
    ready_database()
    with reading() as session:
        tenant_id = find_tenant(session, id_or_name=tenant).id
        at = now_of(session, tenant_id=tenant_id, at=now())
    mapping = UsageMapping(event_type, time, units, site, subscription, shift_to.date() if shift_to else None)
    usage_file = UsageFile(file, encoding, separator)
    with ExitStack() as until_done:
        listing = until_done.enter_context(_RefusedRows(refused, usage_file))
        on_bytes = until_done.enter_context(_progress(file))
        summary = import_usage(
            usage_file, mapping, tenant_id=tenant_id, at=at, on_refused=listing.add, on_bytes=on_bytes
        )
    listing.show()
    print_record(_worded(summary), as_json=as_json)
    if summary.refused == summary.rows:
        refuse("Every row was refused, so nothing was imported.")


def add_to(cli: typer.Typer) -> None:
    """Put the commands that belong to no group on the command line."""
    cli.command("close-periods")(close_periods)


def close_periods(
    at: Annotated[str | None, typer.Option(metavar="TIME", help="As if it were then; now unless given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Invoice every period that has ended and whose grace has passed. Running it again changes nothing."""
    moment = now() if at is None else parse_timestamp(at)
    ready_database()
    closings = close_due_periods(at=moment)
    print_table([_invoice_row(invoice) for invoice in closings.invoices], as_json=as_json, empty="No period was due.")
    if closings.failed:
        named = ", ".join(subscription_id for _, subscription_id in closings.failed)
        refuse(f"These could not be closed; the log says why, and the next run tries them again: {named}.")


class _RefusedRows:
    """The first refused rows for the screen, and all of them for a file where one is asked for."""

    def __init__(self, path: Path | None, usage_file: UsageFile) -> None:
        self._path = path
        self._usage_file = usage_file
        self._first: list[RefusedRow] = []
        self._count = 0
        self._writer: Any = None
        self._open = ExitStack()

    def __enter__(self) -> "_RefusedRows":
        if self._path is not None:
            header = self._usage_file.header()
            try:
                out = self._open.enter_context(self._path.open("w", newline="", encoding="utf-8"))
            except OSError as error:
                raise Unprocessable(f"{self._path} cannot be written: {error.strerror}.", field="refused") from error
            self._writer = csv.writer(out)
            self._writer.writerow(["line", "code", "reason", *header])
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, row: RefusedRow) -> None:
        self._count += 1
        if len(self._first) < REFUSALS_SHOWN:
            self._first.append(row)
        if self._writer is not None:
            self._writer.writerow([row.line, row.code, row.reason, *row.cells])

    def show(self) -> None:
        for row in self._first:
            typer.echo(f"line {row.line}: {row.reason}", err=True)
        if self._count > len(self._first):
            where = f"all are in {self._path}" if self._path else "--refused FILE writes all of them"
            typer.echo(f"… and {self._count - len(self._first):,} more refused; {where}.", err=True)


@contextmanager
def _progress(file: Path) -> Iterator[Any]:
    size = file.stat().st_size if file.is_file() else None
    columns = (BarColumn(), TaskProgressColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=size)
        yield lambda read: bar.update(task, completed=read)


def _worded(summary: ImportSummary) -> dict[str, Any]:
    return {
        "rows": summary.rows,
        "accepted": summary.accepted,
        "duplicates": summary.duplicates,
        "refused": summary.refused,
        "units": plain_micro(summary.units_micro),
        "credits": plain_micro(summary.credits_micro),
        "overage_credits": plain_micro(summary.overage_micro),
    }


def _invoice_row(invoice: Invoice) -> dict[str, Any]:
    return {
        "tenant_id": invoice.tenant_id,
        "subscription_id": invoice.subscription_id,
        "invoice_id": invoice.id,
        "number": invoice.number,
        "period_start": invoice.period_start.isoformat(),
        "period_end": invoice.period_end.isoformat(),
        "total": Money(invoice.total_minor, invoice.currency).plain(),
        "currency": invoice.currency,
    }
