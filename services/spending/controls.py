"""A customer's own cap on what use beyond its allowance may cost, and the shares of the allowance it is told at.

Settings are changed under the lock that metering holds, so the next event meets the new ones; who changed what, and
when, is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models import Alert, SpendControl, SpendControlChange
from models.spend_control import CAP_MINOR_MAX
from services.errors import Unprocessable
from services.key_makers import makers_of_keys
from services.price_books.plans import Plan
from services.receipts.agreements import ALERT_THRESHOLDS, SPEND_CAP, write_control_receipt
from services.rules.money import Money
from services.rules.violations import RuleViolation
from services.spending.guard import OwnLimits, read_own_limits, read_period_spend
from services.subscriptions.finding import plan_of, read_subscription
from services.tenants import lock_head, read_tenant

THRESHOLDS_MAX = 10
PCT_MIN, PCT_MAX = 1, 99
ALERTS_MAX = 5_000
"""Alerts a period can have, with room: 31 daily windows of a few pools with eleven thresholds each."""


@dataclass(frozen=True, slots=True)
class SpendStanding:
    """The settings in force for one subscription, and what its running period has cost beyond the allowance.

    `spent` sums the lines the invoice will have; `updated_at` and `updated_by` are None where nothing was ever set.
    """

    subscription_id: str
    period_start: datetime
    period_end: datetime
    plan: Plan
    cap: Money | None
    spent: Money
    thresholds_pct: tuple[int, ...]
    has_own_thresholds: bool
    updated_at: datetime | None
    updated_by: str | None


def read_spend_control(session: Session, *, tenant_id: str, subscription_id: str | None = None) -> SpendStanding:
    """How the customer's own limits stand. Raises NotFound without a subscription."""
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    plan = plan_of(session, subscription)
    control = session.get(SpendControl, (tenant_id, subscription.id), populate_existing=True)
    limits: OwnLimits = read_own_limits(session, tenant_id=tenant_id, subscription_id=subscription.id)
    spend = read_period_spend(
        session,
        tenant_id=tenant_id,
        subscription_id=subscription.id,
        period_start=subscription.current_period_start,
        plan=plan,
    )
    return SpendStanding(
        subscription_id=subscription.id,
        period_start=subscription.current_period_start,
        period_end=subscription.current_period_end,
        plan=plan,
        cap=None if limits.cap_minor is None else Money(limits.cap_minor, plan.currency),
        spent=spend.spent,
        thresholds_pct=limits.thresholds_pct,
        has_own_thresholds=control is not None and control.thresholds_pct is not None,
        updated_at=None if control is None else control.updated_at,
        updated_by=None if control is None else control.updated_by,
    )


def set_spend_cap(
    session: Session, *, tenant_id: str, cap: str | None, by: str, at: datetime, subscription_id: str | None = None
) -> SpendStanding:
    """Set the cap, in major units of the customer's currency, or take it away with None.

    One below what is spent already is taken: no further overage is. Raises Unprocessable for what is no amount of the
    currency from zero to CAP_MINOR_MAX, and NotFound without a subscription.
    """
    minor = None if cap is None else cap_minor(cap, read_tenant(session, tenant_id=tenant_id).currency)
    control = _locked_control(session, tenant_id=tenant_id, subscription_id=subscription_id)
    _change(session, control, SPEND_CAP, cap_minor=minor, thresholds_pct=control.thresholds_pct, by=by, at=at)
    return read_spend_control(session, tenant_id=tenant_id, subscription_id=control.subscription_id)


def set_alert_thresholds(
    session: Session,
    *,
    tenant_id: str,
    thresholds_pct: Sequence[int] | None,
    by: str,
    at: datetime,
    subscription_id: str | None = None,
) -> SpendStanding:
    """Be told at these percentages of each pool instead of 80; with None, at 80 again.

    A share that is passed already is not told of. Raises Unprocessable unless there are 1 to 10 different whole
    percentages from 1 to 99, and NotFound without a subscription.
    """
    chosen = None if thresholds_pct is None else _thresholds(thresholds_pct)
    control = _locked_control(session, tenant_id=tenant_id, subscription_id=subscription_id)
    _change(session, control, ALERT_THRESHOLDS, cap_minor=control.cap_minor, thresholds_pct=chosen, by=by, at=at)
    return read_spend_control(session, tenant_id=tenant_id, subscription_id=control.subscription_id)


def list_alerts(
    session: Session,
    *,
    tenant_id: str,
    limit: int = ALERTS_MAX,
    after_id: str | None = None,
    subscription_id: str | None = None,
) -> list[Alert]:
    """The alerts of the running period, newest first; `after_id` is the last one already seen.

    Raises NotFound without a subscription.
    """
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    statement = (
        select(Alert)
        .where(
            Alert.tenant_id == tenant_id,
            Alert.subscription_id == subscription.id,
            col(Alert.period_start) >= subscription.current_period_start,
            col(Alert.period_start) < subscription.current_period_end,
        )
        .order_by(
            col(Alert.raised_at).desc(),
            col(Alert.window_start).desc(),
            col(Alert.threshold_pct).desc(),
            col(Alert.kind),
            col(Alert.id),
        )
        .limit(ALERTS_MAX)
    )
    alerts = session.exec(statement).all()
    seen = next((place for place, alert in enumerate(alerts, start=1) if alert.id == after_id), 0)
    return list(alerts[seen : seen + limit])


def list_spend_control_changes(
    session: Session, *, tenant_id: str, subscription_id: str | None = None
) -> list[SpendControlChange]:
    """Every change of the settings, newest first. Raises NotFound without a subscription."""
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    statement = select(SpendControlChange).where(
        SpendControlChange.tenant_id == tenant_id, SpendControlChange.subscription_id == subscription.id
    )
    return list(session.exec(statement.order_by(col(SpendControlChange.version).desc())))


def cap_minor(text: str, currency: str) -> int:
    """A cap as written, in minor units. Raises Unprocessable, naming the field."""
    try:
        cap = Money.parse(text, currency)
    except RuleViolation as violation:
        raise Unprocessable(violation.message, field="cap") from violation
    if not 0 <= cap.amount_minor <= CAP_MINOR_MAX:
        largest = Money(CAP_MINOR_MAX, currency).plain()
        raise Unprocessable(f"A spending limit is from 0 to {largest} {currency}.", field="cap")
    return cap.amount_minor


def _thresholds(chosen: Sequence[int]) -> list[int]:
    if not 1 <= len(chosen) <= THRESHOLDS_MAX:
        raise Unprocessable(f"Give 1 to {THRESHOLDS_MAX} percentages, such as 50, 80, 95.", field="thresholds_pct")
    if any(type(pct) is not int or not PCT_MIN <= pct <= PCT_MAX for pct in chosen):
        raise Unprocessable(
            f"Each is a whole percentage from {PCT_MIN} to {PCT_MAX}; at 100 you are told in any case.",
            field="thresholds_pct",
        )
    if len(set(chosen)) != len(chosen):
        raise Unprocessable("The same percentage is given twice; give each once.", field="thresholds_pct")
    return sorted(chosen)


def _locked_control(session: Session, *, tenant_id: str, subscription_id: str | None) -> SpendControl:
    """The settings, nobody else meters or changes meanwhile; new ones where there are none."""
    lock_head(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    control = session.get(SpendControl, (tenant_id, subscription.id), populate_existing=True)
    return control or SpendControl(
        tenant_id=tenant_id,
        subscription_id=subscription.id,
        version=0,
        updated_at=subscription.created_at,
        updated_by="",
    )


def _change(
    session: Session,
    control: SpendControl,
    what: str,
    *,
    cap_minor: int | None,
    thresholds_pct: list[int] | None,
    by: str,
    at: datetime,
) -> None:
    """Put the settings in force and write down the change, with its receipt; nothing where they are so already."""
    if (control.cap_minor, control.thresholds_pct) == (cap_minor, thresholds_pct):
        return
    control.version += 1
    control.cap_minor, control.thresholds_pct = cap_minor, thresholds_pct
    control.updated_at, control.updated_by = at, by
    session.add(control)
    session.flush()
    change = SpendControlChange(
        tenant_id=control.tenant_id,
        subscription_id=control.subscription_id,
        version=control.version,
        cap_minor=cap_minor,
        thresholds_pct=thresholds_pct,
        changed_at=at,
        changed_by=by,
    )
    currency = read_tenant(session, tenant_id=control.tenant_id).currency
    maker = makers_of_keys(session, [by]).get(by)
    receipt = write_control_receipt(session, change=change, metric=what, currency=currency, key_made_by=maker, at=at)
    change.receipt_seq, change.salt = receipt
    session.add(change)
    session.flush()
