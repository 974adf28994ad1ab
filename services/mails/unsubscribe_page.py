"""The page behind a link to unsubscribe: it works without signing in, without scripts, in the reader's language."""

from functools import lru_cache
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.mails.content import TEMPLATES
from services.mails.phrases import ENGLISH
from services.mails.preferences import Unsubscribing
from services.mails.writing import DESK_SETTINGS_PATH, SETTINGS_PATH
from services.settings import settings

_WORDS: Final = {
    "en": {
        "ask": "Stop these letters?",
        "asks": "“{title}” about {customer} is sent to {address}.",
        "stop": "Stop them",
        "stopped": "You are unsubscribed",
        "stops": "“{title}” about {customer} is no longer sent to {address}.",
        "again": "Send them again",
        "settings": "Choose everything you are told",
        "all": "all customers",
    },
    "fr": {
        "ask": "Ne plus recevoir ces avis\u00a0?",
        "asks": "«\u00a0{title}\u00a0» au sujet de {customer} est envoyé à {address}.",
        "stop": "Ne plus les recevoir",
        "stopped": "Vous êtes désabonné",
        "stops": "«\u00a0{title}\u00a0» au sujet de {customer} n’est plus envoyé à {address}.",
        "again": "Les recevoir de nouveau",
        "settings": "Choisir tous vos avis",
        "all": "tous les clients",
    },
}
_FRENCH_TITLES: Final = {
    "Credits running low": "Crédits bientôt épuisés",
    "Spending limit reached": "Limite de dépenses atteinte",
    "Plan and subscription": "Forfait et abonnement",
    "Webhooks switched off": "Webhooks désactivés",
    "End of a trial": "Fin d’un essai",
    "Gain-share to decide on": "Partage des gains à décider",
    "Gain-share of customers": "Partage des gains des clients",
}


def page_of(found: Unsubscribing) -> str:
    """What a link is about, with the one button that changes it."""
    words = _WORDS[found.language]
    title = _FRENCH_TITLES.get(found.title, found.title) if found.language != ENGLISH else found.title
    sentence = words["asks" if found.is_wanted else "stops"]
    return _render(
        found.language,
        heading=words["ask" if found.is_wanted else "stopped"],
        sentence=sentence.format(title=title, customer=found.customer or words["all"], address=found.address),
        button=words["stop" if found.is_wanted else "again"],
        wanted="no" if found.is_wanted else "yes",
        quiet=not found.is_wanted,
        settings_url=SETTINGS_PATH if found.customer else DESK_SETTINGS_PATH,
    )


def page_of_refusal(sentence: str) -> str:
    """Why a link does nothing."""
    return _render(
        ENGLISH, heading="This link cannot be used", sentence=sentence, button="", wanted="", quiet=False,
        settings_url=SETTINGS_PATH,
    )  # fmt: skip


def _render(language: str, **parts: object) -> str:
    return (
        _environment()
        .get_template("unsubscribe.html.j2")
        .render(
            language=language,
            brand=settings().seller_name,
            settings=_WORDS[language]["settings"],
            **parts,
        )
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True)
