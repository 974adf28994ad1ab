"""Run by Alembic. The connection to migrate comes in `config.attributes["connection"]`; nothing is read from a file."""

from typing import Any

from alembic import context
from sqlalchemy import String
from sqlalchemy.types import TypeDecorator, TypeEngine

from models import metadata


def render_type(kind: str, item: Any, _context: Any) -> str | bool:
    """Write our own column types by name, and SQLModel's text as plain text, so a migration reads like the models."""
    if kind != "type" or not isinstance(item, TypeEngine):
        return False
    if type(item).__module__ == "models.base":
        return f"models.base.{type(item).__name__}()"
    if isinstance(item, TypeDecorator) and isinstance(item.impl_instance, String):
        return f"sa.String(length={item.impl_instance.length})"
    return False


def migrate() -> None:
    """Run the steps on the connection we were given, inside the transaction it is in."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        render_as_batch=True,
        render_item=render_type,
        compare_type=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


migrate()
