"""`tallystick contract`: what is agreed with single customers."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.output import AsJson, print_table
from app.cli.preparing import ready_database
from app.unit_of_work import now
from services.contracts.agreements import list_contracts
from services.contracts.reserved import load_reserved
from services.database import reading, transaction
from services.identity import find_tenant
from services.price_books.books import plan_version

commands = typer.Typer(help="What is agreed with single customers.", no_args_is_help=True)
BY = "command line"


@commands.command()
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Reserved capacity, in JSON.", show_default=False)],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring contracts to what a file of reserved capacity says, all of it or none; what looks like a mistake is said.

    What is unchanged stays as it is. Subscriptions keep the terms they are on until they are moved.
    """
    ready_database()
    at = now()
    with reading() if dry_run else transaction() as session:
        changes = load_reserved(session, path=file, by=BY, at=at)
    for change in changes:
        for warning in change.warnings:
            typer.echo(f"warning: {warning}", err=True)
    rows = [
        {
            "customer": change.tenant_name,
            "change": f"{'would be ' if dry_run else ''}{change.change}",
            "contract": None if dry_run and change.change in ("new", "changed") else change.contract_id,
            "on older terms": ", ".join(change.still_on_older_terms) or None,
        }
        for change in changes
    ]
    print_table(rows, as_json=as_json, empty="The file names no customer, and none had reserved capacity.")


@commands.command("list")
def show_contracts(
    *,
    tenant: Annotated[str, typer.Option("--tenant", metavar="ID|NAME", help="The customer.")],
    as_json: AsJson = False,
) -> None:
    """A customer's contracts, the newest first."""
    ready_database()
    with reading() as session:
        owner = find_tenant(session, id_or_name=tenant)
        rows = [
            {
                "contract": each.id,
                "title": each.title,
                "reference": each.reference,
                "plan": plan_version(session, version_id=each.plan_version_id).qualified_code,
                "valid from": each.valid_from.isoformat(),
                "valid until": each.valid_until.isoformat() if each.valid_until else None,
                "withdrawn": each.withdrawn_at.isoformat() if each.withdrawn_at else None,
            }
            for each in list_contracts(session, tenant_id=owner.id, with_withdrawn=True)
        ]
    print_table(rows, as_json=as_json, empty=f"{owner.name} has no contract.")
