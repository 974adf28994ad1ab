"""Where this process counts calls, chosen by the settings: Redis, or beside the database.

docs/decisions/0010-limits.md says why. All of them admit and count in one step.
"""

from functools import lru_cache

from services.call_counting import Counters, GuardedCounters, InProcessCounters
from services.database import engine
from services.database_counters import PostgresCounters, SqliteCounters
from services.settings import settings


@lru_cache
def counters() -> Counters:
    """The counters of this process, shared with every other process of the same settings."""
    return open_counters(settings().redis_url)


def open_counters(redis_url: str | None) -> Counters:
    """Counters in Redis where there is one, else beside the database of this process.

    A SQLite database in memory belongs to one process, and so do its counters.
    """
    if redis_url:
        from services.gateways.redis_counters import RedisCounters  # noqa: PLC0415 — only where it is used

        return GuardedCounters(RedisCounters(redis_url))
    database = engine()
    if database.dialect.name == "postgresql":
        return GuardedCounters(PostgresCounters(database))
    if database.url.database in (None, "", ":memory:"):
        return InProcessCounters()
    return GuardedCounters(SqliteCounters.beside(str(database.url.database)))
