"""Write the migration from the last revision to the tables as they are in `models` now.

    python -m models.migrations.generate "add receipts"          a new step
    python -m models.migrations.generate "foundation" --replace  the last step anew, while it has not been released

Read the file it writes: Alembic does not notice a changed CHECK, and cannot know a rename from a drop and an add.
The foundation ends with the triggers of `models.finality`, written out; a later step that changes them, or a table
they guard, has to write its own.
"""

import argparse
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from models import metadata
from models.finality import DIALECTS, statements, triggers

MIGRATIONS = Path(__file__).resolve().parent


def migration_config() -> Config:
    """Alembic's settings: where the steps are and how their files are named."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config


def generate(message: str, *, replace: bool = False) -> Path:
    """Write a step and return its file. With `replace`, the newest step is removed first."""
    config = migration_config()
    if replace:
        _newest_step(config).unlink()
    count = len(list((MIGRATIONS / "versions").glob("[0-9]*.py")))
    with create_engine("sqlite://").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        command.revision(config, message, autogenerate=True, rev_id=f"{count + 1:04d}")
    path = _newest_step(config)
    if count == 0:
        _write_triggers(path)
    return path


def _write_triggers(path: Path) -> None:
    """Add what makes final rows final to the first step, as it is now."""
    made = {dialect: statements(metadata, dialect) for dialect in DIALECTS}
    text = "".join(f"    {dialect!r}: [\n{_listed(made[dialect])}    ],\n" for dialect in DIALECTS)
    upgrade, downgrade = path.read_text().split(_BETWEEN)
    functions = "".join(f"        op.execute({_drop(trigger.name)!r})\n" for trigger in triggers(metadata))
    path.write_text(
        f"{upgrade}\n    for statement in FINAL[op.get_bind().dialect.name]:\n        op.execute(statement)\n"
        f"{_BETWEEN}{downgrade}"
        f"    if op.get_bind().dialect.name == 'postgresql':\n{functions}"
        f"\n\nFINAL = {{\n{text}}}\n"
    )


def _listed(made: list[str]) -> str:
    return "".join(f"        {statement!r},\n" for statement in made)


def _drop(name: str) -> str:
    return f"DROP FUNCTION refuse_{name}()"


_BETWEEN = "\n\ndef downgrade() -> None:\n"


def _newest_step(config: Config) -> Path:
    script = ScriptDirectory.from_config(config)
    newest = script.get_revision(script.get_current_head() or "")
    return Path(newest.path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a migration for the tables as they are now.")
    parser.add_argument("message")
    parser.add_argument("--replace", action="store_true", help="write the newest step anew")
    arguments = parser.parse_args()
    print(generate(arguments.message, replace=arguments.replace))
