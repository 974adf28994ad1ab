"""What a round of work on payments did, and how several things are worked on at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from services.errors import Refusal

AT_ONCE: Final = 6

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Worked:
    """What one round did: events handled, ignored and kept for another try; calls made, and kept or held."""

    events: int = 0
    failed_events: int = 0
    calls: int = 0
    failed_calls: int = 0

    def __add__(self, other: "Worked") -> "Worked":
        return Worked(
            self.events + other.events,
            self.failed_events + other.failed_events,
            self.calls + other.calls,
            self.failed_calls + other.failed_calls,
        )

    @property
    def is_nothing(self) -> bool:
        return self == Worked()

    @property
    def has_progress(self) -> bool:
        return self.events > 0 or self.calls > 0


def together(items: Sequence[Item], act: Callable[[Item], Outcome]) -> list[Outcome]:
    """Do the same with each of several things, AT_ONCE at a time; the outcomes in their order."""
    if len(items) < 2:
        return [act(item) for item in items]
    with ThreadPoolExecutor(min(AT_ONCE, len(items)), thread_name_prefix="payments") as pool:
        return list(pool.map(act, items))


def told(error: Exception) -> dict[str, Any]:
    """What a log says of a failure: of a refusal its reason, of anything else where it came from."""
    return {"reason": error.detail} if isinstance(error, Refusal) else {"exc_info": error}


def worded(error: Exception) -> str:
    """Why something failed, for whoever looks at it later."""
    return getattr(error, "detail", None) or f"{type(error).__name__}: {error}"
