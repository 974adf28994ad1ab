"""Another subscription beside the main one, for a team or a site: what there is to choose, and what was typed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from models import Interval
from models.subscription import SUBSCRIPTION_NAME_MAX
from models.usage import SITE_MAX
from services.assets.snapshots import list_sites
from services.contracts.agreements import offered_contracts
from services.errors import NotFound, Unprocessable
from services.price_books.books import book_in_force, plan_version
from services.rules.periods import business_date
from services.subscriptions.change_wording import price_of
from services.subscriptions.choice import live_subscriptions
from services.subscriptions.finding import plan_of, read_subscription
from services.subscriptions.offered_terms import OWN
from services.tenants import read_tenant


@dataclass(frozen=True)
class AddForm:
    """Plans to choose from as (value, name), and the sites that have no subscription of their own yet."""

    plans: tuple[tuple[str, str], ...] = ()
    sites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Added:
    """What was typed. `terms` are as in `offered_terms`."""

    plan_code: str
    terms: str
    name: str
    site: str


NO_ADD_FORM = AddForm()


def read_add_form(session: Session, *, tenant_id: str, at: datetime, subscription_id: str | None = None) -> AddForm:
    """What another subscription can be on: the plans sold today, then the customer's contracts."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    book = book_in_force(session, code=_book_code(session, tenant_id, subscription_id))
    sold = [
        (plan.qualified_code, f"{plan.name}, {price_of(plan, Interval.MONTH)}")
        for plan in book.plans
        if plan.currency == tenant.currency and plan.base_price is not None and not plan.contact_sales
    ]
    agreed = [
        (contract.id, f"{contract.title}, {price_of(plan, Interval.MONTH)}")
        for contract in offered_contracts(session, tenant=tenant, on=business_date(at, tenant.timezone))
        if (plan := plan_version(session, version_id=contract.plan_version_id)).base_price is not None
    ]
    taken = {each.site for each in live_subscriptions(session, tenant_id=tenant_id)}
    sites = tuple(site.code for site in list_sites(session, tenant_id=tenant_id) if site.code not in taken)
    return AddForm((*sold, *agreed), sites)


def read_added(form: AddForm, typed: Mapping[str, Any]) -> Added:
    """What was typed into the form. Raises Unprocessable where it names neither a team nor a site, or no plan of it."""
    name, site = (str(typed.get(field, "")).strip() for field in ("name", "site"))
    if len(name) > SUBSCRIPTION_NAME_MAX or len(site) > SITE_MAX:
        raise Unprocessable(
            f"A name has at most {SUBSCRIPTION_NAME_MAX} characters, a site's code at most {SITE_MAX}.", field="name"
        )
    if not name and not site:
        raise Unprocessable("Give the subscription a name, such as a team's, or the site it is for.", field="name")
    wanted = str(typed.get("plan", ""))
    if wanted not in dict(form.plans):
        raise Unprocessable("Choose one of the plans.", field="plan")
    is_plan = "/" in wanted
    return Added(wanted if is_plan else "", OWN if is_plan else wanted, name or site, site)


def _book_code(session: Session, tenant_id: str, subscription_id: str | None) -> str | None:
    """The book the customer buys from; None for the one in force for everybody."""
    try:
        found = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    except NotFound:
        return None
    return plan_of(session, found).book_code
