"""Making sure the database is there before a command uses it."""

from datetime import datetime

import structlog
import typer

from app.cli.output import refuse
from app.unit_of_work import now
from services.availability import check_readiness
from services.contracts.reserved import reload_reserved
from services.database import Engine, engine, reading, transaction
from services.errors import Refusal, UnknownPriceBook
from services.migrations import migrate
from services.price_books.books import LoadedBook, book_in_force, load_book
from services.price_books.files import read_book
from services.receipts.signing_keys import ensure_active_key
from services.settings import CATALOGS, settings

AT_START = "server start"
log = structlog.get_logger("tallystick.reserved_capacity")


def ready_database() -> None:
    """Bring SQLite up to date by itself. PostgreSQL is migrated when somebody decides so, with `tallystick migrate`.

    Raises NotMigrated where that has not been done.
    """
    if usable_engine().dialect.name == "sqlite":
        migrate_and_stock(at=now())
    else:
        check_readiness()


def migrate_and_stock(*, at: datetime) -> list[LoadedBook]:
    """Migrate, make the key that signs receipts, and load the shipped price books that the database has no book for.

    Answers those just loaded. A book that is there stays as it is: what customers are offered changes with
    `tallystick catalog load` alone.
    """
    migrate(usable_engine())
    if usable_engine().dialect.name != "sqlite":  # on SQLite who works on jobs does it
        prepare_jobs()
    with transaction() as session:
        ensure_active_key(session, at=at)
    missing = [path for path in sorted(CATALOGS.glob("*.toml")) if not _is_in_force(path.stem)]
    if not missing:
        return []
    with transaction() as session:
        return [load_book(session, book=read_book(path), at=at) for path in missing]


def load_reserved_capacity(*, at: datetime) -> None:
    """Load the file of reserved capacity as a server starts, where there is one.

    One that cannot be loaded is said, and changes nothing: the contracts stay as they were loaded before.
    """
    if settings().reserved_config is None:
        return
    try:
        with transaction() as session:
            changes = reload_reserved(session, by=AT_START, at=at)
    except Refusal as refusal:
        log.error("reserved_capacity_not_loaded", reason=refusal.detail)
        typer.echo(f"Reserved capacity was not loaded and stays as it was. {refusal.detail}", err=True)
        return
    changed = [change for change in changes if change.change != "unchanged"]
    log.info("reserved_capacity_loaded", customers=len(changes), changed=len(changed))


def usable_engine() -> Engine:
    """The engine of the database in the settings. Ends the command where there can be none."""
    try:
        return engine()
    except Exception as error:
        refuse(f"TALLYSTICK_DATABASE_URL cannot be used: {error}")


def prepare_jobs() -> None:
    """Make or migrate the tables of the runs of jobs."""
    from services.gateways.workflows.state import prepare_state  # noqa: PLC0415 — it takes a moment to load

    prepare_state()


def _is_in_force(code: str) -> bool:
    with reading() as session:
        try:
            book_in_force(session, code=code)
        except UnknownPriceBook:
            return False
    return True
