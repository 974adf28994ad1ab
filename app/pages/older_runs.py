"""What both sides' lists of one customer's gain-share runs share: the newest in front, and older ones on demand.

A page's State takes this mixin, says in `_member` who may call its handlers, and lists `runs_max` runs in `_show`.
"""

import reflex as rx

from app.session import answers_refusals
from services.gain_share.views import RUNS_SHOWN, RUNS_SHOWN_MAX


class OlderRuns(rx.State, mixin=True):
    """How many runs are listed at most."""

    runs_max: int = RUNS_SHOWN

    @rx.event
    @answers_refusals
    async def show_older(self) -> None:
        """List so many runs more."""
        member = await self._member()  # type: ignore[attr-defined]
        self.runs_max = min(self.runs_max + RUNS_SHOWN, RUNS_SHOWN_MAX)
        await self._show(member)  # type: ignore[attr-defined]
