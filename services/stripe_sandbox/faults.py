"""Failures on demand: what the next payments, answers and deliveries do. Kept in memory only."""

import random
from dataclasses import dataclass

DROPPED = "drop_after"
TIMEOUT = "timeout"
ANSWERS = ("409", "429", "500", "503", TIMEOUT, DROPPED)
DELAY_SECONDS = 0.5


@dataclass
class FailingPayment:
    """The next `count` payments fail; of one customer where one is named."""

    customer: str | None
    count: int
    decline_code: str
    action_required: bool


@dataclass
class FailingAnswer:
    """The next `count` calls below `path_prefix` are answered this way."""

    answer: str
    count: int
    path_prefix: str
    delay_seconds: float


class Faults:
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Plan no failure."""
        self.payments: list[FailingPayment] = []
        self.answers: list[FailingAnswer] = []
        self.fail_percent = 0.0
        self.delay_seconds = DELAY_SECONDS
        self._dice = random.Random(0)  # noqa: S311 - failures that a seed repeats

    def set_rate(self, percent: float, seed: int, delay_seconds: float) -> None:
        self.fail_percent = percent
        self.delay_seconds = delay_seconds
        self._dice = random.Random(seed)  # noqa: S311

    def next_payment(self, customer: str) -> FailingPayment | None:
        """The failure planned for a payment of this customer, used up by asking."""
        for planned in self.payments:
            if planned.customer in (None, customer):
                planned.count -= 1
                if planned.count <= 0:
                    self.payments.remove(planned)
                return planned
        return None

    def next_answer(self, path: str) -> FailingAnswer | None:
        """The failure planned for this call, used up by asking."""
        for planned in self.answers:
            if path.startswith(planned.path_prefix):
                planned.count -= 1
                if planned.count <= 0:
                    self.answers.remove(planned)
                return planned
        if self.fail_percent and self._dice.random() * 100 < self.fail_percent:
            return FailingAnswer(self._dice.choice(("429", "500", TIMEOUT, DROPPED)), 1, "", self.delay_seconds)
        return None
