"""Where this process counts calls, chosen by the settings: Redis, or beside the database.

docs/decisions/0010-limits.md says why. All of them admit and count in one step.
"""

from functools import lru_cache

from sqlalchemy import Engine

from services.call_counting import Counters, GuardedCounters
from services.database import engine
from services.database_counters import PostgresCounters, SqliteCounters
from services.settings import settings


def counters() -> Counters:
    """The counters of this process, shared with every other process of the same settings."""
    return open_counters(settings().redis_url, engine())


@lru_cache(maxsize=1)
def open_counters(redis_url: str | None, database: Engine) -> Counters:
    """Counters in Redis where there is one, else beside the database."""
    if redis_url:
        from services.gateways.redis_counters import RedisCounters  # noqa: PLC0415 — only where it is used

        return GuardedCounters(RedisCounters(redis_url))
    if database.dialect.name == "postgresql":
        return GuardedCounters(PostgresCounters(database))
    return GuardedCounters(SqliteCounters.beside(str(database.url.database)))
