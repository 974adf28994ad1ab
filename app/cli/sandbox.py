"""`tallystick sandbox`: the Stripe sandbox by itself, for a portal that runs elsewhere or a program under test."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.output import refuse
from app.cli.serving import Host, check_port, shown_address
from services.errors import PaymentsUnavailable
from services.gateways.stripe.connection import SANDBOX_KEY_PREFIX, connection
from services.settings import settings

if TYPE_CHECKING:
    from services.stripe_sandbox import Sandbox

PORT = 12_111


def add_to(cli: typer.Typer) -> None:
    """Put this command on the command line."""
    cli.command()(sandbox)


def sandbox(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="The port to listen on.")] = PORT,
    host: Host = "127.0.0.1",
    state: Annotated[
        Path | None, typer.Option(help="Remember everything in this file; without one it ends with the command.")
    ] = None,
) -> None:
    """A local stand-in for Stripe: API, checkout, customer portal and webhooks. Ctrl-C ends it."""
    from services.stripe_sandbox import open_sandbox  # noqa: PLC0415 — no other command needs it

    if settings().cookies_are_secure:
        refuse(
            "TALLYSTICK_PUBLIC_URL is an https:// address: there customers pay for real, and a sandbox has no place."
        )
    check_port(host, port)
    address = shown_address(host, port)
    key = _key()
    opened = open_sandbox(state=state, secret_key=key, public_url=address)
    typer.echo(f"\nThe Stripe sandbox is at {address}    (Ctrl-C ends it)\n")
    typer.echo("A portal uses it with")
    typer.echo(f"  TALLYSTICK_STRIPE_ADDRESS={address}")
    typer.echo(f"  TALLYSTICK_STRIPE_SECRET_KEY={key}\n")
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(opened, host, port))


def _key() -> str:
    """The key that this installation's portal uses for a sandbox, or one for today where it uses a real Stripe."""
    try:
        connected = connection()
    except PaymentsUnavailable:
        return SANDBOX_KEY_PREFIX + token_hex(32)
    return connected.secret_key if connected.account == "sandbox" else SANDBOX_KEY_PREFIX + token_hex(32)


async def _serve(opened: "Sandbox", host: str, port: int) -> None:
    from granian.constants import Interfaces  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415
    from granian.server.embed import Server  # noqa: PLC0415

    server = Server(
        opened.app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_level=LogLevels.error,
    )
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(name, server.stop)
    working = asyncio.create_task(opened.run())
    try:
        await server.serve()
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        opened.close()
    sys.stdout.flush()
    os._exit(0)  # all is kept and closed; the server's own threads, torn down with the interpreter, may abort it
