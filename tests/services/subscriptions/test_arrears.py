"""Who was suspended pays before anything new is started."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from models import Interval
from services.errors import SubscriptionConflict
from services.invoices.finding import list_invoices, mark_invoice_paid
from services.payments.dunning import SUSPENDED_AFTER, advance_dunning, begin_dunning, end_dunning
from services.subscriptions.arrears import check_no_arrears
from services.subscriptions.ends import end_subscription
from services.subscriptions.lifecycle import reactivate_subscription
from services.subscriptions.plan_starts import preview_start
from tests.given import NOON, Customer, customer

DAY = timedelta(days=1)


def suspended(session: Session) -> Customer:
    acme = customer(session)
    (invoice,) = list_invoices(session, tenant_id=acme.tenant_id)
    begin_dunning(session, invoice=invoice, failed_at=NOON)
    advance_dunning(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=NOON + SUSPENDED_AFTER)
    return acme


def test_a_suspension_is_not_lifted_by_cancelling_and_starting_anew(session: Session) -> None:
    acme, at = suspended(session), NOON + SUSPENDED_AFTER + DAY
    mine = {"tenant_id": acme.tenant_id, "subscription_id": acme.subscription_id}
    end_subscription(session, **mine, ended_at=at, at=at)
    with pytest.raises(SubscriptionConflict, match="INV-000001 is not paid"):
        reactivate_subscription(session, **mine, at=at)
    with pytest.raises(SubscriptionConflict, match="pay it first"):
        preview_start(session, tenant_id=acme.tenant_id, plan_code="STARTER", interval=Interval.MONTH.value, at=at)


def test_once_it_is_paid_it_can_start_again(session: Session) -> None:
    acme, at = suspended(session), NOON + SUSPENDED_AFTER + DAY
    mine = {"tenant_id": acme.tenant_id, "subscription_id": acme.subscription_id}
    end_subscription(session, **mine, ended_at=at, at=at)
    (invoice,) = list_invoices(session, tenant_id=acme.tenant_id)
    mark_invoice_paid(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=at)
    end_dunning(session, invoice=invoice, at=at)
    check_no_arrears(session, tenant_id=acme.tenant_id)
    assert reactivate_subscription(session, **mine, at=at).id != acme.subscription_id


def test_a_payment_that_only_failed_keeps_nobody_from_starting(session: Session) -> None:
    acme = customer(session)
    (invoice,) = list_invoices(session, tenant_id=acme.tenant_id)
    begin_dunning(session, invoice=invoice, failed_at=NOON)
    check_no_arrears(session, tenant_id=acme.tenant_id)
