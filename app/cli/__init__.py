"""The `tallystick` command. One file a group of commands; what they refuse is worded in `app.cli.output`.

Exit codes: 0 done, 1 refused (with one sentence on stderr), 2 not a command or an option of ours.
"""

import typer

from app.cli import catalog, customers, keys, serving, usage
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
cli.add_typer(customers.tenants, name="tenant")
cli.add_typer(customers.keys, name="apikey")
cli.add_typer(customers.users, name="user")
cli.add_typer(customers.sites, name="site")
cli.add_typer(usage.commands, name="usage")
cli.add_typer(keys.commands, name="keys")
usage.add_to(cli)


def main() -> None:
    """Run the command line of this process."""
    cli()
