"""`tallystick export`: bills, use, credits and the journal as a file, of one customer or of each."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from app.cli.output import AsJson, print_record
from app.cli.preparing import ready_database
from app.unit_of_work import now
from services.database import reading
from services.exports.catalog import SHEETS, prepare_export
from services.exports.writing import Format
from services.identity import find_tenant
from services.tenant_clocks import now_of

SheetName = Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {', '.join(SHEETS)}.")]
FirstDay = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day, included.")]
LastDay = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day, included.")]


def add_to(cli: typer.Typer) -> None:
    """Put the command on the command line."""
    cli.command("export")(export)


def export(
    name: SheetName,
    *,
    tenant: Annotated[str, typer.Option("--tenant", metavar="T", help="Whose: an id or a name.")],
    since: FirstDay = None,
    until: LastDay = None,
    format: Annotated[Format, typer.Option(help="csv, or parquet.")] = Format.CSV,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where to; named by what it holds.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write one sheet of a customer to a file. A file that is there is not overwritten."""
    ready_database()
    with reading() as session:
        tenant_id = find_tenant(session, id_or_name=tenant).id
        prepared = prepare_export(
            session,
            tenant_id=tenant_id,
            name=name,
            since=None if since is None else since.date(),
            until=None if until is None else until.date(),
            format=format,
            at=now_of(session, tenant_id=tenant_id, at=now()),
        )
    path = out or Path(prepared.filename)
    with path.open("xb") as file:
        for chunk in prepared.chunks(reading):
            file.write(chunk)
    print_record({"file": str(path), "bytes": path.stat().st_size}, as_json=as_json)
