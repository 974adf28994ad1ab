"""The state of a page belongs to one person looking at one customer, and is forgotten when another one connects.

A browser tab keeps the name of its state through signing out, and Reflex sends the whole state when the tab connects,
before any page's `load` runs. So ownership is checked first.
"""

from typing import Any, Final

import reflex as rx
from reflex.middleware.middleware import Middleware
from reflex_base.constants import CompileVars

from app.session import signed_in_person
from services.errors import Refusal

SENDS_EVERYTHING: Final = (CompileVars.HYDRATE, CompileVars.HYDRATE_AND_LOAD)
NOBODY: Final = ""


class StateOwner(rx.State):
    """Who the state was made for. Underscored, so the browser never sees it."""

    _owner: str = NOBODY


class ForgetForOthers(Middleware):
    """Empties the state before it is sent to somebody it was not made for."""

    async def preprocess(self, app: Any, state: Any, event: Any) -> None:
        """Runs before every event; acts on those that send the whole state."""
        if event.name.rpartition(".")[2] in SENDS_EVERYTHING:
            await forget_for_others(state)


async def forget_for_others(state: Any) -> None:
    """Reset every page's state unless it was made for this very person, customer and subscription."""
    connected = await _person_and_customer(state)
    root = state._get_root_state()
    owner = await root.get_state(StateOwner)
    if connected == NOBODY or owner._owner != connected:
        root.reset()
        owner._owner = connected


async def _person_and_customer(state: Any) -> str:
    try:
        member = await signed_in_person(state)
    except Refusal:
        return NOBODY
    return f"{member.user_id} {member.tenant_id or ''} {member.subscription_id or ''}"
