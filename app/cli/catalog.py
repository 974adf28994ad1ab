"""`tallystick catalog`: check price books and put them in force."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.output import AsJson, print_record
from app.cli.preparing import ready_database
from app.unit_of_work import now
from services.database import transaction
from services.price_books.books import load_book
from services.price_books.files import Finding, PriceBookRefused, read_book
from services.price_books.lint import warnings

commands = typer.Typer(help="Check price books and put them in force.", no_args_is_help=True)
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Price books in TOML.", show_default=False)]


@commands.command()
def check(files: Files) -> None:
    """Explain every mistake in price books, and warn where a price looks like one.

    Warnings do not refuse a book; a mistake ends with exit code 1. Nothing is written.
    """
    mistakes = sum(_check(path) for path in files)
    if mistakes:
        raise typer.Exit(1)


@commands.command()
def load(file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)], as_json: AsJson = False) -> None:
    """Put a price book in force for new subscriptions. Old ones keep the version they were sold."""
    book = read_book(file)
    for warning in warnings(book, file.name):
        _say("warning", warning)
    ready_database()
    with transaction() as session:
        loaded = load_book(session, book=book, at=now())
    said = list(loaded.new_plan_codes) if as_json else ", ".join(loaded.new_plan_codes) or "none; nothing changed"
    record = {"code": loaded.code, "version_id": loaded.version_id, "new_plan_versions": said}
    print_record(record, as_json=as_json)


def _check(path: Path) -> int:
    try:
        book = read_book(path)
    except PriceBookRefused as refused:
        for finding in refused.findings:
            _say("error", finding)
        return len(refused.findings)
    found = warnings(book, path.name)
    for warning in found:
        _say("warning", warning)
    typer.echo(f"{path.name}: {len(book.plans)} plans can be loaded" + (f"; warnings: {len(found)}" if found else ""))
    return 0


def _say(severity: str, finding: Finding) -> None:
    typer.echo(f"{severity}: {finding}", err=True)
