"""What can run durably, and the queues it waits in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

RECOVERIES_MAX: Final = 20
"""A run that ended its process so often is left for a person."""

Counts = dict[str, int]
"""What was done, by name. `more` above zero says that another round is needed."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Where runs wait. `at_once` of them run in one process; others of its runs wait, for any process."""

    name: str
    at_once: int
    look_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Procedure:
    """Something that runs durably: `act` is one step, repeated in rounds while it answers that there is more.

    A step that fails is tried `tries` times in all, a moment apart. When all have failed the run has; where
    `again_after_seconds` is given another is put in line for then, and the next for four times as long after that.
    """

    name: str
    act: Callable[[Mapping[str, Any]], Counts]
    tries: int = 3
    again_after_seconds: float | None = None


RETRIES: Final = Queue("again", at_once=4)
"""Where what failed waits until it is tried again, by itself or by a person."""
