"""Limits in front of any ASGI application, one's own or ours: calls, features and storage by the caller's plan.

Each middleware is given `identify`: a function, plain or async, that tells from the ASGI scope who calls. It must go by
the credential the request was authenticated with, never by a header that any caller can set. It may raise a Refusal.
docs/guides/limits.md shows all three in front of an application.
"""

import asyncio
import inspect
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final
from weakref import WeakValueDictionary

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.limiting import AnswerRefusal, Caller, Identify, Limiting, answer_plainly, path_of, prefix_of
from services.call_counting import LEASE_MS, Call, Counters, CountersUnavailable
from services.errors import UPGRADE_URL, Refusal
from services.limits import BusinessDays, Limits, StorageUse, check_calls, check_feature, check_storage
from services.rules.rate_limits import SECOND_MS, Decision

STORING_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
_STARTS: Final = frozenset({"http.response.start", "websocket.accept"})

RawHeaders = list[tuple[bytes, bytes]]
ReadStorage = Callable[[str], StorageUse | Awaitable[StorageUse]]


class RateLimitMiddleware(Limiting):
    """Counts each call and refuses those beyond the plan's limits (429); an open websocket is one call.

    Every answer tells X-Tier and X-Request-Duration-Ms, and where the plan has such limits X-RateLimit-Limit-Day and
    -Minute, X-RateLimit-Remaining-Day and -Minute, and X-RateLimit-Reset (Unix seconds). A caller that `identify` gives
    as None is not counted.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        identify: Identify,
        counters: Counters | Callable[[], Counters],
        exclude_paths: Collection[str] = (),
        upgrade_url: str = UPGRADE_URL,
        answer: AnswerRefusal = answer_plainly,
        key_prefix: str = "",
        lease_ms: int = LEASE_MS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(app, identify=identify, exclude_paths=exclude_paths, upgrade_url=upgrade_url, answer=answer)
        self._counters: Callable[[], Counters] = counters if callable(counters) else lambda: counters
        self._key_prefix = key_prefix
        self._lease_ms = lease_ms
        self._clock = clock
        self._days = BusinessDays()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.concerns(scope):
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        try:
            caller = await self.caller_of(scope)
        except Refusal as refusal:
            await self.refuse(refusal, scope, receive, send)
            return
        if caller is None:
            await self.app(scope, receive, send)
        elif caller.limits.calls.is_unlimited:
            await self.app(scope, receive, _telling(send, _tier(caller.limits), started))
        else:
            await self._count(caller, scope, receive, send, started)

    async def _count(self, caller: Caller, scope: Scope, receive: Receive, send: Send, started: float) -> None:
        limits, counters = caller.limits, self._counters()
        at_ms = int(self._clock() * SECOND_MS)
        lease = "" if limits.calls.concurrent is None else secrets.token_hex(8)
        day = self._days.day_at(at_ms, limits.timezone)
        call = Call(self._key_prefix + caller.tenant_id, limits.calls, at_ms, day, lease, self._lease_ms)
        decision = await counters.admit(call)
        telling = _telling(send, [*_tier(limits), *_rate_headers(limits, decision)], started)
        try:
            check_calls(limits, decision, upgrade_url=self.upgrade_url)
        except Refusal as refusal:
            await self.refuse(refusal, scope, receive, telling)
            return
        if not lease:
            await self.app(scope, receive, telling)
            return
        async with _held(counters, call, self._clock):
            await self.app(scope, receive, telling)


class FeatureMiddleware(Limiting):
    """Refuses (403) paths that belong to a feature the caller's plan lacks. Somebody unknown has no feature.

    `feature_map` gives the feature of a path and of all below it; the longest path that fits decides.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        identify: Identify,
        feature_map: Mapping[str, str],
        exclude_paths: Collection[str] = (),
        upgrade_url: str = UPGRADE_URL,
        answer: AnswerRefusal = answer_plainly,
    ) -> None:
        super().__init__(app, identify=identify, exclude_paths=exclude_paths, upgrade_url=upgrade_url, answer=answer)
        self._features = dict(feature_map)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = prefix_of(path_of(scope), self._features) if self.concerns(scope) else None
        if prefix is not None:
            try:
                caller = await self.caller_of(scope)
                limits = Limits() if caller is None else caller.limits
                check_feature(limits, self._features[prefix], upgrade_url=self.upgrade_url)
            except Refusal as refusal:
                await self.refuse(refusal, scope, receive, send)
                return
        await self.app(scope, receive, send)


class StorageMiddleware(Limiting):
    """Refuses (507) to store more than the plan holds: POST, PUT and PATCH below `paths`; deleting is always possible.

    `usage` tells what is kept for a tenant. A request adds its Content-Length, and so do those that are under way in
    this process, so that uploads side by side cannot pass the limit together. A caller that `identify` gives as None
    is not checked.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        identify: Identify,
        usage: ReadStorage,
        paths: Collection[str] = ("/",),
        exclude_paths: Collection[str] = (),
        upgrade_url: str = UPGRADE_URL,
        answer: AnswerRefusal = answer_plainly,
    ) -> None:
        super().__init__(app, identify=identify, exclude_paths=exclude_paths, upgrade_url=upgrade_url, answer=answer)
        self._usage = usage
        self._paths = tuple(paths)
        self._under_way: dict[str, int] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stores = scope["type"] == "http" and scope["method"] in STORING_METHODS
        if not stores or not self.concerns(scope) or prefix_of(path_of(scope), self._paths) is None:
            await self.app(scope, receive, send)
            return
        try:
            caller = await self.caller_of(scope)
            added = 0 if caller is None else await self._admit(caller, scope)
        except Refusal as refusal:
            await self.refuse(refusal, scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        finally:
            if added and caller is not None:
                self._settle(caller.tenant_id, -added)

    async def _admit(self, caller: Caller, scope: Scope) -> int:
        """Check and set aside the bytes of a request; one at a time for a tenant. Raises StorageLimitReached."""
        length = Headers(scope=scope).get("content-length", "")
        added = int(length) if length.isascii() and length.isdigit() else 0
        async with self._locks.setdefault(caller.tenant_id, asyncio.Lock()):
            # Taken before the usage is read: what ends meanwhile may be missing there, and is counted here.
            under_way = self._under_way.get(caller.tenant_id, 0)
            found = self._usage(caller.tenant_id)
            kept = await found if inspect.isawaitable(found) else found
            adding = StorageUse(bytes=under_way + added)
            check_storage(caller.limits, kept=kept, added=adding, upgrade_url=self.upgrade_url)
            self._settle(caller.tenant_id, added)
        return added

    def _settle(self, tenant_id: str, change: int) -> None:
        total = self._under_way.pop(tenant_id, 0) + change
        if total:
            self._under_way[tenant_id] = total


@asynccontextmanager
async def _held(counters: Counters, call: Call, clock: Callable[[], float]) -> AsyncIterator[None]:
    """The lease of a running call: renewed while it runs, ended however it ends, and soon over if the process dies."""
    renewing = asyncio.get_running_loop().create_task(_renew(counters, call, clock))
    try:
        yield
    finally:
        renewing.cancel()
        with suppress(CountersUnavailable):
            await counters.release(call.key, call.lease)


async def _renew(counters: Counters, call: Call, clock: Callable[[], float]) -> None:
    while True:
        await asyncio.sleep(call.lease_ms / SECOND_MS / 3)
        expires_ms = int(clock() * SECOND_MS) + call.lease_ms
        with suppress(CountersUnavailable):
            await counters.renew(call.key, call.lease, expires_ms=expires_ms)


def _telling(send: Send, headers: RawHeaders, started: float) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] in _STARTS:
            took_ms = int((time.perf_counter() - started) * SECOND_MS)
            took = (b"x-request-duration-ms", b"%d" % took_ms)
            message["headers"] = [*message.get("headers", ()), *headers, took]
        await send(message)

    return send_with_headers


def _tier(limits: Limits) -> RawHeaders:
    return [(b"x-tier", limits.tier.encode("ascii", "replace"))]


def _rate_headers(limits: Limits, decision: Decision) -> RawHeaders:
    told = (
        (b"x-ratelimit-limit-day", limits.calls.per_day),
        (b"x-ratelimit-limit-minute", limits.calls.per_minute),
        (b"x-ratelimit-remaining-day", decision.remaining_day),
        (b"x-ratelimit-remaining-minute", decision.remaining_minute),
        (b"x-ratelimit-reset", None if decision.resets_at_ms is None else -(-decision.resets_at_ms // SECOND_MS)),
    )
    return [(name, b"%d" % value) for name, value in told if value is not None]


__all__ = [
    "Caller",
    "FeatureMiddleware",
    "Identify",
    "RateLimitMiddleware",
    "StorageMiddleware",
    "answer_plainly",
]
