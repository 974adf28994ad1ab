"""What people can be told by mail: kinds they choose among, and which notices are of each.

A kind that is `is_essential` goes to everybody who answers for the bills, whatever they chose: service depends on it.
Kinds with `has_unsubscribe` carry the link and the headers of RFC 8058; invoices and receipts are business documents,
which are turned off in the account's settings only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from models import MailKind


@dataclass(frozen=True, slots=True)
class KindTerms:
    """How a kind reaches people: what the settings call it, to whom it goes where nothing was chosen."""

    title: str
    explanation: str
    is_essential: bool = False
    has_unsubscribe: bool = False
    goes_to_contacts: bool = False
    is_for_operators: bool = False
    """Whether it is our own people who are written to about customers, rather than customers about themselves."""


TERMS: Final[Mapping[MailKind, KindTerms]] = {
    MailKind.INVOICES: KindTerms(
        "Invoices and credit notes", "Each invoice when it is issued, and what is taken back of one.",
        goes_to_contacts=True,
    ),
    MailKind.RECEIPTS: KindTerms(
        "Receipts of payment", "That an invoice was paid, or credits were bought.", goes_to_contacts=True
    ),
    MailKind.FAILED_PAYMENTS: KindTerms(
        "Failed payments and suspension", "What happens next, when service stops, and that it runs again.",
        is_essential=True, goes_to_contacts=True,
    ),
    MailKind.CREDIT_ALERTS: KindTerms(
        "Credits running low",
        "At your thresholds, when they are used up, given to you or about to expire.",
        has_unsubscribe=True,
    ),
    MailKind.SPENDING_LIMIT: KindTerms(
        "Spending limit reached", "That your own limit refuses further use.", has_unsubscribe=True
    ),
    MailKind.PLAN: KindTerms(
        "Plan and subscription", "That the plan changes, rests or has ended.", has_unsubscribe=True
    ),
    MailKind.TRIAL: KindTerms(
        "End of a trial", "Three days before it becomes a paid subscription.", has_unsubscribe=True
    ),
    MailKind.WEBHOOKS: KindTerms(
        "Webhooks switched off", "That one of your own systems is not reached any more.", has_unsubscribe=True
    ),
    MailKind.GAIN_SHARE: KindTerms(
        "Gain-share to decide on",
        "That a baseline or a run of savings waits for your decision, and what became of your own proposals.",
        has_unsubscribe=True,
    ),
    MailKind.GAIN_SHARE_DESK: KindTerms(
        "Gain-share of customers",
        "That a customer proposes or decides on a baseline, disputes or rejects a run, or lets its deadline pass.",
        has_unsubscribe=True, is_for_operators=True,
    ),
}  # fmt: skip

KIND_OF: Final[Mapping[str, MailKind]] = {
    "invoice.finalized": MailKind.INVOICES,
    "invoice.voided": MailKind.INVOICES,
    "credit_note.issued": MailKind.INVOICES,
    "invoice.paid": MailKind.RECEIPTS,
    "invoice.payment_failed": MailKind.FAILED_PAYMENTS,
    "invoice.payment_reminder": MailKind.FAILED_PAYMENTS,
    "credits.topped_up": MailKind.RECEIPTS,
    "credits.top_up_failed": MailKind.FAILED_PAYMENTS,
    "subscription.suspended": MailKind.FAILED_PAYMENTS,
    "subscription.moved_unpaid": MailKind.FAILED_PAYMENTS,
    "subscription.restored": MailKind.FAILED_PAYMENTS,
    "subscription.resumed": MailKind.FAILED_PAYMENTS,
    "credits.low": MailKind.CREDIT_ALERTS,
    "credits.overage": MailKind.CREDIT_ALERTS,
    "credits.granted": MailKind.CREDIT_ALERTS,
    "credits.expiring": MailKind.CREDIT_ALERTS,
    "spend_cap.reached": MailKind.SPENDING_LIMIT,
    "subscription.changed": MailKind.PLAN,
    "subscription.change_scheduled": MailKind.PLAN,
    "subscription.paused": MailKind.PLAN,
    "subscription.canceled": MailKind.PLAN,
    "subscription.trial_ending": MailKind.TRIAL,
    "webhook.disabled": MailKind.WEBHOOKS,
    "gain_share.awaiting_approval": MailKind.GAIN_SHARE,
    "gain_share.reminder": MailKind.GAIN_SHARE,
    "gain_share.approved": MailKind.GAIN_SHARE,
    "gain_share.baseline_proposed": MailKind.GAIN_SHARE,
    "gain_share.baseline_accepted": MailKind.GAIN_SHARE,
    "gain_share.baseline_declined": MailKind.GAIN_SHARE,
}
"""What customers are written to about, by the type of a notice."""

DESK_KIND_OF: Final[Mapping[str, MailKind]] = {
    "gain_share.rejected": MailKind.GAIN_SHARE_DESK,
    "gain_share.disputed": MailKind.GAIN_SHARE_DESK,
    "gain_share.overdue": MailKind.GAIN_SHARE_DESK,
    "gain_share.baseline_proposed": MailKind.GAIN_SHARE_DESK,
    "gain_share.baseline_accepted": MailKind.GAIN_SHARE_DESK,
    "gain_share.baseline_declined": MailKind.GAIN_SHARE_DESK,
}
"""What our own people are written to about. Types that are in neither are for programs."""

_TO_WHO_PROPOSED: Final = ("gain_share.baseline_accepted", "gain_share.baseline_declined")
SELLER: Final = "seller"


def kind_of(notice_type: str, data: Mapping[str, Any]) -> MailKind | None:
    """Which letter a notice becomes; None for none. Only one party is written to about it.

    A proposal is for the party that did not make it, the answer to it for the one that did.
    """
    if notice_type not in KIND_OF or notice_type not in DESK_KIND_OF:
        return KIND_OF.get(notice_type) or DESK_KIND_OF.get(notice_type)
    was_ours = data["proposed_by"] == SELLER
    is_for_us = was_ours if notice_type in _TO_WHO_PROPOSED else not was_ours
    return (DESK_KIND_OF if is_for_us else KIND_OF)[notice_type]


def template_of(notice_type: str, kind: MailKind) -> str:
    """The name of the template that words a type; our own people's are apart."""
    name = notice_type.replace(".", "_")
    return f"desk_{name}" if TERMS[kind].is_for_operators else name
