"""What a letter tells of, from its notice and from what stands beside it; and where its button leads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import exists, select
from sqlmodel import Session, col

from models import (
    BaselineStatus,
    Collection,
    Dunning,
    GainShareRun,
    GainShareStatus,
    Invoice,
    InvoiceStatus,
    KpiBaseline,
    MailKind,
    Notice,
    NoticeType,
    Subscription,
    Tenant,
)
from services.errors import Refusal
from services.mails.kinds import TERMS
from services.notice_shapes import SHAPES
from services.notice_values import NoticeAmount
from services.payments.dunning import SUSPENDED_AFTER
from services.price_books.books import plan_in_force, plan_version
from services.rules.money import Money
from services.subscriptions.arrears_moves import plan_that_follows

SETTLED: Final = (InvoiceStatus.PAID, InvoiceStatus.VOID)
_FAILED: Final = (NoticeType.INVOICE_PAYMENT_FAILED, NoticeType.INVOICE_PAYMENT_REMINDER)
_TO_DECIDE: Final = (NoticeType.GAIN_SHARE_AWAITING_APPROVAL, NoticeType.GAIN_SHARE_REMINDER)
_ALERTS: Final = (NoticeType.CREDITS_LOW, NoticeType.CREDITS_OVERAGE)
PATHS: Final[Mapping[str, str]] = {
    NoticeType.SUBSCRIPTION_SUSPENDED: "/invoices/",
    NoticeType.SUBSCRIPTION_MOVED_UNPAID: "/invoices/",
    NoticeType.SUBSCRIPTION_RESTORED: "/",
    NoticeType.SUBSCRIPTION_RESUMED: "/",
    NoticeType.SUBSCRIPTION_PAUSED: "/",
    NoticeType.SUBSCRIPTION_CANCELED: "/invoices/",
    NoticeType.SUBSCRIPTION_CHANGED: "/plans/",
    NoticeType.SUBSCRIPTION_CHANGE_SCHEDULED: "/plans/",
    NoticeType.SUBSCRIPTION_TRIAL_ENDING: "/plans/",
    NoticeType.CREDITS_LOW: "/credits/",
    NoticeType.CREDITS_TOPPED_UP: "/credits/",
    NoticeType.CREDITS_TOP_UP_FAILED: "/credits/",
    NoticeType.CREDITS_GRANTED: "/credits/",
    NoticeType.CREDITS_EXPIRING: "/credits/",
    NoticeType.WEBHOOK_DISABLED: "/developers/webhooks/",
    NoticeType.SPEND_CAP_REACHED: "/#spending-limit",
}
"""Where the buttons of letters lead whose notice names no page of its own."""

PAGES: Final[Mapping[str, str]] = {
    NoticeType.GAIN_SHARE_AWAITING_APPROVAL: "/gain-share/",
    NoticeType.GAIN_SHARE_REMINDER: "/gain-share/",
    NoticeType.GAIN_SHARE_APPROVED: "/gain-share/",
    NoticeType.GAIN_SHARE_BASELINE_PROPOSED: "/gain-share/baselines/",
    NoticeType.GAIN_SHARE_BASELINE_ACCEPTED: "/gain-share/baselines/",
    NoticeType.GAIN_SHARE_BASELINE_DECLINED: "/gain-share/baselines/",
}
"""Where they lead to a page of what the notice is about: its id follows."""

DESK_PAGES: Final[Mapping[str, str]] = {
    NoticeType.GAIN_SHARE_REJECTED: "/admin/gain-share/runs/",
    NoticeType.GAIN_SHARE_DISPUTED: "/admin/gain-share/runs/",
    NoticeType.GAIN_SHARE_OVERDUE: "/admin/gain-share/runs/",
    NoticeType.GAIN_SHARE_BASELINE_PROPOSED: "/admin/gain-share/baselines/",
    NoticeType.GAIN_SHARE_BASELINE_ACCEPTED: "/admin/gain-share/baselines/",
    NoticeType.GAIN_SHARE_BASELINE_DECLINED: "/admin/gain-share/baselines/",
}
"""Where those of letters to our own people lead: the id of what the notice is about follows, and its page looks at the
customer whose it is."""


@dataclass(frozen=True, slots=True)
class Told:
    """Facts by name, for the templates; `goal` is a path of the portal, or the provider's page where to pay."""

    facts: Mapping[str, Any]
    goal: str


def facts_of(session: Session, *, notice: Notice, tenant: Tenant, kind: MailKind) -> Told | None:
    """What a letter of a kind about a notice says; None where there is nothing (any more) to write about."""
    if _has_moved_on(session, notice):
        return None
    facts = {"customer": tenant.name, **_of_data(notice)}
    if TERMS[kind].is_for_operators:
        return Told(facts, f"{DESK_PAGES[notice.type]}{notice.subject_id}/")
    if notice.type.startswith(("invoice.", "credit_note.")):
        return _of_invoice(session, notice, facts)
    if notice.type in _ALERTS:
        return _of_credits(session, notice, facts)
    if "to_plan_code" in facts:
        for end in ("from", "to"):
            facts[f"{end}_plan"] = _plan_name(session, facts[f"{end}_plan_code"])
    if notice.type in PAGES:
        return Told(facts, f"{PAGES[notice.type]}{notice.subject_id}/")
    return Told(facts, PATHS[notice.type])


def is_settled(session: Session, *, notice: Notice) -> bool:
    """Whether a notice asks for a payment that is not owed any more, or for a decision that was made."""
    if notice.type not in _FAILED:
        return _has_moved_on(session, notice)
    invoice = session.get_one(Invoice, (notice.tenant_id, notice.subject_id), populate_existing=True)
    return invoice.status in SETTLED


def _of_data(notice: Notice) -> dict[str, Any]:
    data = SHAPES[NoticeType(notice.type)].model_validate(notice.data)
    return {
        name: Money(value.amount_minor, value.currency) if isinstance(value, NoticeAmount) else value
        for name, value in ((name, getattr(data, name)) for name in type(data).model_fields)
    }


def _of_invoice(session: Session, notice: Notice, facts: dict[str, Any]) -> Told | None:
    invoice = session.get_one(Invoice, (notice.tenant_id, facts["invoice_id"]), populate_existing=True)
    goal = f"/invoices/{invoice.id}/"
    subscription = session.get_one(Subscription, (notice.tenant_id, invoice.subscription_id))
    facts["is_automatic"] = subscription.collection == Collection.AUTOMATIC
    if notice.type == NoticeType.INVOICE_PAID and not facts["total"].amount_minor:
        return None  # the invoice itself said that there was nothing to pay
    if notice.type == NoticeType.CREDIT_NOTE_ISSUED and invoice.status == InvoiceStatus.VOID:
        return None  # it is how the invoice was voided, and that is told
    if notice.type in _FAILED:
        if invoice.status in SETTLED or _is_told_by_failure(session, notice, facts):
            return None
        dunning = session.get(Dunning, (notice.tenant_id, invoice.id))
        is_ahead = dunning is not None and dunning.suspended_at is None
        facts.setdefault("suspends_at", dunning.failed_at + SUSPENDED_AFTER if dunning and is_ahead else None)
        facts["moves_to_plan"] = _moves_to(session, notice, facts, subscription)
        facts["was_moved"] = bool(facts["moves_to_plan"]) and is_ahead and subscription.former_version_id is not None
        goal = invoice.stripe_hosted_url or goal
    return Told(facts, goal)


def _moves_to(session: Session, notice: Notice, facts: Mapping[str, Any], subscription: Subscription) -> str:
    """The plan without a fee that follows, "" for a suspension: as the reminder said it, else as it would be now."""
    if notice.type == NoticeType.INVOICE_PAYMENT_REMINDER:
        code = facts["moves_to_plan_code"]
        return _plan_name(session, code) if code else ""
    then = plan_that_follows(session, subscription=subscription, at=notice.announced_at)
    return "" if then is None else then.name


def _is_told_by_failure(session: Session, notice: Notice, facts: Mapping[str, Any]) -> bool:
    """The letter about the failure is the reminder of its first day."""
    if notice.type != NoticeType.INVOICE_PAYMENT_REMINDER or facts["day"] > 0:
        return False
    return _was_told(session, notice, NoticeType.INVOICE_PAYMENT_FAILED)


def _of_credits(session: Session, notice: Notice, facts: dict[str, Any]) -> Told | None:
    is_daily = facts["window_start"] != facts["period_start"]
    if is_daily and _was_told(session, notice, NoticeType(notice.type), since=facts["period_start"], facts=facts):
        return None  # a daily allowance can be used up every day: one letter a period
    subscription = session.get_one(Subscription, (notice.tenant_id, facts["subscription_id"]))
    plan = plan_version(session, version_id=subscription.plan_version_id)
    facts["is_sold_beyond"] = facts["pool"] in plan.overage
    if notice.type == NoticeType.CREDITS_LOW:
        return Told(facts, PATHS[notice.type])
    return Told(facts, "/#spending-limit" if facts["is_sold_beyond"] else "/plans/")


def _was_told(
    session: Session,
    notice: Notice,
    type: NoticeType,
    *,
    since: datetime | None = None,
    facts: Mapping[str, Any] | None = None,
) -> bool:
    """Whether an earlier notice told of the same; with `facts`, of the same pool and threshold."""
    conditions = [
        col(Notice.tenant_id) == notice.tenant_id,
        col(Notice.type) == type.value,
        col(Notice.subject_id) == notice.subject_id,
    ]
    if since is not None:
        conditions += [col(Notice.announced_at) >= since, col(Notice.seq) < notice.seq]
    if facts is not None:
        conditions += [
            col(Notice.occurrence).startswith(f"{facts['pool']}:", autoescape=True),
            col(Notice.occurrence).endswith(f":{facts['threshold_pct']}", autoescape=True),
        ]
    return bool(session.scalar(select(exists().where(*conditions))))


def _has_moved_on(session: Session, notice: Notice) -> bool:
    """Whether a run or a baseline that a notice asks to decide on is decided, replaced or withdrawn by now."""
    if notice.type == NoticeType.GAIN_SHARE_BASELINE_PROPOSED:
        baseline = session.get_one(KpiBaseline, (notice.tenant_id, notice.subject_id), populate_existing=True)
        return baseline.status != BaselineStatus.PROPOSED
    if notice.type not in (*_TO_DECIDE, NoticeType.GAIN_SHARE_OVERDUE):
        return False
    run = session.get_one(GainShareRun, (notice.tenant_id, notice.subject_id), populate_existing=True)
    return run.status != GainShareStatus.PENDING_APPROVAL


def _plan_name(session: Session, code: str) -> str:
    try:
        return plan_in_force(session, plan_code=code).name
    except Refusal:  # it is not sold any more
        return code.rpartition("/")[2]
