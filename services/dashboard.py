"""The overview for programs: the same facts under keys that stay, amounts exact and nothing worded."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlmodel import Session

from models import Alert, Invoice
from services.credits.pool_balances import PoolBalance
from services.invoices.numbers import invoice_number
from services.rules.money import Money
from services.rules.quantities import plain, plain_micro
from services.standing import AssetStanding, is_late, read_standing


def read_dashboard(
    session: Session, *, tenant_id: str, at: datetime, subscription_id: str | None = None
) -> dict[str, Any]:
    """What GET /v1/billing/dashboard answers. Without a subscription the same keys, null or empty.

    Credits are plain decimal strings; times are ISO 8601 in UTC; `used_pct` is a whole number, above 100 beyond
    the allowance. Without an id it is the main or only subscription. Raises NotFound, and SubscriptionUnclear.
    """
    facts = read_standing(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at)
    if facts is None:
        return _document(tenant_id)
    subscription, running = facts.subscription, facts.running.invoice
    total = Money(running.total_minor, running.currency)
    return _document(
        tenant_id,
        subscription_id=subscription.id,
        name=subscription.name,
        site=subscription.site,
        plan_code=facts.plan.code,
        status=subscription.status.value,
        interval=subscription.interval.value,
        current_period_start=_iso(subscription.current_period_start),
        current_period_end=_iso(subscription.current_period_end),
        days_to_renewal=facts.days_to_renewal,
        credits={balance.pool.code: _credits(balance) for balance in facts.balances},
        assets=_assets(facts.assets),
        sites={"used": facts.sites.used, "included": facts.sites.included},
        running_total=_money(total),
        total=total.plain(),
        alerts=[_alert(alert) for alert in facts.alerts],
        open_invoices=[_open_invoice(invoice, facts.left_minor[invoice.id], at) for invoice in facts.open_invoices],
    )


def _document(tenant_id: str, **known: Any) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "subscription_id": None,
        "name": None,
        "site": None,
        "plan_code": None,
        "status": None,
        "interval": None,
        "current_period_start": None,
        "current_period_end": None,
        "days_to_renewal": None,
        "credits": {},
        "assets": None,
        "sites": None,
        "running_total": None,
        "total": None,
        "alerts": [],
        "open_invoices": [],
        **known,
    }


def _credits(balance: PoolBalance) -> dict[str, Any]:
    return {
        "included": plain_micro(balance.included_micro),
        "used": plain_micro(balance.used_micro),
        "remaining": plain_micro(balance.remaining_micro),
        "overage": plain_micro(balance.period_overage_micro),
        "used_pct": balance.used_pct,
        "window_start": _iso(balance.starts_at),
        "window_end": _iso(balance.ends_at),
    }


def _assets(assets: AssetStanding | None) -> dict[str, Any] | None:
    if assets is None:
        return None
    return {
        "counted": _count(assets.counted),
        "included": plain(assets.included),
        "over": plain(assets.over),
        "basis": assets.basis,
    }


def _count(counted: Decimal | None) -> str | None:
    return None if counted is None else plain(counted)


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "kind": alert.kind.value,
        "pool": alert.pool or None,
        "threshold_pct": alert.threshold_pct,
        "raised_at": _iso(alert.raised_at),
        "event_id": alert.event_id or None,
    }


def _open_invoice(invoice: Invoice, left_minor: int, at: datetime) -> dict[str, Any]:
    total = Money(left_minor, invoice.currency)
    return {
        "invoice_id": invoice.id,
        "number": invoice_number(invoice),
        "amount": _money(total),
        "total": total.plain(),
        "due_at": _iso(invoice.due_at),
        "past_due": is_late(invoice, at),
    }


def _money(amount: Money) -> dict[str, Any]:
    return {"amount_minor": amount.amount_minor, "currency": amount.currency}


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
