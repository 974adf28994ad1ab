"""The customer's own spending limit and alert thresholds in words, and what is typed about them read back."""

import re
from dataclasses import dataclass

from sqlmodel import Session, select

from models import Alert, AlertKind, User
from services import wording
from services.errors import NotFound, Unprocessable
from services.rules.money import Money
from services.spending import controls as spend_controls
from services.spending.controls import SpendStanding
from services.tenants import read_tenant

TYPED_MAX = 60
FULL_PCT, CLOSE_PCT = 100, 80
STATE_WORDS = {"reached": "Reached", "close": "Close to the limit"}
REFUSING = "More use beyond your allowance is refused until the period ends or the limit is raised."

_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")


@dataclass(frozen=True)
class SpendingView:
    """The card on the overview. `bar` and `over_bar` are percentages of its width; `state` is "", close or reached.

    Where `sells_beyond` is False the plan refuses use beyond its allowance, and there is nothing to limit.
    """

    has_subscription: bool = False
    sells_beyond: bool = False
    has_cap: bool = False
    spent: str = ""
    of: str = ""
    left: str = ""
    over: str = ""
    bar: int = 0
    over_bar: int = 0
    worded: str = ""
    state: str = ""
    state_word: str = ""
    note: str = ""
    currency: str = ""
    cap_typed: str = ""
    told_at: str = ""
    thresholds_typed: str = ""
    changed: str = ""


@dataclass(frozen=True)
class CapQuestion:
    """A limit somebody wants to set: `cap` in major units, and why to think twice, "" where there is no reason."""

    cap: str = ""
    warning: str = ""


NO_SPENDING, NOTHING_ASKED = SpendingView(), CapQuestion()


def read_spending(session: Session, *, tenant_id: str, subscription_id: str | None = None) -> SpendingView:
    """The limits of a subscription and what is spent. Raises NotFound for an unknown customer."""
    timezone = read_tenant(session, tenant_id=tenant_id).timezone
    try:
        found = spend_controls.read_spend_control(session, tenant_id=tenant_id, subscription_id=subscription_id)
    except NotFound:
        return NO_SPENDING
    state = _state(session, tenant_id, found)
    bar, (left, over) = _bar(found), _left_and_over(found)
    spent = wording.money(found.spent)
    of = "beyond the allowance so far" if found.cap is None else f"of {wording.money(found.cap)}"
    return SpendingView(
        has_subscription=True,
        sells_beyond=bool(found.plan.overage),
        has_cap=found.cap is not None,
        spent=spent,
        of=of,
        left=left,
        over=over,
        bar=bar,
        over_bar=FULL_PCT - bar if over else 0,
        worded=f"{spent} {of}",
        state=state,
        state_word=STATE_WORDS.get(state, ""),
        note=REFUSING if state == "reached" else "",
        currency=found.spent.currency,
        cap_typed="" if found.cap is None else found.cap.plain(),
        told_at=_listed([f"{pct} %" for pct in found.thresholds_pct]),
        thresholds_typed=", ".join(str(pct) for pct in found.thresholds_pct),
        changed=_changed(session, found, timezone),
    )


def ask_cap(session: Session, *, tenant_id: str, typed: str, subscription_id: str | None = None) -> CapQuestion:
    """What setting a limit would do now. Raises Unprocessable for a text that is no amount, and NotFound."""
    text = typed.strip()[:TYPED_MAX]
    cap = text.replace(",", "") if _GROUPED.fullmatch(text) else text
    found = spend_controls.read_spend_control(session, tenant_id=tenant_id, subscription_id=subscription_id)
    asked = Money(spend_controls.cap_minor(cap, found.spent.currency), found.spent.currency)
    if asked.amount_minor >= found.spent.amount_minor:
        return CapQuestion(cap)
    spent, limit = wording.money(found.spent), wording.money(asked)
    warning = f"{spent} is spent already. With a limit of {limit}, all use beyond your allowance is refused at once."
    return CapQuestion(cap, f"{warning} What is spent stays on the bill.")


def read_thresholds(typed: str) -> list[int]:
    """Percentages as people write them: "50, 80 %, 95". Raises Unprocessable."""
    parts = re.split(r"[,;\s]+", typed[:TYPED_MAX].replace("%", " ").strip())
    if not all(re.fullmatch(r"[0-9]{1,3}", part) for part in parts):
        raise Unprocessable("Write whole percentages with commas between them, such as 50, 80, 95.")
    return [int(part) for part in parts]


def _state(session: Session, tenant_id: str, found: SpendStanding) -> str:
    if found.cap is None:
        return ""
    if found.spent.amount_minor >= found.cap.amount_minor or _was_refused(session, tenant_id, found):
        return "reached"
    return "close" if _bar(found) >= CLOSE_PCT else ""


def _was_refused(session: Session, tenant_id: str, found: SpendStanding) -> bool:
    """Whether the limit as it is now was reached this period, though an event too large left a little of it."""
    statement = select(Alert.raised_at).where(
        Alert.tenant_id == tenant_id,
        Alert.subscription_id == found.subscription_id,
        Alert.kind == AlertKind.CAP_REACHED,
        Alert.period_start == found.period_start,
    )
    raised_at = session.exec(statement).first()
    return raised_at is not None and (found.updated_at is None or raised_at >= found.updated_at)


def _bar(found: SpendStanding) -> int:
    """The width of what the limit covers, where the whole width is the larger of the limit and what is spent."""
    spent, cap = found.spent.amount_minor, 0 if found.cap is None else found.cap.amount_minor
    if found.cap is None or not max(spent, cap):
        return 0
    return -(-min(spent, cap) * FULL_PCT // max(spent, cap))


def _left_and_over(found: SpendStanding) -> tuple[str, str]:
    if found.cap is None:
        return "", ""
    if found.spent.amount_minor > found.cap.amount_minor:
        return "Within the limit", f"{wording.money(found.spent - found.cap)} above it"
    return f"{wording.money(found.cap - found.spent)} left this period", ""


def _changed(session: Session, found: SpendStanding, timezone: str) -> str:
    if found.updated_at is None or found.updated_by is None:
        return ""
    person: User | None = session.get(User, found.updated_by)
    who = "with an API key" if person is None else "by our support" if person.is_operator else f"by {person.email}"
    return f"Last changed {wording.moment(found.updated_at, timezone)} {who}"


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
