"""`tallystick clock`: walk a customer through time, in development."""

from datetime import datetime
from typing import Annotated

import typer

from app.cli.output import AsJson, print_record, print_table
from app.cli.preparing import ready_database
from services.database import reading
from services.identity import find_tenant

commands = typer.Typer(help="A customer's own time, in development.", no_args_is_help=True)

ThisTenant = Annotated[str, typer.Option("--tenant", metavar="ID|NAME", help="The customer.", show_default=False)]
Moment = Annotated[str, typer.Argument(metavar="TIME", help="Such as 2027-03-31 or 2027-03-31T18:15:46Z.")]


@commands.command("start")
def start_clock(tenant: ThisTenant, as_json: AsJson = False) -> None:
    """Give a customer a test clock. Best before its first payment."""
    from app import time_travel  # noqa: PLC0415 — the provider's package takes a while to load

    journey = time_travel.start(tenant_id=_tenant_id(tenant))
    print_record({"tenant_id": journey.tenant_id, "now": _worded(journey.now)}, as_json=as_json)


@commands.command("advance")
def advance_clock(to: Moment, tenant: ThisTenant, as_json: AsJson = False) -> None:
    """Set a customer's clock forward: what falls due on the way is done, and listed."""
    from app import time_travel  # noqa: PLC0415
    from services.rules.timestamps import parse_timestamp  # noqa: PLC0415

    journey = time_travel.advance(tenant_id=_tenant_id(tenant), to=parse_timestamp(to))
    told = [
        {"at": _worded(notice.announced_at), "what": notice.type, "of": notice.subject_id} for notice in journey.told
    ]
    print_table(told, as_json=as_json, empty="Nothing happened on the way.")
    if not as_json:
        typer.echo(f"It is {_worded(journey.now)} for this customer.")


def _tenant_id(named: str) -> str:
    ready_database()
    with reading() as session:
        return find_tenant(session, id_or_name=named).id


def _worded(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
