"""Another subscription for a team or a site, from the form to the one that runs."""

import pytest
from sqlmodel import Session

from models import Collection
from services.assets.snapshots import add_site
from services.errors import Conflict, SubscriptionConflict, Unprocessable
from services.invoices.finding import list_invoices
from services.subscriptions.adding import NO_ADD_FORM, Added, read_add_form, read_added
from services.subscriptions.finding import list_subscriptions, read_subscription
from services.subscriptions.plan_starts import StartView, preview_start, start_asked
from services.subscriptions.starting import create_subscription
from services.wording import amount
from tests.given import NOON, Customer, assert_books_agree, customer
from tests.services.subscriptions.test_own_offers import agreed


def shown(session: Session, acme: Customer, *, by_card: bool = True, **wanted: str) -> StartView:
    asked = {"plan_code": "reliability/STARTER", "interval": "month"} | wanted
    return preview_start(session, tenant_id=acme.tenant_id, **asked, by_card=by_card, at=NOON)


def test_it_offers_the_plans_of_today_the_contracts_and_sites_of_nobody(session: Session) -> None:
    acme = customer(session)
    for code in ("plant-1", "plant-2"):
        add_site(session, tenant_id=acme.tenant_id, code=code, at=NOON)
    create_subscription(session, tenant_id=acme.tenant_id, plan_code="STARTER", name="First", site="plant-1", at=NOON)
    contract = agreed(session, acme.tenant_id)
    form = read_add_form(session, tenant_id=acme.tenant_id, subscription_id=acme.subscription_id, at=NOON)
    assert form.sites == ("plant-2",)
    assert form.plans[0] == ("reliability/STARTER", "Starter, $4,000.00 a month")
    assert form.plans[-1] == (contract.id, "Frame agreement, $12,000.00 a month")
    typed = {"site": " plant-2 ", "plan": contract.id}
    assert read_added(form, typed) == Added("", contract.id, "plant-2", "plant-2")
    assert read_added(form, {"name": "Team A", "plan": "reliability/PRO"}) == Added("reliability/PRO", "", "Team A", "")


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"plan": "reliability/PRO"}, "name"),
        ({"name": "  ", "site": " ", "plan": "reliability/PRO"}, "name"),
        ({"name": "x" * 1_000, "plan": "reliability/PRO"}, "name"),
        ({"name": "Team A"}, "plan"),
        ({"name": "Team A", "plan": "memory-cloud/pro"}, "plan"),
    ],
)
def test_what_names_nothing_or_no_plan_of_the_form_is_refused(
    session: Session, typed: dict[str, str], field: str
) -> None:
    acme = customer(session)
    form = read_add_form(session, tenant_id=acme.tenant_id, at=NOON)
    with pytest.raises(Unprocessable) as refused:
        read_added(form, typed)
    assert refused.value.field == field
    with pytest.raises(Unprocessable):
        read_added(NO_ADD_FORM, typed)


def test_it_is_invoiced_as_it_was_shown_to_who_pays_by_invoice(session: Session) -> None:
    acme = customer(session)
    question = shown(session, acme, name="Plant 2", site="plant-2")
    assert (question.title, question.is_by_card) == ("Start Starter for Plant 2 (plant-2)?", False)
    started_id = start_asked(session, tenant_id=acme.tenant_id, asked=question, by_card=True, at=NOON)
    started = read_subscription(session, tenant_id=acme.tenant_id, subscription_id=started_id)
    assert (started.name, started.site, started.collection) == ("Plant 2", "plant-2", Collection.MANUAL)
    (invoice,) = (
        each for each in list_invoices(session, tenant_id=acme.tenant_id) if each.subscription_id == started_id
    )
    assert amount(invoice.total_minor, invoice.currency) == question.today
    assert len(list_subscriptions(session, tenant_id=acme.tenant_id)) == 2
    assert_books_agree(session, acme.tenant_id)


def test_who_pays_by_card_pays_for_it_on_the_payment_page(session: Session) -> None:
    acme = customer(session)
    main = read_subscription(session, tenant_id=acme.tenant_id)
    main.collection = Collection.AUTOMATIC
    session.add(main)
    question = shown(session, acme, name="Team A")
    assert question.is_by_card
    assert "takes the place" not in question.after
    with pytest.raises(Conflict, match="payment page"):
        start_asked(session, tenant_id=acme.tenant_id, asked=question, by_card=True, at=NOON)
    assert not shown(session, acme, name="Team A", by_card=False).is_by_card


def test_a_name_or_a_site_that_is_taken_is_refused(session: Session) -> None:
    acme = customer(session)
    create_subscription(session, tenant_id=acme.tenant_id, plan_code="STARTER", name="Team A", site="plant-1", at=NOON)
    for wanted in ({"name": "Team A"}, {"name": "Team B", "site": "plant-1"}, {"name": ""}):
        with pytest.raises(SubscriptionConflict):
            shown(session, acme, **wanted)
