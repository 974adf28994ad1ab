"""What cancelling, pausing, resuming or starting again means, asked before it is done; and doing what was asked."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from models import Subscription
from services import wording
from services.closing.fees_in_force import fee_in_force
from services.errors import Conflict, SubscriptionConflict, Unprocessable
from services.price_books.books import plan_in_force
from services.price_books.plans import Plan
from services.subscriptions.arrears import charged_plan, check_not_moved
from services.subscriptions.change_preview import When, check_changeable, term_ends_at
from services.subscriptions.change_views import CHANGED_SINCE, read_when
from services.subscriptions.change_wording import price_of
from services.subscriptions.finding import plan_of, read_subscription
from services.subscriptions.lifecycle import (
    cancel_subscription,
    pause_subscription,
    reactivate_subscription,
    resume_subscription,
)
from services.subscriptions.scheduled_changes import waiting_change
from services.subscriptions.standing import RESTING, in_trial
from services.tenants import read_tenant


class Act(StrEnum):
    """What can be done with a subscription besides changing its plan."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    START_AGAIN = "start_again"


@dataclass(frozen=True)
class ActQuestion:
    """An act before it is done; "" in `act` where nothing is asked. `subscription_id`, `when` and `agreed` are what is
    agreed to; the rest words it, `answer` once it is done. `has_choice` where it may be now or later."""

    act: str = ""
    subscription_id: str = ""
    when: str = When.NOW.value
    agreed: str = ""
    title: str = ""
    words: tuple[str, ...] = ()
    has_choice: bool = False
    later: str = ""
    confirm: str = ""
    answer: str = ""
    ends_something: bool = False


NO_ACT = ActQuestion()
BILLED_ONCE = "What is used until then is invoiced once, soon after; what is paid already is not paid back."


def ask_act(
    session: Session, *, tenant_id: str, subscription_id: str | None, act: str, when: str, at: datetime
) -> ActQuestion:
    """What an act means as of now. Raises NotFound, Unprocessable, SubscriptionConflict and Conflict."""
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    chosen, plan = _act(act), plan_of(session, subscription)
    asked = read_when(when)
    if chosen == Act.CANCEL:
        return _cancel(session, subscription, plan, asked, at)
    if chosen == Act.PAUSE:
        return _pause(session, subscription, plan, asked, at)
    if chosen == Act.RESUME:
        return _resume(subscription, plan)
    return _start_again(session, subscription)


def carry_out(session: Session, *, tenant_id: str, asked: ActQuestion, by: str, at: datetime) -> str:
    """Do what was asked and agreed to, and answer in a sentence.

    Raises Conflict where it would mean something else by now, and what the act itself raises.
    """
    wanted = {"tenant_id": tenant_id, "subscription_id": asked.subscription_id}
    again = ask_act(session, **wanted, act=asked.act, when=asked.when, at=at)
    if again.agreed != asked.agreed:
        raise Conflict(CHANGED_SINCE)
    when = read_when(asked.when)
    if asked.act == Act.CANCEL:
        cancel_subscription(session, **wanted, when=when, by=by, at=at)
    elif asked.act == Act.PAUSE:
        pause_subscription(session, **wanted, when=when, by=by, at=at)
    elif asked.act == Act.RESUME:
        resume_subscription(session, **wanted, at=at)
    else:
        reactivate_subscription(session, **wanted, at=at)
    return again.answer


def _cancel(session: Session, subscription: Subscription, plan: Plan, when: When, at: datetime) -> ActQuestion:
    check_changeable(subscription, at)
    zone = read_tenant(session, tenant_id=subscription.tenant_id).timezone
    charged = charged_plan(session, subscription=subscription)
    paid = fee_in_force(session, subscription=subscription, plan=charged, at=at)
    ends_at = term_ends_at(subscription, paid)
    day = wording.moment_day(ends_at, zone)
    later = "As the paid year ends" if ends_at > subscription.current_period_end else "As the period ends"
    if when == When.NOW or subscription.status in RESTING:
        words = (f"{plan.name} ends as soon as you confirm, and use is refused from then on.", BILLED_ONCE)
        agreed, confirm, answer = When.NOW.value, "End it now", f"{plan.name} has ended."
    else:
        words = (f"{plan.name} runs until {day} and ends then; until that day you can take it back.", BILLED_ONCE)
        agreed, confirm = ends_at.isoformat(), f"Cancel {later[0].lower()}{later[1:]}"
        answer = f"{plan.name} ends on {day}."
    return ActQuestion(
        act=Act.CANCEL.value,
        subscription_id=subscription.id,
        when=when.value,
        agreed=agreed,
        title=f"Cancel {plan.name}?",
        words=words + _instead(session, subscription),
        has_choice=subscription.status not in RESTING,
        later=later,
        confirm=confirm,
        answer=answer,
        ends_something=True,
    )


def _pause(session: Session, subscription: Subscription, plan: Plan, when: When, at: datetime) -> ActQuestion:
    check_changeable(subscription, at)
    if subscription.status in RESTING:
        raise SubscriptionConflict(f"The subscription is {subscription.status} already.")
    check_not_moved(session, subscription=subscription)
    zone = read_tenant(session, tenant_id=subscription.tenant_id).timezone
    ends_at = subscription.current_period_end
    is_now = when == When.NOW
    day = wording.moment_day(ends_at, zone)
    starts = "rests as soon as you confirm" if is_now else f"runs until {day} and rests from then on"
    return ActQuestion(
        act=Act.PAUSE.value,
        subscription_id=subscription.id,
        when=when.value,
        agreed=when.value if is_now else ends_at.isoformat(),
        title=f"Pause {plan.name}?",
        words=(
            f"{plan.name} {starts}: use is refused and no base fee falls due until it is resumed.",
            f"What is used until then is invoiced on {day}.",
            "What is paid already is not paid back; the base fee of the period it comes back in is charged in full.",
            *(() if is_now else _instead(session, subscription)),
        ),
        has_choice=True,
        later="As the period ends",
        confirm="Pause now" if is_now else "Pause as the period ends",
        answer=f"{plan.name} is paused." if is_now else f"{plan.name} pauses on {day}.",
    )


def _resume(subscription: Subscription, plan: Plan) -> ActQuestion:
    words: tuple[str, ...] = ("Use is taken again as soon as you confirm.",)
    if plan.base_price and not in_trial(subscription):
        fee = price_of(plan, subscription.interval)
        words += (f"{fee}: where the running period is not charged yet, it is on your next invoice.",)
    return ActQuestion(
        act=Act.RESUME.value,
        subscription_id=subscription.id,
        agreed=f"{subscription.status}:{plan.version_id}",
        title=f"Resume {plan.name}?",
        words=words,
        confirm="Resume now",
        answer=f"{plan.name} runs again.",
    )


def _start_again(session: Session, subscription: Subscription) -> ActQuestion:
    plan = plan_in_force(session, plan_code=charged_plan(session, subscription=subscription).qualified_code)
    price = price_of(plan, subscription.interval)
    words: tuple[str, ...] = (f"It starts today as a new subscription on the terms of today: {price}.",)
    if plan.base_price:
        words += ("The base fee is due in advance: it is invoiced as soon as you confirm.",)
    return ActQuestion(
        act=Act.START_AGAIN.value,
        subscription_id=subscription.id,
        agreed=f"{subscription.status}:{plan.version_id}:{subscription.interval}",
        title=f"Start {plan.name} again?",
        words=words,
        confirm="Start again and invoice it" if plan.base_price else "Start again",
        answer=f"{plan.name} has started again.",
    )


def _instead(session: Session, subscription: Subscription) -> tuple[str, ...]:
    waiting = waiting_change(session, subscription=subscription)
    return () if waiting is None else ("It takes the place of what is scheduled for this subscription.",)


def _act(act: str) -> Act:
    try:
        return Act(act)
    except ValueError as error:
        raise Unprocessable("Choose to cancel, pause, resume or start again.", field="act") from error
