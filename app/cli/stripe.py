"""`tallystick stripe`: the payment provider."""

import json
from typing import Annotated, Any

import typer

from app.cli.output import AsJson, print_table
from app.cli.preparing import ready_database
from app.unit_of_work import now

commands = typer.Typer(help="Set up the payment provider.", no_args_is_help=True)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
BookCode = Annotated[
    str | None, typer.Option("--book", metavar="CODE", help="One price book; all of them if not given.")
]


@commands.command()
def setup(dry_run: DryRun = False, as_json: AsJson = False, book: BookCode = None) -> None:
    """Make or find products, prices, tax rates, payment links, the customer portal and the webhook at Stripe.

    Running it again changes nothing. Without a key in the settings it sets up the sandbox of `tallystick run`.
    """
    from services.gateways.stripe.client import stripe as open_stripe  # noqa: PLC0415 — the SDK takes a while to load
    from services.gateways.stripe.connection import check_settings  # noqa: PLC0415
    from services.payments.stripe_setup import set_up  # noqa: PLC0415

    check_settings()
    ready_database()
    _show(set_up(open_stripe(), at=now(), book_code=book, dry_run=dry_run), as_json=as_json)


def _show(report: Any, *, as_json: bool) -> None:
    rows = [
        {"kind": str(step.kind), "name": step.key, "action": step.action, "stripe_id": step.stripe_id, "url": step.url}
        for step in report.steps
    ]
    secret = None if report.account == "sandbox" else report.webhook_secret
    if as_json:
        said = {"account": report.account, "dry_run": report.is_dry_run, "things": rows, "notes": list(report.notes)}
        typer.echo(json.dumps(said | {"webhook_secret": secret}))
        return
    print_table(rows, as_json=False, empty="There is no price book; load one with `tallystick catalog load`.")
    changed = sum(row["action"] != "unchanged" for row in rows)
    would = "would be done" if report.is_dry_run else "done"
    typer.echo(f"\n{len(rows)} things in the {report.account} account; {changed or 'nothing'} {would}.")
    for note in report.notes:
        typer.echo(note)
    if secret is not None:
        typer.echo(
            "The webhook's signing secret is kept in this database, encrypted, and is not shown again. Set "
            f"TALLYSTICK_STRIPE_WEBHOOK_SECRET only where a second database receives at the same address:\n{secret}"
        )
