"""`tallystick keys`: the keys that sign receipts."""

import json
from typing import Any

import typer

from app.cli.output import AsJson, print_record, print_table
from app.cli.preparing import ready_database
from app.unit_of_work import now
from models import KeyRotation, SigningKey
from services.database import reading, transaction
from services.gateways.signing import base64url
from services.receipts.signing_keys import list_keys, rotate_key

commands = typer.Typer(help="The keys that sign receipts.", no_args_is_help=True)


@commands.command("list")
def list_all(as_json: AsJson = False) -> None:
    """Every key there has been, the one that signs first."""
    ready_database()
    with reading() as session:
        rows = [_row(key) for key in list_keys(session)]
    print_table(rows, as_json=as_json, empty="There is no key yet.")


@commands.command()
def rotate(as_json: AsJson = False) -> None:
    """Retire the key that signs and let a new one sign from here on.

    Both sign the statement that says so. The old private key is destroyed; its public key stays published.
    """
    ready_database()
    with transaction() as session:
        record = _record(rotate_key(session, at=now()))
    if as_json:
        print_record(record, as_json=True)
        return
    print_record({name: record[name] for name in ("number", "old_kid", "new_kid", "rotated_at")}, as_json=False)


def _row(key: SigningKey) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "status": "signs" if key.retired_at is None else "retired",
        "active_from": key.activated_at.isoformat(timespec="seconds"),
        "retired_at": None if key.retired_at is None else key.retired_at.isoformat(timespec="seconds"),
    }


def _record(rotation: KeyRotation) -> dict[str, Any]:
    return {
        "number": rotation.number,
        "old_kid": rotation.old_kid,
        "new_kid": rotation.new_kid,
        "rotated_at": rotation.rotated_at.isoformat(timespec="seconds"),
        "statement": json.loads(rotation.statement),
        "old_signature": base64url(rotation.old_signature),
        "new_signature": base64url(rotation.new_signature),
    }
