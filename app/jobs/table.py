"""Every job in one table: what runs it, how often, and how what it did is worded. To add one, add a row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app import payment_jobs
from app.jobs import acts, bell
from services.gateways.workflows.procedures import RETRIES, Counts, Queue
from services.settings import settings

JOBS_QUEUE: Final = Queue(bell.QUEUE, at_once=16, look_seconds=0.25)
CLOSING_QUEUE: Final = Queue(acts.CLOSING_QUEUE, at_once=1, look_seconds=0.5)
QUEUES: Final = (JOBS_QUEUE, CLOSING_QUEUE, RETRIES)

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
Words = Mapping[str, tuple[str, str]]
"""How a count is worded: for one, and for any other number."""


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Job:
    """Something done again and again. One run of a job at a time: where the last has not ended, the next is left out.

    `seconds` lie between the beginnings of two runs; None for what is begun by other jobs. What fails is done again in
    its next run; where that is far, or never comes, `again_after_seconds`, and later if that fails too.
    """

    name: str
    title: str
    act: Callable[[Mapping[str, Any]], Counts]
    seconds: float | None
    words: Words
    queue: Queue = JOBS_QUEUE
    tries: int = 3
    again_after_seconds: float | None = None
    is_offered: Callable[[], bool] = field(default=_always)


FAILED: Final = {"failed": ("failed", "failed")}
EVENTS: Final = {"events": ("event", "events")}


def jobs() -> tuple[Job, ...]:
    """All jobs of this installation."""
    return tuple(job for job in _jobs() if job.is_offered())


def job_named(name: str) -> Job | None:
    """The job of that name, where there is one."""
    return next((job for job in _jobs() if job.name == name), None)


def _jobs() -> tuple[Job, ...]:
    closed = {"closed": ("period closed", "periods closed")}
    ended = {"without_invoice": ("ended with nothing to bill", "ended with nothing to bill")}
    payments = payment_jobs.can_be_had
    return (
        Job(
            acts.CLOSE_PERIODS,
            "Close periods",
            acts.close_periods,
            seconds=float(settings().scheduler_seconds),
            words=closed | ended | FAILED,
            queue=CLOSING_QUEUE,
        ),
        Job(
            acts.CLOSE_SUBSCRIPTION,
            "Close one period again",
            acts.close_subscription,
            seconds=None,
            words=closed,
            queue=RETRIES,
            tries=1,
            again_after_seconds=acts.AGAIN_AFTER_SECONDS * 4,
        ),
        Job(
            payment_jobs.NAME,
            "Payments",
            payment_jobs.work,
            seconds=5.0,
            words=EVENTS
            | {
                "calls": ("call", "calls"),
                "events_failed": ("event failed", "events failed"),
                "calls_failed": ("call failed", "calls failed"),
            },
            is_offered=payments,
        ),
        Job(
            "dunning",
            "Payment reminders",
            payment_jobs.advance_dunnings,
            seconds=MINUTE,
            words={"reminders": ("reminder written", "reminders written")} | FAILED,
            is_offered=payments,
        ),
        Job(
            "sweep",
            "Events that never arrived",
            payment_jobs.sweep,
            seconds=HOUR,
            words=EVENTS,
            again_after_seconds=5 * MINUTE,
            is_offered=payments,
        ),
        Job(
            "comparison",
            "Compare with the provider",
            payment_jobs.compare,
            seconds=DAY,
            words={"differing": ("invoice differs", "invoices differ")},
            again_after_seconds=5 * MINUTE,
            is_offered=payments,
        ),
        Job(
            "trials",
            "Trials that end soon",
            acts.announce_trials_ending,
            seconds=10 * MINUTE,
            words={"told": ("customer told", "customers told")} | FAILED,
        ),
        Job(
            "gain-share",
            "Gain-share that waits for a decision",
            acts.remind_of_runs,
            seconds=10 * MINUTE,
            words={
                "reminders": ("customer reminded", "customers reminded"),
                "overdue": ("run overdue", "runs overdue"),
            }
            | FAILED,
        ),
        Job(
            "top-ups",
            "Buy credits by themselves",
            acts.buy_credits,
            seconds=10.0,
            words={
                "bought": ("purchase", "purchases"),
                "not_needed": ("not needed any more", "not needed any more"),
                "limited": ("at its limit", "at their limits"),
                "stopped": ("turned off", "turned off"),
            }
            | FAILED,
        ),
        Job(
            "credits",
            "Credits that expire, move or were not paid",
            acts.settle_credits,
            seconds=MINUTE,
            words={
                "unpaid": ("purchase not paid", "purchases not paid"),
                "expired": ("lot expired", "lots expired"),
                "told": ("customer told", "customers told"),
                "moved": ("lot moved", "lots moved"),
            }
            | FAILED,
        ),
        Job(
            "letters",
            "Write letters",
            acts.write_letters,
            seconds=10.0,
            words={"mails": ("letter written", "letters written")} | FAILED,
        ),
        Job(
            "mail",
            "Send letters",
            acts.send_letters,
            seconds=10.0,
            words={
                "sent": ("sent", "sent"),
                "postponed": ("postponed", "postponed"),
                "refused": ("refused", "refused"),
                "lost": ("of which nobody knows", "of which nobody knows"),
            },
        ),
        Job(
            "asset-counts",
            "Ask for assets",
            acts.ask_for_assets,
            seconds=MINUTE,
            words={
                "recorded": ("count recorded", "counts recorded"),
                "broken": ("failed on our side", "failed on our side"),
            }
            | FAILED,
        ),
        Job(
            "webhooks",
            "Send webhooks",
            acts.deliver_webhooks,
            seconds=5.0,
            words={"delivered": ("delivered", "delivered"), "broken": ("endpoint broke", "endpoints broke")} | FAILED,
        ),
        Job(
            "retention",
            "Forget old deliveries and letters",
            acts.forget_history,
            seconds=DAY,
            words={
                "deliveries": ("delivery deleted", "deliveries deleted"),
                "letters": ("letter emptied", "letters emptied"),
            },
            again_after_seconds=HOUR,
        ),
        Job("tidying", "Forget old runs", acts.forget_runs, seconds=MINUTE, words={}),
    )
