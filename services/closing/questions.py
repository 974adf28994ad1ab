"""Questions about a subscription's rows, asked for one, or beforehand for many at once.

Closing a period asks a score of small questions, and asking costs more than answering. Whoever works on several
subscriptions in one transaction has them answered together; what then asks for one of them is answered from there.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Select, bindparam
from sqlmodel import Session, col

from models import Subscription

_ANSWERS: Final = "answered_beforehand"

_AMONG: Final = (
    col(Subscription.tenant_id).in_(bindparam("tenants", expanding=True)),
    col(Subscription.id).in_(bindparam("ids", expanding=True)),
)


class Question:
    """A query that is built by the values it is about: `build` is given the columns of a subscription that hold them,
    or the place of one value each. Both are built once, for that costs as much as asking.

    Its rows are entities where it selects one entity or column, else they are read by their columns' names.
    """

    def __init__(self, build: Callable[..., Any], *about: Any, rows_max: int | None = None) -> None:
        self._about = about
        self._rows_max = rows_max
        names = [f"about_{place}" for place in range(len(about))]
        alone: Select[Any] = build(*(bindparam(name) for name in names))
        self._is_one = len(alone.column_descriptions) == 1
        self._names = names
        self._alone = alone.limit(rows_max)
        keys: Any = (col(each).label(name) for each, name in zip(about, names, strict=True))
        self._together = build(*about).add_columns(*keys).where(*_AMONG)

    def ask(self, session: Session, *about: Any) -> list[Any]:
        """The rows about these values, at most `rows_max`."""
        answer = self.foreseen(session, *about)
        if answer is not None:
            return list(answer)
        rows = session.execute(self._alone, dict(zip(self._names, about, strict=True)))
        return list(rows.scalars() if self._is_one else rows)

    def foreseen(self, session: Session, *about: Any) -> Sequence[Any] | None:
        """The answer that was given beforehand; None where none was."""
        answers: dict[Any, list[Any]] = session.info.get(_ANSWERS, {})
        return answers.get((self, *about))

    def answer_together(self, session: Session, subscriptions: Sequence[Subscription]) -> dict[Any, list[Any]]:
        """The answers for several subscriptions, no two of one customer."""
        if not subscriptions:
            return {}
        if not self._about:
            return {(self,): self.ask(session)}
        answers: dict[Any, list[Any]] = {
            (self, *(getattr(each, name.key) for name in self._about)): [] for each in subscriptions
        }
        whose = {"tenants": [each.tenant_id for each in subscriptions], "ids": [each.id for each in subscriptions]}
        width = len(self._about)
        for row in session.execute(self._together, whose):
            found = answers[self, *row[-width:]]
            if self._rows_max is None or len(found) < self._rows_max:
                found.append(row[0] if self._is_one else row)
        return answers


@contextmanager
def answered_beforehand(
    session: Session, questions: Sequence[Question], subscriptions: Sequence[Subscription]
) -> Iterator[None]:
    """Within it these questions about these subscriptions are answered as the rows are now.

    The caller holds the locks on their customers' heads, no two are of one customer, and nothing written within it
    changes an answer that is asked for afterwards.
    """
    answers: dict[Any, list[Any]] = {}
    for question in questions:
        answers |= question.answer_together(session, subscriptions)
    session.info[_ANSWERS] = answers
    try:
        yield
    finally:
        del session.info[_ANSWERS]
