"""Whether the database can be had, and has the shape this program was written for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.database import engine
from services.errors import Refusal
from services.migrations import is_current

RETRY_AFTER_SECONDS = 2


class Unavailable(Refusal):
    """503: not now. Ask again under the same ids: it may have been done, and only the answer to the commit be lost."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "unavailable"
    title: ClassVar[str] = "Try again shortly"


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached, or could not be had in time."""

    code = "database_unavailable"


class Overloaded(Unavailable):
    """More work is waiting than can be done soon."""

    code = "overloaded"


class NotMigrated(Unavailable):
    """The database is older or newer than this program."""

    code = "not_migrated"


@contextmanager
def telling_unavailable() -> Iterator[None]:
    """Turn what a driver says when the database is away or too busy into DatabaseUnavailable."""
    try:
        yield
    except (OperationalError, PoolTimeout) as error:
        raise DatabaseUnavailable(
            "The database is not available just now. Try again in a moment; "
            "under the same event_id or Idempotency-Key nothing is done twice.",
            retry_after=RETRY_AFTER_SECONDS,
        ) from error


def check_readiness() -> None:
    """Answer only if requests can be served. Raises DatabaseUnavailable and NotMigrated."""
    with telling_unavailable():
        if not is_current(engine()):
            raise NotMigrated("The database does not have this program's tables; run `tallystick migrate`.")
