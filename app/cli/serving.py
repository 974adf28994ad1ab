"""`tallystick run`, `api`, `worker` and `migrate`: what keeps running, and what must have been done before it can."""

import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from app.cli.output import refuse
from app.cli.preparing import load_reserved_capacity, migrate_and_stock, ready_database
from app.unit_of_work import now
from services.database import engine, reading, transaction
from services.demo.telling import OPERATOR, demo_logins, is_seeded, seed_demo
from services.errors import NotFound
from services.gateways.stripe.connection import check_settings
from services.identity import find_user
from services.settings import settings

PORT = 3000
WORKERS_MAX = 64

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65_535, help="The port to listen on.")]


def add_to(cli: typer.Typer) -> None:
    """Put these commands on the command line."""
    cli.command()(run)
    cli.command()(api)
    cli.command()(worker)
    cli.command("migrate")(migrate_database)


def run(
    host: Host = "127.0.0.1",
    port: Port = PORT,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Fill an empty database with a demonstration.")
    ] = False,
) -> None:
    """Everything in one process: migrate, load the price books, build the pages where needed, and serve."""
    from app.serve import PagesNotBuiltError, build_pages, serve  # noqa: PLC0415 — loading Reflex takes a second

    check_settings()
    check_port(host, port)
    if demo:
        _allow_test_clocks()
    migrate_and_stock(at=now())
    with ThreadPoolExecutor(1) as beside:
        building = beside.submit(build_pages, say=typer.echo)
        if demo:
            _seed()
        try:
            building.result()
        except PagesNotBuiltError as error:
            refuse(str(error))
    load_reserved_capacity(at=now())
    _show_address(host, port)
    _hand_settings_over()
    engine().dispose()
    serve(host, port)


def api(
    workers: Annotated[int, typer.Option(min=1, max=WORKERS_MAX, help="Processes that share the port.")] = 1,
    port: Port = PORT,
    host: Host = "127.0.0.1",
) -> None:
    """The HTTP API alone, without the pages. PostgreSQL must have been migrated with `tallystick migrate`."""
    check_settings()
    check_port(host, port)
    ready_database()
    load_reserved_capacity(at=now())
    engine().dispose()
    typer.echo(f"The API listens on {shown_address(host, port)} with {workers} worker{'s' if workers > 1 else ''}.")
    Server(
        target="app.api_alone:create_api_alone",
        factory=True,
        interface=Interfaces.ASGI,
        address=host,
        port=port,
        workers=workers,
        respawn_failed_workers=True,  # one that is killed takes no other with it
        log_level=LogLevels.warning,
    ).serve()


def worker() -> None:
    """Work on the jobs: close periods, keep payments moving, send what is due. Any number of them may, on PostgreSQL.

    It ends on Ctrl-C or SIGTERM. Killed anywhere, another goes on where it stopped. The portal works on jobs too,
    unless TALLYSTICK_SCHEDULER is false.
    """
    from app.jobs.running import working  # noqa: PLC0415 — used by this command alone

    check_settings()
    ready_database()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    typer.echo("Working on jobs; Ctrl-C ends it.")
    with working():
        ended.wait()


def migrate_database() -> None:
    """Bring the database to this program's tables, and load the shipped price books it does not have."""
    loaded = migrate_and_stock(at=now())
    typer.echo("The database is up to date.")
    for book in loaded:
        typer.echo(f"Price book {book.code} is loaded.")


def _allow_test_clocks() -> None:
    """A demonstration may be walked through time, unless the settings say otherwise or real customers are near."""
    given = settings()
    is_real = given.cookies_are_secure or given.stripe_secret_key is not None
    if "test_clocks" not in given.model_fields_set and not is_real:
        os.environ["TALLYSTICK_TEST_CLOCKS"] = "true"
        settings.cache_clear()


def _seed() -> None:
    with reading() as session:
        if is_seeded(session):
            return
    typer.echo("Writing half a year of demonstration data …")
    with transaction() as session:
        seed_demo(session, at=now())


def _show_address(host: str, port: int) -> None:
    typer.echo(f"\nTallystick is at {shown_address(host, port)}    (the API is at /docs; Ctrl-C ends it)\n")
    from app.sandbox import SANDBOX_PATH, wants_sandbox  # noqa: PLC0415 — loading the sandbox takes a moment

    if wants_sandbox(settings()):
        typer.echo(f"No Stripe is connected: payments go to a sandbox, {shown_address(host, port)}{SANDBOX_PATH}/\n")
    if _holds_the_demonstration():
        logins = demo_logins()
        width = max(len(login.email) for login in logins)
        typer.echo("Sign in to the demonstration as")
        for login in logins:
            typer.echo(f"  {login.email:<{width}}  {login.password}  {login.who}")
        typer.echo()


def _holds_the_demonstration() -> bool:
    with reading() as session:
        try:
            find_user(session, email=OPERATOR)
        except NotFound:
            return False
    return True


def shown_address(host: str, port: int) -> str:
    """The address as a person types it into a browser on this machine."""
    shown = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host  # noqa: S104
    return f"http://{shown}:{port}"


def check_port(host: str, port: int) -> None:
    """Say so at once where somebody else listens there, not after the pages are built."""
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family, kind, protocol) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind(address)
    except OSError as error:
        refuse(f"Port {port} on {host} cannot be listened on ({error.strerror}); choose another with --port.")


def _hand_settings_over() -> None:
    """The server works in the project's folder; a `.env` file or a relative path here must mean the same there."""
    for name, value in settings().model_dump(exclude_none=True).items():
        os.environ[f"TALLYSTICK_{name.upper()}"] = str(value)
    url = engine().url
    if url.get_backend_name() == "sqlite" and url.database:
        absolute = url.set(database=str(Path(url.database).resolve()))
        os.environ["TALLYSTICK_DATABASE_URL"] = absolute.render_as_string(hide_password=False)
