"""Calls counted in Redis, for any number of processes and machines: one script decides and counts in one step."""

import asyncio
from typing import Any, Final
from weakref import WeakKeyDictionary

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from services.call_counting import Call, CountersUnavailable, finish
from services.rules.rate_limits import BUSY_RETRY_MS, MINUTE_MS, SECOND_MS, SECONDS_KEPT, Decision, Limit

TIMEOUT_SECONDS: Final = 0.5
KEY_PREFIX: Final = "tallystick:calls:"
NO_LIMIT: Final = -1
_REACHED: Final = (None, Limit.DAY, Limit.MINUTE, Limit.CONCURRENCY)

# The record is the document of `rate_limits.Calls`, and the steps are those of `Calls.admit`; a test holds the two
# against each other.
_RECORD: Final = f"""
local SECOND, MINUTE, KEPT, BUSY = {SECOND_MS}, {MINUTE_MS}, {SECONDS_KEPT}, {BUSY_RETRY_MS}
local kept = redis.call('GET', KEYS[1])
local at, seconds, starts, ends, day_calls, leases = 0, {{}}, -1, -1, 0, {{}}
if kept then at, seconds, starts, ends, day_calls, leases = unpack(cjson.decode(kept)) end
local function keep()
  local forget = day_calls > 0 and ends or 0
  if #seconds > 0 then forget = math.max(forget, (seconds[#seconds][1] + KEPT + 1) * SECOND) end
  for _, expires in pairs(leases) do forget = math.max(forget, expires) end
  local last = math.max(forget - at, SECOND)
  redis.call('SET', KEYS[1], cjson.encode({{at, seconds, starts, ends, day_calls, leases}}), 'PX', last)
end
"""

_ADMIT: Final = (
    _RECORD
    + """
local now, per_minute, per_day, concurrent = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local day_refuses, day_starts, day_ends = ARGV[5] == '1', tonumber(ARGV[6]), tonumber(ARGV[7])
if at > now + MINUTE then seconds, at, starts, ends = {}, now, day_starts, day_ends end
at = math.max(at, now)
local second = math.floor(at / SECOND)
local recent, minute_calls = {}, 0
for _, counted in ipairs(seconds) do
  if counted[1] >= second - KEPT then
    recent[#recent + 1] = counted
    minute_calls = minute_calls + counted[2]
  end
end
seconds = recent
if day_starts > starts then starts, ends, day_calls = day_starts, day_ends, 0 end
local held = 0
for lease, expires in pairs(leases) do
  if expires > at then held = held + 1 else leases[lease] = nil end
end
local reached, retry, resets = 0, 0, -1
if per_day >= 0 and day_refuses and day_calls >= per_day then
  reached, retry = 1, math.max(ends - at, SECOND)
elseif per_minute >= 0 and minute_calls >= per_minute then
  local left, frees = minute_calls, second
  for _, counted in ipairs(seconds) do
    left, frees = left - counted[2], counted[1]
    if left < per_minute then break end
  end
  reached, retry = 2, (frees + KEPT + 1) * SECOND - at
elseif concurrent >= 0 and held >= concurrent then
  reached, retry = 3, BUSY
end
if reached > 0 then
  resets = at + retry
else
  if per_minute >= 0 then
    minute_calls = minute_calls + 1
    local newest = seconds[#seconds]
    if newest and newest[1] == second then newest[2] = newest[2] + 1 else seconds[#seconds + 1] = {second, 1} end
    resets = (seconds[#seconds][1] + KEPT + 1) * SECOND
  elseif per_day >= 0 then
    resets = ends
  end
  if per_day >= 0 then day_calls = day_calls + 1 end
  if concurrent >= 0 then leases[ARGV[8]] = at + tonumber(ARGV[9]) end
end
keep()
return {reached, math.max(per_minute - minute_calls, 0), math.max(per_day - day_calls, 0), resets, retry}
"""
)

_RENEW: Final = _RECORD + "leases[ARGV[1]] = math.max(tonumber(ARGV[2]), leases[ARGV[1]] or 0) keep()"
_RELEASE: Final = _RECORD + "if leases[ARGV[1]] then leases[ARGV[1]] = nil keep() end"


class RedisCounters:
    """Counters in a Redis server. The address may hold a password, so it is never shown."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, _Scripts] = WeakKeyDictionary()

    async def admit(self, call: Call) -> Decision:
        limits, day = call.limits, call.day
        bounds = (
            NO_LIMIT if bound is None else bound for bound in (limits.per_minute, limits.per_day, limits.concurrent)
        )
        told = (call.at_ms, *bounds, int(limits.day_refuses), day.starts_ms, day.ends_ms, call.lease, call.lease_ms)
        reached, minute_left, day_left, resets_at_ms, retry_ms = await self._run("admit", call.key, *told)
        return Decision(
            _REACHED[reached],
            None if limits.per_minute is None else minute_left,
            None if limits.per_day is None else day_left,
            None if resets_at_ms == NO_LIMIT else resets_at_ms,
            retry_ms,
        )

    async def renew(self, key: str, lease: str, *, expires_ms: int) -> None:
        await self._run("renew", key, lease, expires_ms)

    async def release(self, key: str, lease: str) -> None:
        await finish(self._release(key, lease))

    async def _release(self, key: str, lease: str) -> None:
        await self._run("release", key, lease)

    async def _run(self, name: str, key: str, *told: Any) -> Any:
        loop = asyncio.get_running_loop()
        scripts = self._clients.get(loop)
        if scripts is None:
            scripts = self._clients[loop] = _Scripts(self._url)
        try:
            return await scripts.by_name[name](keys=[KEY_PREFIX + key], args=told)
        except (RedisError, OSError) as error:
            raise CountersUnavailable(f"Redis cannot be had: {type(error).__name__}") from error


class _Scripts:
    """The scripts on the connections of one event loop."""

    def __init__(self, url: str) -> None:
        client = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 1),  # once, for a connection that the server had closed
        )
        sources = {"admit": _ADMIT, "renew": _RENEW, "release": _RELEASE}
        self.by_name: dict[str, Any] = {name: client.register_script(source) for name, source in sources.items()}
