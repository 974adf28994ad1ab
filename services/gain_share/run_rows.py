"""Gain-share runs in a list: what each comes to, and what it waits for."""

from dataclasses import dataclass
from datetime import date

from models import GainShareRun
from services import wording
from services.gain_share.run_views import period_words
from services.gain_share.words import METHOD_WORDS, STANDING_WORDS, standing_of


@dataclass(frozen=True)
class RunRow:
    """One run in a list, and what it waits for."""

    id: str
    period: str
    method: str
    savings: str
    share: str
    fee: str
    status: str
    status_word: str
    submitted_on: str
    deadline: str
    waits: bool
    is_late: bool


def run_row(run: GainShareRun, timezone: str, *, today: date, taken_back: bool = False) -> RunRow:
    """`today` is the customer's; `taken_back` is whether its invoice was."""
    waits = run.status == "pending_approval"
    standing = standing_of(run.status, taken_back=taken_back)
    return RunRow(
        id=run.id,
        period=period_words(run.period_start, run.period_end),
        method=METHOD_WORDS[run.method],
        savings=wording.amount(run.savings_minor, run.currency),
        share=f"{wording.number(run.share_pct)} %",
        fee=wording.amount(run.fee_minor, run.currency),
        status=standing,
        status_word=STANDING_WORDS[standing],
        submitted_on=wording.moment_day(run.submitted_at, timezone),
        deadline=wording.day(run.deadline_on),
        waits=waits,
        is_late=waits and run.deadline_on < today,
    )
