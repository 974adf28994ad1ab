"""Which of a customer's subscriptions is meant, where it has several and none is named.

The main one has no name. Others have one of their own, such as a team's, and may be bound to a site.
"""

from datetime import datetime

from sqlmodel import Session, select

from models import Site, Subscription, SubscriptionStatus
from models.subscription import SUBSCRIPTION_NAME_MAX
from models.usage import SITE_MAX
from services.errors import SubscriptionConflict, SubscriptionUnclear, Unprocessable

SHOWN_MAX = 50
"""Subscriptions a refusal lists."""


def live_subscriptions(session: Session, *, tenant_id: str) -> list[Subscription]:
    """Those that have not ended, the main one first, then by name."""
    statement = select(Subscription).where(
        Subscription.tenant_id == tenant_id, Subscription.status != SubscriptionStatus.CANCELED
    )
    return list(session.exec(statement.order_by(Subscription.name, Subscription.id)))


def choose_subscription(session: Session, *, tenant_id: str, site: str | None = None) -> Subscription | None:
    """The live one that use is of, where it names no subscription; None where none is live.

    The one bound to its site, else the main one, else the only one. Raises SubscriptionUnclear, which lists them, where
    that names none.
    """
    live = live_subscriptions(session, tenant_id=tenant_id)
    bound = [each for each in live if each.site is not None and each.site == site]
    if bound:
        return bound[0]
    if not live or live[0].name == "":
        return live[0] if live else None
    if len(live) == 1 and (site is None or live[0].site is None):
        return live[0]
    raise SubscriptionUnclear(
        f"Say which subscription this is for, in subscription_id: {_listed(live)}.",
        field="subscription_id",
        subscription_ids=[each.id for each in live[:SHOWN_MAX]],
    )


def check_free_to_take(session: Session, *, tenant_id: str, name: str, site: str | None) -> Subscription | None:
    """The live one that has this name already, for the caller to judge; None where the name is free.

    Raises Unprocessable for a name or a site that cannot be one, or a site without a name of its own for the
    subscription, and SubscriptionConflict where another is bound to the site.
    """
    is_text = len(name) <= SUBSCRIPTION_NAME_MAX and (not name or name.isprintable()) and name == name.strip()
    if not is_text:
        raise Unprocessable(
            f"A subscription's name has at most {SUBSCRIPTION_NAME_MAX} printable characters, none of them a space at "
            "either end.",
            field="name",
        )
    if site is not None and not (0 < len(site) <= SITE_MAX and site.isprintable() and site == site.strip()):
        raise Unprocessable(f"A site's code has 1 to {SITE_MAX} printable characters.", field="site")
    if site is not None and not name:
        raise Unprocessable("A subscription for one site has a name of its own; give it one.", field="name")
    live = live_subscriptions(session, tenant_id=tenant_id)
    for each in live:
        if site is not None and each.site == site and each.name != name:
            raise SubscriptionConflict(
                f"Subscription {each.id} is for site {site} already; change its plan instead.", subscription_id=each.id
            )
    return next((each for each in live if each.name == name), None)


def register_site(session: Session, *, tenant_id: str, code: str, at: datetime) -> None:
    """The site a subscription is bound to. One that is new is added: it is covered by that subscription."""
    if session.get(Site, (tenant_id, code)) is None:
        session.add(Site(tenant_id=tenant_id, code=code, created_at=at))
        session.flush()


def _listed(live: list[Subscription]) -> str:
    named = [f"{each.id} ({each.name or 'the main one'})" for each in live[:SHOWN_MAX]]
    return ", ".join(named) + (", …" if len(live) > SHOWN_MAX else "")
