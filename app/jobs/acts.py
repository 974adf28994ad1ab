"""What the jobs do in a step. A step may be done again after a crash: each is our own transactions, safe to repeat.

An act takes what its run was given and answers counts by name; `more` above zero asks for another round.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from app import credit_jobs, mailing, retention, unit_of_work, webhook_deliveries
from app.closings import CLOSED_TOGETHER, Failure, close_some
from app.gain_share_reminders import remind_of_runs_due
from app.scheduled_ends import end_subscriptions_due
from app.trial_notices import announce_trials_ending_due
from services import job_workers
from services.closing.close import close_if_due
from services.closing.due_periods import Subscribed
from services.database import reading, transaction
from services.gateways.workflows import runs
from services.gateways.workflows.procedures import RETRIES
from services.gateways.workflows.runs import RunState
from services.subscriptions.finding import read_subscription

Counts = dict[str, int]
Given = Mapping[str, Any]

CLOSE_PERIODS: Final = "close-periods"
CLOSE_SUBSCRIPTION: Final = "close-subscription"
CLOSING_QUEUE: Final = "closing"

GROUPS_A_STEP: Final = 8
"""A step is kept as done, which costs about a millisecond: not after every transaction."""

LANES_MAX: Final = 8
AGAIN_AFTER_SECONDS: Final = 60.0
RESTING_MAX: Final = 10_000
FORGOTTEN_AT_ONCE: Final = 500
IDLE_KEPT: Final = timedelta(minutes=2)
RUNS_KEPT: Final = timedelta(days=30)


def close_periods(given: Given) -> Counts:
    """Close some of the periods that are due. Where there are many, other workers are asked to join in.

    One that cannot be closed gets runs of its own, each later than the one before; until then it is left in peace.
    """
    ended = end_subscriptions_due(at=unit_of_work.now())["ended"]
    leaving = _resting()
    closed = without_invoice = failed = 0
    is_more = False
    for _ in range(GROUPS_A_STEP):
        done = close_some(at=unit_of_work.now(), leaving=leaving)
        for failure in done.failures:
            try_again(failure)
        leaving = leaving | set(done.failed) | set(done.without_invoice)
        closed += len(done.invoices)
        without_invoice += len(done.without_invoice)
        failed += len(done.failures)
        is_more = len(done.invoices) + len(done.failures) + len(done.without_invoice) == CLOSED_TOGETHER
        if not is_more:
            break
    if is_more and "lane" not in given:
        _ask_others(given)
    counts = {"closed": closed, "without_invoice": without_invoice, "failed": failed, "more": int(is_more)}
    return counts | ({"ended": ended} if ended else {})


def close_subscription(given: Given) -> Counts:
    """Close a period that could not be closed before. Raises what it failed with, which its run then says."""
    tenant_id, subscription_id = str(given["tenant_id"]), str(given["subscription_id"])
    with transaction() as session:
        invoice = close_if_due(session, tenant_id=tenant_id, subscription_id=subscription_id, at=unit_of_work.now())
    return {"closed": int(invoice is not None)}


def announce_trials_ending(_given: Given) -> Counts:
    """Tell of trials that end soon."""
    return announce_trials_ending_due(at=unit_of_work.now())


def remind_of_runs(_given: Given) -> Counts:
    """Remind customers of gain-share runs that wait for them."""
    return remind_of_runs_due(at=unit_of_work.now())


def write_letters(_given: Given) -> Counts:
    """Write letters from the notices nobody has looked at."""
    return mailing.prepare_due_mails(at=unit_of_work.now())


def send_letters(_given: Given) -> Counts:
    """Hand over the letters that are due."""
    return mailing.send_due_mails(at=unit_of_work.now(), clock=unit_of_work.now)


def deliver_webhooks(_given: Given) -> Counts:
    """Send customers' systems what they are due."""
    return webhook_deliveries.deliver_due_webhooks(at=unit_of_work.now())


def ask_for_assets(_given: Given) -> Counts:
    """Ask customers' systems for their assets, where it is due."""
    from app import asset_pulls  # noqa: PLC0415 — it reads bodies as the API does, which may ask for jobs

    return asset_pulls.pull_due_asset_counts(at=unit_of_work.now())


def buy_credits(_given: Given) -> Counts:
    """Buy the credits that are to be bought by themselves."""
    return credit_jobs.top_up_due(at=unit_of_work.now())


def settle_credits(_given: Given) -> Counts:
    """Let credits expire and tell of it before, move what was left behind, end purchases that nobody paid."""
    return credit_jobs.settle_due(at=unit_of_work.now())


def forget_history(_given: Given) -> Counts:
    """Delete what was sent to customers' systems, and what letters said, long ago."""
    return retention.forget_history(at=unit_of_work.now())


def try_again(failure: Failure) -> None:
    """Put another attempt at closing a period in line. Its name says which, so that it is there once."""
    with reading() as session:
        subscription = read_subscription(session, tenant_id=failure.tenant_id, subscription_id=failure.subscription_id)
    runs.enqueue(
        CLOSE_SUBSCRIPTION,
        {"tenant_id": failure.tenant_id, "subscription_id": failure.subscription_id},
        run_id=f"close:{failure.tenant_id}:{failure.subscription_id}:{subscription.current_period_start:%Y-%m-%dT%H:%MZ}",
        queue=RETRIES.name,
        after_seconds=AGAIN_AFTER_SECONDS,
    )


def forget_runs(_given: Given) -> Counts:
    """Forget the runs that did nothing, but the last of each job, and all that ended long ago."""
    at = datetime.now(UTC)
    ended = runs.find_runs(states=[RunState.DONE], limit=FORGOTTEN_AT_ONCE)
    last = {run.name: run.id for run in reversed(ended)}
    idle = [
        run.id
        for run in ended
        if not any(run.counts.values())
        and run.id != last[run.name]
        and run.ended_at is not None
        and run.ended_at < at - IDLE_KEPT
    ]
    old = runs.find_runs(
        states=[RunState.DONE, RunState.FAILED, RunState.CANCELED],
        ended_before=at - RUNS_KEPT,
        limit=FORGOTTEN_AT_ONCE,
    )
    runs.forget_runs([*idle, *(run.id for run in old)])
    return {}


def _resting() -> set[Subscribed]:
    waiting = runs.find_runs(
        names=[CLOSE_SUBSCRIPTION],
        states=[RunState.WAITING, RunState.DELAYED, RunState.RUNNING],
        limit=RESTING_MAX,
    )
    return {(str(run.given["tenant_id"]), str(run.given["subscription_id"])) for run in waiting}


def _ask_others(given: Given) -> None:
    with reading() as session:
        workers = len(job_workers.living_workers(session, at=unit_of_work.now()))
    for lane in range(1, min(workers, LANES_MAX)):
        runs.enqueue(
            CLOSE_PERIODS,
            {**given, "lane": lane},
            run_id=f"{CLOSE_PERIODS}:{given['slot']}:{lane}",
            queue=CLOSING_QUEUE,
            alone_as=f"{CLOSE_PERIODS}:{lane}",
        )
