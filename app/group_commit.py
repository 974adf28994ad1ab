"""Usage that arrives together is written together: one transaction, one wait for the disk, an answer for each caller.

Calls queue while a transaction runs; the next takes all that are waiting. A lone call is written at once; only where
calls come in crowds is the next group given a moment to gather.
"""

import asyncio
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final

from app import unit_of_work
from services.availability import RETRY_AFTER_SECONDS, Overloaded, telling_unavailable
from services.database import Session, transaction
from services.errors import Refusal
from services.identifiers import new_id
from services.metering import EVENTS_MAX, Metered, UsageInput, record_usage
from services.tenant_clocks import now_of

Answers = list[Metered | Refusal]

SWITCH_SECONDS: Final = 0.001
"""How long a thread of this process may compute while another waits to. The writer waits for its turn after each
statement; with Python's own five milliseconds a batch beside a busy event loop waits fifty of them."""

CROWD_CALLS_MIN: Final = 8
GATHERING_SECONDS: Final = 0.003
"""After a group of so many calls the next is given so long to gather. A commit costs about as much as forty events, so
fewer and larger groups answer a crowd sooner; a lone call is written at once."""

WAITING_MAX: Final = 20 * EVENTS_MAX
"""Events that may wait for the writer. More are refused at once, so that a flood cannot fill the memory."""


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """One caller's events, and where its answers are awaited."""

    tenant_id: str
    events: Sequence[UsageInput]
    answered: "asyncio.Future[Answers]"
    loop: asyncio.AbstractEventLoop


Outcome = tuple[_Call, "Answers | Exception"]


class GroupCommit:
    """A queue of usage and the one thread of this process that writes it."""

    def __init__(self) -> None:
        self._calls: deque[_Call] = deque()
        self._waiting_events = 0
        self._arrived = threading.Condition()
        self._writer: threading.Thread | None = None

    async def record(self, *, tenant_id: str, events: Sequence[UsageInput]) -> Answers:
        """Meter one caller's events, with whatever else is waiting; answers come once they are on the disk.

        Raises NotFound, DatabaseUnavailable, and Overloaded where the queue is full.
        """
        loop = asyncio.get_running_loop()
        call = _Call(tenant_id, [_identified(event) for event in events], loop.create_future(), loop)
        with self._arrived:
            if self._waiting_events + len(events) > WAITING_MAX:
                raise Overloaded(
                    "More usage is waiting than can be written soon. Nothing was counted; send it again in a moment.",
                    retry_after=RETRY_AFTER_SECONDS,
                )
            self._waiting_events += len(events)
            self._calls.append(call)
            self._ensure_writer()
            self._arrived.notify()
        return await call.answered

    def _ensure_writer(self) -> None:
        if self._writer is None or not self._writer.is_alive():
            sys.setswitchinterval(SWITCH_SECONDS)
            self._writer = threading.Thread(target=self._write_for_ever, name="usage-writer", daemon=True)
            self._writer.start()

    def _write_for_ever(self) -> None:
        while True:
            group = self._next_group()
            _write_group(group)
            if len(group) >= CROWD_CALLS_MIN:
                time.sleep(GATHERING_SECONDS)

    def _next_group(self) -> list[_Call]:
        """All that is waiting, up to EVENTS_MAX events; the first call whatever its size."""
        with self._arrived:
            while not self._calls:
                self._arrived.wait()
            group = [self._calls.popleft()]
            size = len(group[0].events)
            while self._calls and size + len(self._calls[0].events) <= EVENTS_MAX:
                call = self._calls.popleft()
                group.append(call)
                size += len(call.events)
            self._waiting_events -= size
            return group


def _identified(event: UsageInput) -> UsageInput:
    """An event with an id before it is first written: if a commit is lost sight of, writing it again counts nothing."""
    return event if event.identity is not None else event._replace(own_id=new_id("evt"))


def _write_group(group: list[_Call]) -> None:
    """Write a group in one transaction. Where that fails, write each call alone, so that only its own is lost."""
    try:
        with telling_unavailable(), transaction() as session:
            outcomes: list[Outcome] = list(_record_all(session, group))
    except Exception as error:
        if len(group) > 1:
            for call in group:
                _write_group([call])
            return
        outcomes = [(group[0], error)]
    _deliver(outcomes)


def _record_all(session: Session, group: list[_Call]) -> Iterable[tuple[_Call, Answers]]:
    """Tenant by tenant in one order, so that two processes never wait for each other in a ring."""
    at = unit_of_work.now()
    for tenant_id, calls_of_tenant in groupby(sorted(group, key=attrgetter("tenant_id")), attrgetter("tenant_id")):
        calls = list(calls_of_tenant)
        events = [event for call in calls for event in call.events]
        its_now = now_of(session, tenant_id=tenant_id, at=at)
        answers = iter(record_usage(session, tenant_id=tenant_id, events=events, at=its_now))
        for call in calls:
            yield call, [next(answers) for _ in call.events]


def _deliver(outcomes: list[Outcome]) -> None:
    """Hand the outcomes over in the loops they are awaited in, one wake-up a loop."""
    for loop, outcomes_of_loop in groupby(sorted(outcomes, key=lambda o: id(o[0].loop)), lambda o: o[0].loop):
        with suppress(RuntimeError):  # a loop that has ended awaits nothing any more
            loop.call_soon_threadsafe(_settle, list(outcomes_of_loop))


def _settle(outcomes: list[Outcome]) -> None:
    for call, outcome in outcomes:
        if call.answered.done():  # the caller went away
            continue
        if isinstance(outcome, Exception):
            call.answered.set_exception(outcome)
        else:
            call.answered.set_result(outcome)


usage_writer: Final = GroupCommit()
"""The queue of this process."""
