"""Plans sold by payment links: the link says who bought, or a person does."""

import pytest
from sqlmodel import select

from models import Checkout, Invoice, StripeEvent, StripeEventStatus, Subscription
from services.database import reading, transaction
from tests.hosted_pages import CARD, Visitor
from tests.payments_world import PaymentsWorld


def buy(world: PaymentsWorld, *, reference: str = "") -> None:
    """Somebody follows the payment link for PRO by the month and pays."""
    from services.payments.stripe_catalog import payment_links

    with reading() as session:
        links = payment_links(session, account=world.stripe.account)
    url = next(url for key, url in links.items() if "PRO:month" in key)
    with_reference = f"{url}?client_reference_id={reference}" if reference else url
    person = Visitor()
    person.open(with_reference).press("pay", email="ada@acme.example", **CARD)
    person.close()


def bought() -> list[tuple[str, str, str, int]]:
    with reading() as session:
        statement = select(Subscription, Invoice).where(Invoice.subscription_id == Subscription.id)
        rows = session.exec(statement).all()
        return [(ours.tenant_id, ours.status, invoice.status, invoice.total_minor) for ours, invoice in rows]


def failed() -> list[StripeEvent]:
    with reading() as session:
        return list(session.exec(select(StripeEvent).where(StripeEvent.status == StripeEventStatus.FAILED)))


def test_a_link_that_names_the_customer_starts_its_subscription(payments_world: PaymentsWorld) -> None:
    buy(payments_world, reference=payments_world.tenant_id)
    payments_world.work()
    assert bought() == [(payments_world.tenant_id, "active", "paid", 900_000)]


@pytest.mark.parametrize("reference", ["", "ten_nobody"])
def test_a_link_that_names_nobody_waits_for_a_person(payments_world: PaymentsWorld, reference: str) -> None:
    from services.payments import inbox

    buy(payments_world, reference=reference)
    payments_world.work()
    assert bought() == []
    (event,) = failed()
    assert event.type == "checkout.session.completed"
    assert "ada@acme.example bought reliability/PRO" in str(event.error)
    assert "tallystick_tenant" in str(event.error)

    form = {"metadata[tallystick_tenant]": payments_world.tenant_id}
    payments_world.ask("POST", f"/v1/customers/{event.customer_id}", form)
    with transaction() as session:
        inbox.replay_event(session, event_id=event.id, at=payments_world.now())
    payments_world.work()
    assert bought() == [(payments_world.tenant_id, "active", "paid", 900_000)]
    assert failed() == []


def test_a_second_purchase_as_another_customer_waits_for_a_person(payments_world: PaymentsWorld) -> None:
    for _ in range(2):
        buy(payments_world, reference=payments_world.tenant_id)
        payments_world.work()
    assert len(bought()) == 1
    with reading() as session:
        assert len(session.exec(select(Checkout)).all()) == 1
    assert any("pays as cus_" in str(event.error) for event in failed())
