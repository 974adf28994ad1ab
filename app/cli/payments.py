"""`tallystick stripe replay|sweep|calls|retry` and `tallystick reconcile`: keeping step with the payment provider."""

import json
from typing import Annotated

import typer

from app.cli.output import AsJson, print_record, print_table, refuse
from app.cli.preparing import ready_database
from app.cli.stripe import commands as stripe_commands
from app.unit_of_work import now
from services.database import transaction

EventId = Annotated[str, typer.Argument(metavar="EVENT_ID", help="The event's id at Stripe, evt_…")]
CallKey = Annotated[str, typer.Argument(metavar="KEY", help="The key of a held call, as `stripe calls` lists it.")]
TenantName = Annotated[str | None, typer.Option("--tenant", metavar="T", help="One customer, by id or name.")]
Offline = Annotated[bool, typer.Option("--offline", help="Take Stripe's side as it was last read; do not call it.")]


def add_to(cli: typer.Typer) -> None:
    """Put these commands on the command line."""
    stripe_commands.command()(replay)
    stripe_commands.command()(sweep)
    stripe_commands.command()(calls)
    stripe_commands.command()(retry)
    cli.command()(reconcile)


def replay(event_id: EventId, as_json: AsJson = False) -> None:
    """Handle an event again, whatever became of it. What it did already is not done twice."""
    from app import payments  # noqa: PLC0415 — the provider's package takes a while to load
    from services.gateways.stripe.client import stripe  # noqa: PLC0415
    from services.payments import inbox  # noqa: PLC0415

    ready_database()
    with transaction() as session:
        inbox.replay_event(session, event_id=event_id, at=now())
    payments.handle_events(stripe(), at=now(), clock=now)
    with transaction() as session:
        event = inbox.read_event(session, event_id=event_id)
    print_record(
        {"event_id": event.id, "type": event.type, "status": event.status, "error": event.error}, as_json=as_json
    )
    if event.status == "failed":
        raise typer.Exit(1)


def sweep(as_json: AsJson = False) -> None:
    """Fetch the events of the last days that never arrived, and handle them."""
    from app import payments  # noqa: PLC0415
    from services.gateways.stripe.client import stripe  # noqa: PLC0415

    ready_database()
    found = payments.sweep_events(stripe(), at=now())
    worked = payments.work_until_done(stripe(), clock=now)
    print_record({"found": found, "handled": worked.events, "failed": worked.failed_events}, as_json=as_json)


def calls(as_json: AsJson = False) -> None:
    """List the calls to Stripe that are held for somebody to decide."""
    from services.gateways.stripe.connection import connection  # noqa: PLC0415
    from services.payments import outbox  # noqa: PLC0415

    ready_database()
    with transaction() as session:
        held = outbox.held_calls(session, account=connection().account)
    rows = [
        {"key": call.key, "tenant_id": call.tenant_id, "since": call.created_at.isoformat(), "error": call.error}
        for call in held
    ]
    print_table(rows, as_json=as_json, empty="No call is held.")


def retry(key: CallKey, as_json: AsJson = False) -> None:
    """Make a held call again, and those that waited behind it."""
    from app import payment_calls  # noqa: PLC0415
    from services.gateways.stripe.client import stripe  # noqa: PLC0415
    from services.payments import outbox  # noqa: PLC0415

    ready_database()
    with transaction() as session:
        call = outbox.find_held(session, account=stripe().account, key=key)
        outbox.retry_call(session, tenant_id=call.tenant_id, account=call.account, key=key, at=now())
    payment_calls.make_calls_of(stripe(), tenant_id=call.tenant_id, subject=call.subject, clock=now)
    with transaction() as session:
        call = outbox.read_call(session, call)
    print_record({"key": call.key, "status": call.status, "error": call.error}, as_json=as_json)
    if call.status != "done":
        raise typer.Exit(1)


def reconcile(tenant: TenantName = None, offline: Offline = False, as_json: AsJson = False) -> None:
    """Compare events, our invoice, Stripe's and the payment, for every invoice; exit code 1 if they differ."""
    from app import reconciling  # noqa: PLC0415
    from services.errors import PaymentsUnavailable  # noqa: PLC0415
    from services.gateways.stripe.client import stripe  # noqa: PLC0415

    ready_database()
    try:
        connected = None if offline else stripe()
    except PaymentsUnavailable as refusal:
        refuse(f"{refusal.detail} With --offline only our own side is compared.")
    found = reconciling.check_all(connected, at=now(), tenant_id=_tenant_id(tenant))
    rows = [
        {"tenant_id": check.tenant_id, "invoice_id": check.invoice_id, **each}
        for check in found.differing
        for each in check.differences
    ]
    nobodys = {"code": "unknown_at_stripe", "detail": "Stripe has it, and it carries no invoice of ours."}
    rows += [{"tenant_id": row.tenant_id, "invoice_id": row.stripe_id, **nobodys} for row in found.unknown]
    if as_json:
        typer.echo(json.dumps({"invoices": len(found.checks), "differing": len(found.differing), "differences": rows}))
    else:
        print_table(rows, as_json=False, empty="Everything agrees.")
        typer.echo(f"\n{len(found.checks):,} invoices compared, {len(found.differing):,} differ.")
    if rows:
        raise typer.Exit(1)


def _tenant_id(named: str | None) -> str | None:
    from services.identity import find_tenant  # noqa: PLC0415

    if named is None:
        return None
    with transaction() as session:
        return find_tenant(session, id_or_name=named).id
