"""Deliveries that arrive together are kept together: one transaction, one wait for the disk, an answer for each."""

import asyncio
from dataclasses import dataclass
from typing import Final

from app import unit_of_work
from models import EventSource
from services.availability import RETRY_AFTER_SECONDS, Overloaded
from services.database import Session
from services.gateways.stripe.facts import EventFacts
from services.payments import inbox

WAITING_MAX: Final = 5_000
GROUP_MAX: Final = 500


@dataclass(frozen=True, slots=True, eq=False)
class _Delivery:
    account: str
    event: EventFacts
    kept: "asyncio.Future[bool]"


class WebhookCommits:
    """A queue of verified events; while one group is written the next gathers."""

    def __init__(self) -> None:
        self._waiting: list[_Delivery] = []
        self._writing: asyncio.Task[None] | None = None

    async def keep(self, event: EventFacts, *, account: str) -> bool:
        """Keep an event; True where it was not here yet. Raises DatabaseUnavailable, and Overloaded in a flood."""
        if len(self._waiting) >= WAITING_MAX:
            raise Overloaded("Too many deliveries are waiting; send it again.", retry_after=RETRY_AFTER_SECONDS)
        delivery = _Delivery(account, event, asyncio.get_running_loop().create_future())
        self._waiting.append(delivery)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await delivery.kept

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:GROUP_MAX], self._waiting[GROUP_MAX:]
            try:
                answers = await unit_of_work.run(_keep_all, group)
            except Exception as error:
                for delivery in group:
                    _fail(delivery.kept, error)
                continue
            for delivery, is_new in zip(group, answers, strict=True):
                if not delivery.kept.done():
                    delivery.kept.set_result(is_new)


def _keep_all(session: Session, group: list[_Delivery]) -> list[bool]:
    """In the order of their ids: two processes that write the same events in other orders would block each other."""
    at = unit_of_work.now()
    is_new = {
        delivery: inbox.keep_event(
            session, account=delivery.account, event=delivery.event, source=EventSource.WEBHOOK, at=at
        )
        for delivery in sorted(group, key=lambda each: each.event.id)
    }
    return [is_new[delivery] for delivery in group]


def _fail(kept: "asyncio.Future[bool]", error: Exception) -> None:
    if not kept.done():
        kept.set_exception(error)


commits: Final = WebhookCommits()
