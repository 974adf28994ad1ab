"""`tallystick apikey`: keys that programs sign in with, and who made them."""

import getpass
import os
from typing import Annotated

import typer

from app.cli.customers import AsOperator, SomeTenant, check_whose
from app.cli.output import AsJson, print_record, print_table
from app.cli.preparing import ready_database
from app.unit_of_work import now
from services.api_keys import TENANT_SCOPES, create_api_key, list_api_keys, revoke_api_key
from services.database import reading, transaction
from services.identity import find_tenant
from services.key_makers import maker_at_command_line, names_of_makers

commands = typer.Typer(help="Keys that programs sign in with.", no_args_is_help=True)


@commands.command("create")
def create_key(
    *,
    tenant: SomeTenant = None,
    scopes: Annotated[list[str] | None, typer.Option(help=f"Repeatable: {', '.join(TENANT_SCOPES)}.")] = None,
    operator: AsOperator = False,
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="EMAIL", help="The operator who makes it, instead of this account."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is printed once, alone on the last line, and kept only as a digest.

    One with gainshare:write that is made here sends figures and files for the customer; it signs nothing for them.
    """
    check_whose(tenant, operator)
    if not operator and not scopes:
        raise typer.BadParameter("a customer's key needs at least one", param_hint="--scopes")
    ready_database()
    with transaction() as session:
        owner = None if tenant is None else find_tenant(session, id_or_name=tenant)
        made = create_api_key(
            session,
            tenant_id=owner.id if owner else None,
            is_operator=operator,
            scopes=scopes or [],
            name=name,
            maker=maker_at_command_line(session, account=_account(), email=by),
            at=now(),
        )
    if as_json:
        print_record({"key_id": made.id, "key": made.key}, as_json=True)
        return
    typer.echo(f"Key {made.id} for {owner.name if owner else 'an operator'}. It is not shown again:")
    typer.echo(made.key)


@commands.command("list")
def show_keys(*, tenant: SomeTenant = None, operator: AsOperator = False, as_json: AsJson = False) -> None:
    """The keys of a customer or of the operators, the newest first, with who made them."""
    check_whose(tenant, operator)
    ready_database()
    with reading() as session:
        owner = None if tenant is None else find_tenant(session, id_or_name=tenant)
        keys = list_api_keys(session, tenant_id=owner.id if owner else None)
        makers = names_of_makers(session, keys)
        rows = [
            {
                "key_id": key.id,
                "begins": key.prefix,
                "name": key.name,
                "scopes": " ".join(key.scopes),
                "made_by": makers[key.created_by],
                "made_for": key.created_party.value,
                "made_at": key.created_at.isoformat(),
                "last_used_at": None if key.last_used_at is None else key.last_used_at.isoformat(),
                "revoked_at": None if key.revoked_at is None else key.revoked_at.isoformat(),
            }
            for key in keys
        ]
    print_table(
        rows, as_json=as_json, empty=f"{owner.name} has no key yet." if owner else "The operators have no key yet."
    )


@commands.command("revoke")
def end_key(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", show_default=False)], *, as_json: AsJson = False
) -> None:
    """End a key at once. Revoking again changes nothing."""
    ready_database()
    with transaction() as session:
        key = revoke_api_key(session, key_id=key_id, at=now())
        assert key.revoked_at is not None, "it was revoked just now or before"
        record = {"key_id": key.id, "revoked_at": key.revoked_at.isoformat()}
    print_record(record, as_json=as_json)


def _account() -> str:
    """The account of this machine that the command runs as; its number where it has no name, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
