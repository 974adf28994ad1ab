"""Where the buttons of letters lead."""

from app.routes import BY_NAME, ROUTES
from services.mails.facts import DESK_PATH, PAGES, PATHS
from services.mails.writing import DESK_SETTINGS_PATH, SETTINGS_PATH


def test_every_button_leads_to_a_page_of_the_portal() -> None:
    paths = {path.partition("#")[0] for path in PATHS.values()} | {DESK_PATH, DESK_SETTINGS_PATH, SETTINGS_PATH}
    assert paths <= {route.href for route in ROUTES}
    assert set(PAGES.values()) <= {route.path.partition("[")[0] for route in ROUTES if route.path.endswith("]")}


def test_letters_about_credits_lead_to_the_credits() -> None:
    goals = {path for name, path in PATHS.items() if name.startswith("credits.")}
    assert goals == {BY_NAME["credits"].href}
