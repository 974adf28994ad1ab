"""`tallystick tax-rates`: the sales taxes in force and those to come."""

import typer

from app.cli.output import AsJson, print_table
from app.cli.preparing import ready_database
from app.unit_of_work import now
from services.database import reading
from services.rules.decimals import text_of
from services.taxes.rate_changes import list_tax_rates

commands = typer.Typer(help="The sales taxes in force.", no_args_is_help=True)


@commands.callback()
def _tax_rates() -> None:
    """A command of one word would be run for the group itself."""


@commands.command("list")
def show_tax_rates(*, as_json: AsJson = False) -> None:
    """The rates in force today and those to come: what ships with the product and what was added to it."""
    ready_database()
    with reading() as session:
        found = list_tax_rates(session, day=now().date())
    rows = [
        {
            "country": rate.country,
            "region": rate.region or None,
            "tax": rate.name,
            "code": rate.code,
            "percent": None if rate.percentage is None else text_of(rate.percentage),
            "since": str(rate.since),
            "from": "added" if is_added else "shipped",
        }
        for rate, is_added in found
    ]
    print_table(rows, as_json=as_json, empty="No tax is known.")
