"""Facts as notices tell them, for each template; and the same with values that would break out where they could."""

from datetime import UTC, date, datetime
from typing import Any

from services.rules.money import Money

HOSTILE = 'Ève "onload=" <script>alert(1)</script>\r\nBcc: all@victim.example\n\n|\u202e{{ 7*7 }} {% block x %} &amp;'


def _at(month: int, day: int, hour: int = 4) -> datetime:
    return datetime(2026, month, day, hour, 4, tzinfo=UTC)


_CUSTOMER = {"customer": "Northwind Mining"}
_INVOICE = _CUSTOMER | {
    "number": "INV-000042",
    "subtotal": Money(1_000_000, "CAD"),
    "tax": Money(60_000, "CAD"),
    "total": Money(1_060_000, "CAD"),
    "amount_due": Money(1_060_000, "CAD"),
    "period_start": _at(11, 1),
    "period_end": _at(12, 1),
    "issued_at": _at(11, 1, 15),
    "due_at": _at(12, 1, 15),
    "paid_at": None,
    "is_automatic": False,
}
_SUBSCRIPTION = _CUSTOMER | {
    "plan_name": "Pro",
    "status": "active",
    "current_period_start": _at(11, 1),
    "current_period_end": _at(12, 1),
    "trial_ends_at": _at(12, 1),
    "canceled_at": _at(11, 20),
    "previous_status": "suspended",
}
_CHANGE = _SUBSCRIPTION | {
    "from_plan": "Starter",
    "to_plan": "Pro",
    "from_interval": "month",
    "to_interval": "year",
    "effective_at": _at(11, 15, 16),
}
_CREDITS = _CUSTOMER | {
    "pool_name": "Credits",
    "is_sold_beyond": True,
    "window_start": _at(11, 1),
    "threshold_pct": 80,
    "used": "800000.418",
    "available": "1000000",
    "period_start": _at(11, 1),
    "raised_at": _at(11, 20, 16),
}
_LOT = _CUSTOMER | {
    "kind": "purchase",
    "pool_name": "Credits",
    "credits": "250000",
    "left": "12500.5",
    "expires_at": _at(12, 1),
    "reason": None,
}

_RUN: dict[str, Any] = _CUSTOMER | {
    "run_id": "run_1",
    "status": "pending_approval",
    "method": "downtime-cost",
    "period_start": date(2026, 10, 1),
    "period_end": date(2026, 11, 1),
    "savings": Money(320_000_000, "CAD"),
    "share_pct": "15",
    "fee": Money(48_000_000, "CAD"),
    "deadline_on": date(2026, 12, 1),
    "replaces_run_id": "run_0",
    "reason": None,
    "disputed": [],
    "days_left": None,
}
_BASELINE: dict[str, Any] = _CUSTOMER | {
    "baseline_id": "kpi_1",
    "kpi": "mtbf_hours",
    "kpi_name": "Mean time between failures",
    "status": "proposed",
    "value": "92.5",
    "unit": "hours",
    "currency": "CAD",
    "rates": {"operating_hours": "8000"},
    "period_start": date(2025, 11, 1),
    "period_end": date(2026, 11, 1),
    "effective_from": date(2026, 12, 1),
    "document_sha256": "ab" * 32,
    "proposed_by": "seller",
    "reason": None,
    "receipt_seq": None,
}
_DECLINED = _BASELINE | {"status": "declined", "reason": "It leaves out the night shift."}
FACTS: dict[str, dict[str, Any]] = {
    "invoice_finalized": _INVOICE,
    "invoice_paid": _INVOICE | {"paid_at": _at(11, 2, 15), "amount_due": Money(0, "CAD")},
    "invoice_voided": _INVOICE | {"amount_due": Money(0, "CAD")},
    "invoice_payment_failed": _INVOICE
    | {
        "reason": "Your card was declined.",
        "next_attempt_at": _at(11, 4, 15),
        "suspends_at": _at(11, 9, 15),
        "moves_to_plan": "",
        "was_moved": False,
    },
    "invoice_payment_reminder": _INVOICE
    | {
        "day": 3,
        "failed_at": _at(11, 1, 15),
        "suspends_at": _at(11, 9, 15),
        "moves_to_plan": "",
        "was_moved": False,
    },
    "credit_note_issued": _CUSTOMER
    | {
        "number": "CN-000007",
        "invoice_number": "INV-000042",
        "reason": "Two events were counted twice.",
        "total": Money(-12_500, "CAD"),
        "amount_due": Money(1_047_500, "CAD"),
    },
    "subscription_suspended": _SUBSCRIPTION,
    "subscription_resumed": _SUBSCRIPTION,
    "subscription_moved_unpaid": _CHANGE | {"invoice_number": "INV-000042", "amount_due": Money(1_060_000, "CAD")},
    "subscription_restored": _CHANGE,
    "subscription_paused": _SUBSCRIPTION,
    "subscription_canceled": _SUBSCRIPTION,
    "subscription_trial_ending": _SUBSCRIPTION,
    "subscription_changed": _CHANGE,
    "subscription_change_scheduled": _CHANGE,
    "credits_low": _CREDITS,
    "credits_overage": _CREDITS | {"threshold_pct": 100},
    "credits_topped_up": _LOT,
    "credits_granted": _LOT | {"kind": "promotion", "reason": "Goodwill for the outage."},
    "credits_expiring": _LOT,
    "credits_top_up_failed": _CUSTOMER
    | {"pack": "credits-250k", "reason": "Your card was declined.", "is_automatic": True, "is_on": False},
    "webhook_disabled": _CUSTOMER
    | {
        "host": "example.com",
        "description": "Ledger",
        "reason": "failing",
        "failing_since": _at(11, 15, 16),
        "disabled_at": _at(11, 20, 16),
    },
    "gain_share_awaiting_approval": _RUN,
    "gain_share_reminder": _RUN | {"days_left": 7},
    "gain_share_approved": _RUN | {"status": "approved"},
    "gain_share_baseline_proposed": _BASELINE,
    "gain_share_baseline_accepted": _BASELINE | {"status": "accepted", "receipt_seq": 7},
    "gain_share_baseline_declined": _DECLINED,
    "desk_gain_share_baseline_proposed": _BASELINE,
    "desk_gain_share_baseline_accepted": _BASELINE | {"status": "accepted", "receipt_seq": 7},
    "desk_gain_share_baseline_declined": _DECLINED,
    "desk_gain_share_rejected": _RUN | {"status": "rejected", "reason": "The hours are not ours."},
    "desk_gain_share_disputed": _RUN
    | {"status": "disputed", "reason": "The night shift was idle.", "disputed": ["fewer_failures", "shorter_repairs"]},
    "desk_gain_share_overdue": _RUN,
    "spend_cap_reached": _CUSTOMER
    | {"cap": Money(50_000, "CAD"), "period_start": _at(11, 1), "raised_at": _at(11, 20, 16)},
}


def hostile(facts: dict[str, Any]) -> dict[str, Any]:
    """The same facts, with every text that a person could have written made as bad as can be."""
    kept = {
        "used",
        "available",
        "credits",
        "left",
        "kind",
        "share_pct",
        "value",
        "from_interval",
        "to_interval",
        "previous_status",
        "status",
    }
    return {name: HOSTILE if isinstance(value, str) and name not in kept else value for name, value in facts.items()}
