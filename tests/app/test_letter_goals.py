"""Where the buttons of letters lead."""

from app.routes import BY_NAME, ROUTES
from services.mails.facts import PATHS


def test_every_button_leads_to_a_page_of_the_portal() -> None:
    assert {path.partition("#")[0] for path in PATHS.values()} <= {route.href for route in ROUTES}


def test_letters_about_credits_lead_to_the_credits() -> None:
    goals = {path for name, path in PATHS.items() if name.startswith("credits.")}
    assert goals == {BY_NAME["credits"].href}
