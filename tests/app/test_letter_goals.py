"""Where the buttons of letters lead."""

from app.routes import BY_NAME, ROUTES, Audience
from services.mails.facts import DESK_PAGES, PAGES, PATHS
from services.mails.kinds import DESK_KIND_OF
from services.mails.writing import DESK_SETTINGS_PATH, SETTINGS_PATH


def test_every_button_leads_to_a_page_of_the_portal() -> None:
    paths = {path.partition("#")[0] for path in PATHS.values()} | {DESK_SETTINGS_PATH, SETTINGS_PATH}
    assert paths <= {route.href for route in ROUTES}
    assert {*PAGES.values(), *DESK_PAGES.values()} <= {
        route.path.partition("[")[0] for route in ROUTES if route.path.endswith("]")
    }


def test_every_letter_to_our_own_people_has_a_page_of_what_it_is_about() -> None:
    of_operators = set(DESK_KIND_OF)
    assert of_operators == set(DESK_PAGES)
    assert all(BY_NAME[name].audience is Audience.OPERATOR for name in ("gain_share_answer", "baseline_desk"))


def test_letters_about_credits_lead_to_the_credits() -> None:
    goals = {path for name, path in PATHS.items() if name.startswith("credits.")}
    assert goals == {BY_NAME["credits"].href}
