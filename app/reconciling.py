"""Comparing every invoice with what Stripe says now: its side is read anew, then compared, and the outcome kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from app import payments
from models import InvoiceCheck, StripeInvoice
from services.database import reading, transaction
from services.errors import ProviderRefused
from services.gateways.stripe.client import Stripe
from services.payments import inbox, reconciliation
from services.payments.mirror import parts_of
from services.payments.subjects import NotOurs, Subject, SubjectKind

_log = structlog.get_logger("tallystick.payments")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one run compared: every invoice's outcome, and Stripe's invoices that carry none of ours."""

    checks: tuple[InvoiceCheck, ...]
    unknown: tuple[StripeInvoice, ...]

    @property
    def differing(self) -> tuple[InvoiceCheck, ...]:
        return tuple(check for check in self.checks if check.difference_count)


def check_one(stripe: Stripe | None, *, tenant_id: str, invoice_id: str, at: datetime) -> InvoiceCheck:
    """Compare one invoice. Without a `stripe` its side is taken as it was last read.

    Raises NotFound, and ProviderUnavailable where Stripe cannot be asked.
    """
    if stripe is not None:
        _read_anew(stripe, tenant_id=tenant_id, invoice_id=invoice_id, at=at)
    with transaction() as session:
        return reconciliation.check_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id, at=at)


def check_all(
    stripe: Stripe | None,
    *,
    at: datetime,
    tenant_id: str | None = None,
    say: Callable[[int, int], None] = lambda done, total: None,
) -> Reconciled:
    """Compare every invoice, the oldest first; `say(done, total)` is told how far it is."""
    with reading() as session:
        wanted = reconciliation.list_final(session, tenant_id=tenant_id)
    checks = _check(stripe, wanted, at=at, say=say)
    account = None if stripe is None else stripe.account
    with reading() as session:
        unknown = [] if account is None else reconciliation.unknown_at_stripe(session, account=account, at=at)
    return Reconciled(checks, tuple(row for row in unknown if tenant_id in (None, row.tenant_id)))


def check_unsettled(stripe: Stripe | None, *, at: datetime) -> int:
    """Compare what may have changed since it was last compared; answers how many invoices differ."""
    with reading() as session:
        wanted = reconciliation.list_unsettled(session, at=at)
    return sum(check.difference_count > 0 for check in _check(stripe, wanted, at=at))


def _check(
    stripe: Stripe | None,
    wanted: Sequence[tuple[str, str]],
    *,
    at: datetime,
    say: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[InvoiceCheck, ...]:
    checks = []
    for number, (owner, invoice_id) in enumerate(wanted, start=1):
        checks.append(check_one(stripe, tenant_id=owner, invoice_id=invoice_id, at=at))
        say(number, len(wanted))
    return tuple(checks)


def _read_anew(stripe: Stripe, *, tenant_id: str, invoice_id: str, at: datetime) -> None:
    with reading() as session:
        rows = parts_of(session, tenant_id=tenant_id, invoice_id=invoice_id)
        stripe_ids = [row.stripe_id for row in rows if row.account == stripe.account]
    for stripe_id in stripe_ids:
        with transaction() as session:
            ticket = inbox.draw_ticket(session, account=stripe.account)
        try:
            payments.read_and_apply(stripe, Subject(SubjectKind.INVOICE, stripe_id), ticket=ticket, at=at)
        except (NotOurs, ProviderRefused) as refusal:
            _log.warning("reconciled_without_stripe", stripe_id=stripe_id, reason=refusal.detail)
