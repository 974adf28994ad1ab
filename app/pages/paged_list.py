"""What every long list of our own side shares: a page on, a page back, and only for operators.

A page's State takes this mixin, has a `view` whose `last` is where its page ended ("" at the end), and a `_show` that
reads on from the last of `_cursors` and says whether there is a page before it.
"""

from typing import Any, Final

import reflex as rx

from app.session import answers_refusals, signed_in_operator

PAGES_BACK_MAX: Final = 10_000


class PagedList(rx.State, mixin=True):
    """`_cursors` are where the pages before this one ended."""

    has_previous: bool = False
    _cursors: list[Any] = []

    @rx.event
    @answers_refusals
    async def next_page(self) -> None:
        """The page after this one."""
        await signed_in_operator(self)
        if self.view.last and len(self._cursors) < PAGES_BACK_MAX:  # type: ignore[attr-defined]
            self._cursors.append(self.view.last)  # type: ignore[attr-defined]
        await self._show()  # type: ignore[attr-defined]

    @rx.event
    @answers_refusals
    async def previous_page(self) -> None:
        """The page before this one."""
        await signed_in_operator(self)
        self._cursors = self._cursors[:-1]
        await self._show()  # type: ignore[attr-defined]
