"""Who is at the portal, what they may do there, and where they go on to."""

from dataclasses import dataclass
from typing import Final

from services.stripe_sandbox.clock import DAY
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.pages.visit import Answer, Message, Stop, Visit
from services.stripe_sandbox.resources.billing_portal import CONFIGURATION, SESSION

PATH: Final = "/p/session/{secret}"
LIFE_SECONDS: Final = DAY


@dataclass(frozen=True, slots=True)
class Portal:
    """Who is here, and what they may do."""

    session: Document
    configuration: Document
    customer: Document

    def allows(self, feature: str) -> bool:
        """Whether the configuration turns this feature on."""
        return bool(self.configuration["features"][feature]["enabled"])

    @property
    def updates(self) -> list[str]:
        """What of their details the customer may change."""
        feature = self.configuration["features"]["customer_update"]
        return list(feature["allowed_updates"]) if feature["enabled"] else []


def open_portal(visit: Visit) -> Portal:
    """The session of this page. Raises Stop where there is none, or it is a day old."""
    world = visit.world
    found = world.store.where(SESSION, _secret=visit.ids["secret"])
    if not found:
        raise Stop(Message("There is no such page", "Its address is wrong, or the sandbox was emptied since.", "?"))
    session = found[0]
    customer = world.get("customer", session["customer"])
    if session["created"] + LIFE_SECONDS <= world.now() or customer.get("deleted"):
        back = session["return_url"] or ""
        text = "Open it again from where you came."
        raise Stop(Message("This page has expired", text, "!", "warn", link=back, link_label="Go back"), 410)
    return Portal(session, world.get(CONFIGURATION, session["configuration"]), customer)


def require(allowed: bool) -> None:
    """Raises Stop where the configuration does not offer this."""
    if not allowed:
        raise Stop(Message("That is not offered here", "Nothing was changed.", "!", "warn"), 403)


def own(visit: Visit, kind: str, portal: Portal, *, field: str | None = None) -> Document:
    """What the form names, if it is this customer's."""
    found = visit.world.store.find(kind, visit.given.get(field or kind, ""))
    if found is None or found["customer"] != portal.customer["id"]:
        raise Stop(Message("That is no longer there", "It was removed in the meantime.", "?"))
    return found


def done(visit: Visit, portal: Portal, flow: str, said: str) -> Answer:
    """Back to the portal's page, or where a session that was opened for just this leads."""
    wanted = portal.session["flow"]
    if wanted and wanted["type"] == flow and wanted["after_completion"]["type"] == "redirect":
        return visit.go(wanted["after_completion"]["redirect"]["return_url"])
    return visit.go(f"{home_of(visit)}?said={said}")


def home_of(visit: Visit) -> str:
    """The path of the portal's first page."""
    return f"/p/session/{visit.ids['secret']}"


def ways_out(portal: Portal) -> tuple[str | None, ...]:
    """The shop's addresses that the portal's forms may lead to."""
    flow = portal.session["flow"] or {}
    redirect = (flow.get("after_completion") or {}).get("redirect") or {}
    return portal.session["return_url"], redirect.get("return_url")
