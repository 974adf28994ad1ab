"""`tallystick jobs`: what runs by the clock, what failed, and running it now."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from app.cli.output import AsJson, print_record, print_table
from app.cli.preparing import ready_database

commands = typer.Typer(help="What runs by the clock: periods, payments, letters, webhooks.", no_args_is_help=True)


@commands.command("list")
def list_jobs(
    *,
    state: Annotated[
        str, typer.Option(help="failed, running, waiting, delayed, done or stuck; any unless given.")
    ] = "",
    job: Annotated[str, typer.Option(help="Of this job alone.")] = "",
    as_json: AsJson = False,
) -> None:
    """The newest runs: when, how long, and what each did or why it failed."""
    from app.jobs import views  # noqa: PLC0415 — what keeps them takes a moment to load

    ready_database()
    known = {*views.RunState, views.STUCK, ""}
    if state not in known:
        raise typer.BadParameter(f"choose {', '.join(sorted(each for each in known if each))}", param_hint="--state")
    view = views.list_runs(at=datetime.now(UTC), state=state, job=job)
    rows = [
        {
            "run": row.id,
            "job": row.job,
            "state": row.state,
            "started": row.started,
            "took": row.took,
            "what": " · ".join(part for part in (row.what, row.note) if part),
        }
        for row in view.rows
    ]
    print_table(rows, as_json=as_json, empty="There is no such run.")


@commands.command()
def retry(run_id: Annotated[str, typer.Argument(metavar="RUN", show_default=False)]) -> None:
    """Put a run that failed back in line, from the step that failed, or begin now what waits for its time."""
    from services.gateways.workflows import runs  # noqa: PLC0415 — see above

    ready_database()
    runs.retry_run(run_id)
    typer.echo(f"{run_id} is in line again.")


@commands.command()
def run(name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)], as_json: AsJson = False) -> None:
    """Put a run of a job in line now. The portal or a `tallystick worker` takes it from there."""
    from app.jobs.asking import run_now  # noqa: PLC0415 — see above

    ready_database()
    print_record({"run": run_now(name)}, as_json=as_json)
