"""One use case, one thread, one transaction. What succeeds or fails together is what is passed to `run`.

There are four lanes so that nobody waits for a neighbour: writers (who on SQLite queue for one lock), readers (pages
stay quick while a batch is written), work that needs a processor but no database, such as parsing a large body, and
passwords apart from it: a stranger may send as many as they like, and each takes a tenth of a second.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog

from services import tenant_clocks
from services.availability import telling_unavailable
from services.database import Session, reading, transaction
from services.passwords import HASHES_AT_ONCE

WRITERS = 8
READERS = 8
WORKERS = 4
"""Together with a spare few, no more than the database's connections."""

Options = ParamSpec("Options")
Answer = TypeVar("Answer")
UseCase = Callable[Concatenate[Session, Options], Answer]

_writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="write")
_readers = ThreadPoolExecutor(READERS, thread_name_prefix="read")
_workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="work")
_hashers = ThreadPoolExecutor(HASHES_AT_ONCE, thread_name_prefix="hash")
_log = structlog.get_logger("tallystick.unit_of_work")


def now() -> datetime:
    """The time at the edge: everything inside is told it."""
    return datetime.now(UTC)


async def run(use_case: UseCase[Options, Answer], /, *args: Options.args, **kwargs: Options.kwargs) -> Answer:
    """Run `use_case(session, ...)` in a transaction: all of it is kept, or none."""
    return await _on(_writers, partial(_write, use_case, args, kwargs))


async def read(use_case: UseCase[Options, Answer], /, *args: Options.args, **kwargs: Options.kwargs) -> Answer:
    """Run `use_case(session, ...)` on one consistent state; whatever it writes is dropped."""
    return await _on(_readers, partial(_read, use_case, args, kwargs))


async def read_on(step: Callable[..., Answer], /, *args: Any) -> Answer:
    """Run one step of a long read, such as `next` of an iterator that opens its own short reads, among the readers."""
    return await _on(_readers, partial(_step, step, args))


def by_our_time(
    use_case: UseCase[Options, Answer], /, *args: Options.args, **kwargs: Options.kwargs
) -> Callable[[Session], Answer]:
    """The use case at our time, whatever the clock of its customer says: for sessions, letters and calls outside."""
    return partial(use_case, *args, **kwargs)


async def now_of(tenant_id: str) -> datetime:
    """The customer's own now, for what is told the time apart from a use case of one customer."""
    if not tenant_clocks.clocks_are_allowed():
        return now()
    return await read(_now_of, tenant_id)


async def work(function: Callable[..., Answer], /, *args: Any, **kwargs: Any) -> Answer:
    """Run a function that computes for long and needs no database."""
    return await _on(_workers, partial(function, *args, **kwargs))


async def work_on_password(function: Callable[..., Answer], /, *args: Any, **kwargs: Any) -> Answer:
    """Run a function that hashes a password; when many are sent, only those who send them wait."""
    return await _on(_hashers, partial(function, *args, **kwargs))


def later(use_case: UseCase[Options, Any], /, *args: Options.args, **kwargs: Options.kwargs) -> None:
    """Run `use_case` in a transaction of its own, without waiting. It may fail: only for notes nobody depends on."""
    _writers.submit(partial(_write, use_case, args, kwargs)).add_done_callback(_say_if_failed)


async def _on(lane: ThreadPoolExecutor, call: Callable[[], Answer]) -> Answer:
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(lane, context.run, call)


def _write(use_case: Callable[..., Answer], args: Any, kwargs: Any) -> Answer:
    with telling_unavailable(), transaction() as session:
        return use_case(session, *args, **_by_own_time(session, kwargs))


def _read(use_case: Callable[..., Answer], args: Any, kwargs: Any) -> Answer:
    with telling_unavailable(), reading() as session:
        return use_case(session, *args, **_by_own_time(session, kwargs))


def _now_of(session: Session, tenant_id: str) -> datetime:
    return tenant_clocks.now_of(session, tenant_id=tenant_id, at=now())


def _by_own_time(session: Session, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The same, with the customer's own now where it has a test clock: what is told the time is told it here."""
    if "at" not in kwargs or kwargs.get("tenant_id") is None:
        return kwargs
    return {**kwargs, "at": tenant_clocks.now_of(session, tenant_id=kwargs["tenant_id"], at=kwargs["at"])}


def _step(step: Callable[..., Answer], args: Any) -> Answer:
    with telling_unavailable():
        return step(*args)


def _say_if_failed(done: "Future[Any]") -> None:
    error = done.exception()
    if error is not None:
        _log.warning("later_failed", exc_info=error)
