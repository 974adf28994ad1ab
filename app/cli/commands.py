"""All commands of `tallystick`, put together. Loading them takes most of a second."""

from typing import Annotated

import typer

from app.cli import (
    api_keys,
    catalog,
    clocks,
    contracts,
    customers,
    exports,
    jobs,
    keys,
    kpis,
    mail,
    payments,
    sandbox,
    serving,
    stripe,
    taxes,
    usage,
    verify,
)
from app.cli.output import SayingWhy

cli = typer.Typer(
    name="tallystick",
    help="A self-serve billing portal whose every charge can be checked.",
    cls=SayingWhy,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
serving.add_to(cli)
cli.add_typer(catalog.commands, name="catalog")
cli.add_typer(clocks.commands, name="clock")
cli.add_typer(contracts.commands, name="contract")
cli.add_typer(kpis.commands, name="kpi")
cli.add_typer(customers.tenants, name="tenant")
cli.add_typer(customers.subscriptions, name="subscription")
cli.add_typer(api_keys.commands, name="apikey")
cli.add_typer(customers.users, name="user")
cli.add_typer(customers.sites, name="site")
cli.add_typer(usage.commands, name="usage")
cli.add_typer(keys.commands, name="keys")
cli.add_typer(jobs.commands, name="jobs")
cli.add_typer(stripe.commands, name="stripe")
cli.add_typer(taxes.commands, name="tax-rates")
cli.add_typer(mail.commands, name="mail")
usage.add_to(cli)
payments.add_to(cli)
exports.add_to(cli)
sandbox.add_to(cli)


@cli.command("verify", add_help_option=False, context_settings={"ignore_unknown_options": True})
def verify_bundle(arguments: Annotated[list[str] | None, typer.Argument(metavar="BUNDLE …")] = None) -> None:
    """Check a bundle of receipts offline; `verify --help` says how."""
    raise typer.Exit(verify.run(arguments or []))
