"""Work out a run while it is typed: what it would come to, or in words why it cannot be; nothing is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlmodel import Session

from models import GainShareRun, Party
from services import wording
from services.contracts.form import read_day
from services.errors import Conflict, Refusal
from services.gain_share.calculations import Calculation, calculate_run
from services.gain_share.effect_views import EffectView, effect_views
from services.gain_share.kpis import gain_share_plan, kpis_of
from services.gain_share.parties import Signer
from services.gain_share.run_views import NO_WORKING, WorkingView, working_view
from services.gain_share.runs import DEADLINE_DAYS, check_not_covered, read_run, revise_run, submit_run
from services.gain_share.typed import typed_days, typed_number, typed_text
from services.gain_share.words import KPI_WORDS, METHOD_WORDS, RATE_WORDS
from services.rules.gain_share import DOWNTIME_COST

METHOD_CHOICES: Final = tuple(METHOD_WORDS.items())
NEEDED: Final = ("period_from", "period_to", "share_pct")
NOT_YET: Final = "Choose the days and a share: the calculation appears here as you type."
MONTHS_NAMED: Final = 40


@dataclass(frozen=True)
class MissingView:
    """What is missing of one KPI or rate."""

    name: str
    what: str


@dataclass(frozen=True)
class TryView:
    """What a run would come to. `hint` says what to type next, `problem` why it cannot be worked out."""

    working: WorkingView = NO_WORKING
    effects: tuple[EffectView, ...] = ()
    hint: str = NOT_YET
    problem: str = ""
    missing: tuple[MissingView, ...] = ()


@dataclass(frozen=True)
class RunFormView:
    """What a run is to be within, and what it begins with. `terms` is "" where the plan has no gain-share."""

    terms: str = ""
    share_pct: str = ""
    deadline_days: str = str(DEADLINE_DAYS)


NOTHING_TRIED, NO_FORM = TryView(), RunFormView()


def open_run_form(session: Session, *, tenant_id: str) -> RunFormView:
    """The bounds of the customer's plan."""
    plan = gain_share_plan(session, tenant_id=tenant_id)
    if plan is None or plan.gain_share is None:
        return NO_FORM
    bounds = plan.gain_share
    low, high = wording.number(bounds.min_pct), wording.number(bounds.max_pct)
    return RunFormView(terms=f"{plan.name}: {low} % to {high} %", share_pct=low)


def try_run(session: Session, *, tenant_id: str, typed: Mapping[str, Any], at: datetime) -> TryView:
    """A run as it is typed so far."""
    if not all(typed_text(typed, field) for field in NEEDED):
        return NOTHING_TRIED
    try:
        starts, ends = typed_days(typed, "period_from", "period_to")
        check_not_covered(session, tenant_id=tenant_id, starts=starts, ends=ends)
        found = calculate_run(
            session,
            tenant_id=tenant_id,
            period_start=starts,
            period_end=ends,
            share_pct=typed_number(typed, "share_pct"),
            method=_method(typed),
            at=at,
        )
        return _view(found)
    except Refusal as refusal:
        return _refused(session, tenant_id, refusal)


def try_revision(session: Session, *, tenant_id: str, run_id: str, typed: Mapping[str, Any], at: datetime) -> TryView:
    """A run of the same days as another, from what is measured by now, with the share and the method as typed."""
    try:
        old = read_run(session, tenant_id=tenant_id, run_id=run_id)
        found = calculate_run(
            session,
            tenant_id=tenant_id,
            period_start=old.period_start,
            period_end=old.period_end,
            share_pct=typed_number(typed, "share_pct") if typed_text(typed, "share_pct") else old.share_pct,
            method=typed_text(typed, "method") or old.method,
            at=at,
        )
        return _view(found)
    except Refusal as refusal:
        return _refused(session, tenant_id, refusal)


def submit_typed(
    session: Session,
    *,
    tenant_id: str,
    typed: Mapping[str, Any],
    text: str,
    calculation_sha256: str,
    signer: Signer,
    at: datetime,
) -> GainShareRun:
    """Submit what was typed, if it still comes to the calculation that was looked at.

    Raises Conflict if it does not, and what `submit_run` raises.
    """
    starts, ends = typed_days(typed, "period_from", "period_to")
    run = submit_run(
        session,
        tenant_id=tenant_id,
        period_start=starts,
        period_end=ends,
        share_pct=typed_number(typed, "share_pct"),
        method=_method(typed),
        deadline_on=_deadline(typed),
        text=text,
        signer=signer,
        at=at,
    )
    return _as_looked_at(run, calculation_sha256)


def revise_typed(
    session: Session,
    *,
    tenant_id: str,
    run_id: str,
    typed: Mapping[str, Any],
    text: str,
    calculation_sha256: str,
    signer: Signer,
    at: datetime,
) -> GainShareRun:
    """Replace a run by one as typed, if it still comes to the calculation that was looked at.

    Raises Conflict if it does not, and what `revise_run` raises.
    """
    run = revise_run(
        session,
        tenant_id=tenant_id,
        run_id=run_id,
        share_pct=typed_number(typed, "share_pct") if typed_text(typed, "share_pct") else None,
        method=typed_text(typed, "method") or None,
        deadline_on=_deadline(typed),
        text=text,
        signer=signer,
        at=at,
    )
    return _as_looked_at(run, calculation_sha256)


def _as_looked_at(run: GainShareRun, calculation_sha256: str) -> GainShareRun:
    if run.calculation_sha256 != calculation_sha256:
        raise Conflict("What was measured or agreed on changed meanwhile: look at the new figures, then submit again.")
    return run


def _method(typed: Mapping[str, Any]) -> str:
    return typed_text(typed, "method") or DOWNTIME_COST


def _deadline(typed: Mapping[str, Any]) -> date | None:
    return read_day(typed_text(typed, "deadline_on"), "deadline_on")


def _view(found: Calculation) -> TryView:
    return TryView(
        working_view(found.document, found.sha256, reader=Party.SELLER), effect_views(found.document), hint=""
    )


def _refused(session: Session, tenant_id: str, refusal: Refusal) -> TryView:
    names: Sequence[str] = refusal.members.get("missing", ())
    if not names:
        return TryView(hint="", problem=refusal.detail)
    return TryView(
        hint="",
        problem="It cannot be worked out yet: these are missing.",
        missing=_missing(names, {code: kpi.name for code, kpi in kpis_of(session, tenant_id=tenant_id).items()}),
    )


def _missing(names: Sequence[str], kpis: Mapping[str, str]) -> tuple[MissingView, ...]:
    """By KPI, in words: a baseline, a rate, or the months that were not measured."""
    found: dict[str, list[str]] = {}
    for name in names:
        first, _, rest = name.partition(" ")
        if first in ("baseline", "actual"):
            side = "a baseline both sides accepted" if first == "baseline" else "what was measured"
            found.setdefault(kpis.get(rest, rest), []).append(side)
        elif rest:
            found.setdefault(kpis.get(first, first), []).append(_days_in_words(rest))
        else:
            found.setdefault(RATE_WORDS.get(first, kpis.get(first, KPI_WORDS.get(first, first))), []).append(
                "agree on it with a baseline"
            )
    return tuple(MissingView(name, _listed(what)) for name, what in found.items())


def _days_in_words(named: str) -> str:
    """Days as `days_named` writes them: Sep 2025 for a month; 3 Sep 2025, or the first and the last day."""
    if len(named) == len("2025-09"):
        return wording.month(date.fromisoformat(f"{named}-01"))
    return " – ".join(wording.day(date.fromisoformat(day)) for day in named.split(" to "))


def _listed(what: Sequence[str]) -> str:
    shown = ", ".join(what[:MONTHS_NAMED])
    return f"{shown} and {len(what) - MONTHS_NAMED} more" if len(what) > MONTHS_NAMED else shown
