"""What a command says: results on stdout (a table, or JSON with --json), refusals in one sentence on stderr."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from app.logs import configure_logging
from services.availability import telling_unavailable
from services.errors import Refusal
from services.price_books.files import PriceBookRefused
from services.rules.violations import RuleViolation
from services.settings import settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


class SayingWhy(TyperGroup):
    """A group whose commands end with exit code 1 and a sentence, never a traceback, where something is refused."""

    def invoke(self, ctx: Any) -> Any:
        with _refusals_worded(), telling_unavailable():
            _prepare_logging()
            return super().invoke(ctx)


def refuse(sentence: str) -> NoReturn:
    """Say why not, and end with exit code 1."""
    typer.echo(sentence, err=True)
    raise typer.Exit(1)


def print_record(record: dict[str, Any], *, as_json: bool) -> None:
    """Print one thing, a line a field."""
    if as_json:
        typer.echo(json.dumps(record))
        return
    width = max(len(name) for name in record)
    for name, value in record.items():
        if value is not None:
            typer.echo(f"{name.replace('_', ' '):<{width}}  {value}")


def print_table(rows: Sequence[dict[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print things of one kind as a table, or the sentence `empty` where there are none."""
    if as_json:
        typer.echo(json.dumps(list(rows)))
        return
    if not rows:
        typer.echo(empty)
        return
    lines = [[name.replace("_", " ") for name in rows[0]]]
    lines += [["" if value is None else str(value) for value in row.values()] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


@contextmanager
def _refusals_worded() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        refuse(refusal.detail)
    except RuleViolation as violation:
        refuse(violation.message)
    except FileExistsError as error:
        refuse(f"{error.filename} is there already; choose another file.")
    except PriceBookRefused as refused:
        refuse(str(refused))
    except ValidationError as error:
        if error.title != "Settings":
            raise
        said = "; ".join(f"TALLYSTICK_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        refuse(f"A setting cannot be used. {said}")


def _prepare_logging() -> None:
    """Logs go to stderr; at a terminal only what a person must know, unless TALLYSTICK_LOG_LEVEL asks for more."""
    configure_logging()
    if "log_level" not in settings().model_fields_set:
        for ours in ("app", "services", "tallystick"):
            logging.getLogger(ours).setLevel(logging.WARNING)
