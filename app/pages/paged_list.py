"""What every long list of our own side shares: a page on, a page back, what is looked for, and only for operators.

A page's State takes a mixin of these, has a `view` whose `last` is where its page ended ("" at the end), and a `_show`
that reads on from the last of `_cursors` and says whether there is a page before it. What narrows the list begins
again at its first page.
"""

from typing import Any, Final

import reflex as rx

from app.components.filters import SEARCH_MAX
from app.pages.frame import open_operator_page
from app.session import answers_refusals, signed_in_operator

PAGES_BACK_MAX: Final = 10_000
STATUS_MAX: Final = 64


class PagedList(rx.State, mixin=True):
    """`_cursors` are where the pages before this one ended."""

    search: str = ""
    has_previous: bool = False
    loaded: bool = False
    _cursors: list[Any] = []

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        await open_operator_page(self)
        await self._show()  # type: ignore[attr-defined]
        self.loaded = True

    @rx.event
    @answers_refusals
    async def find(self, text: str) -> None:
        """Only what goes with a text."""
        await signed_in_operator(self)
        self.search, self._cursors = str(text)[:SEARCH_MAX], []
        await self._show()  # type: ignore[attr-defined]

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


class ListByStatus(PagedList, mixin=True):
    """A list of which one status is shown, "" for all."""

    status: str = ""

    @rx.event
    @answers_refusals
    async def choose_status(self, status: str) -> None:
        await signed_in_operator(self)
        self.status, self._cursors = str(status)[:STATUS_MAX], []
        await self._show()  # type: ignore[attr-defined]
