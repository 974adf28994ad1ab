"""The address of a payment link: each visit opens a checkout session of its own."""

from typing import Final

from services.stripe_sandbox.pages.visit import Answer, Message, Page, Stop, Visit
from services.stripe_sandbox.resources.checkout_checks import REFERENCE
from services.stripe_sandbox.resources.payment_links import LINK, open_from_link

PATH: Final = "/buy/{link}"


def show(visit: Visit) -> Answer:
    """Open a session and go on to it; a link that was turned off says so."""
    link = visit.world.store.find(LINK, visit.ids["link"])
    if link is None:
        raise Stop(Message("There is no such payment link", "Its address is wrong, or the sandbox was emptied.", "?"))
    if not link["active"]:
        text = link["inactive_message"] or "The seller has turned this link off."
        raise Stop(Message("This link is no longer active", text, "!", "warn"), 410)
    restrictions = link["restrictions"]
    if restrictions and restrictions["completed_sessions"]["count"] >= restrictions["completed_sessions"]["limit"]:
        raise Stop(Message("This link was used as often as it may be", "Ask the seller for another.", "!", "warn"), 410)
    session = open_from_link(visit.world, link, reference=_reference(visit))
    return visit.go(f"/c/pay/{session['id']}")


def _reference(visit: Visit) -> str | None:
    """What whoever sent the link added to say whom it is for; what cannot be one is left out, as Stripe does."""
    given = visit.query.get("client_reference_id", "")
    return given if REFERENCE.fullmatch(given) else None


PAGES: Final[tuple[Page, ...]] = ((PATH, show, None),)
