"""Import usage from a file of any columns: good rows are metered, refused ones are reported, nothing counts twice."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from services.database import reading, transaction
from services.errors import InvalidUnits, Refusal, UnknownEventType, Unprocessable
from services.metering import Metered, UsageInput, record_usage
from services.price_books.plans import Plan
from services.rules.expression import Expression, compile_expression
from services.rules.quantities import MICRO, UNITS_MAX, parse_units
from services.rules.timestamps import parse_timestamp
from services.rules.violations import InvalidExpression, InvalidPeriod, RuleViolation
from services.subscriptions.choice import live_subscriptions
from services.subscriptions.finding import plan_of, read_subscription
from services.usage.files import Occurrences, Row, UsageFile

BATCH_ROWS = 1_000
"""Rows in one transaction: a crash loses nothing that was reported, for running again adds what is missing."""


@dataclass(frozen=True, slots=True)
class UsageMapping:
    """What the columns mean. `units` is arithmetic on columns; `shift_to` moves the first row's (UTC) day to that date.

    Without `subscription_id` it is the one bound to the row's site, else the tenant's main or only live one.
    """

    event_type: str
    time_column: str
    units: str
    site_column: str | None = None
    subscription_id: str | None = None
    shift_to: date | None = None


class RefusedRow(NamedTuple):
    """A row that was not metered: the line it begins on, a code for programs, a reason for people, the cells."""

    line: int
    code: str
    reason: str
    cells: list[str]


@dataclass(slots=True)
class ImportSummary:
    """What came of the rows. Units, credits and overage (millionths) are those of the accepted rows, exactly."""

    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    units_micro: int = 0
    credits_micro: int = 0
    overage_micro: int = 0

    def add(self, metered: list[tuple[UsageInput, Metered]], refused: list[RefusedRow]) -> None:
        """Count one more batch."""
        self.rows += len(metered) + len(refused)
        self.refused += len(refused)
        for event, answer in metered:
            if answer.duplicate:
                self.duplicates += 1
                continue
            self.accepted += 1
            self.units_micro += event.units_micro
            self.credits_micro += answer.credits_micro
            self.overage_micro += answer.overage_micro


def import_usage(
    file: UsageFile,
    mapping: UsageMapping,
    *,
    tenant_id: str,
    at: datetime,
    on_refused: Callable[[RefusedRow], None] = lambda _: None,
    on_bytes: Callable[[int], None] = lambda _: None,
) -> ImportSummary:
    """Meter every row of the file through `record_usage`, BATCH_ROWS a transaction, in the order of the file.

    An event's id is made from its event type, the row as written and how many equal rows came before it, so running
    again, under another file name or on a longer export, adds only what is new. Raises Unprocessable, with nothing
    written, where the file, a column, the expression, the event type or the subscription cannot be used.
    """
    importer = _Importer(file, mapping, tenant_id=tenant_id)
    importer.check()
    summary = ImportSummary()
    with Occurrences() as occurrences:
        for rows in _batches(file.rows(on_bytes)):
            metered, refused = _meter_batch(importer, rows, occurrences, at)
            summary.add(metered, refused)
            for row in refused:
                on_refused(row)
    return summary


class _Importer:
    """The mapping made ready for one file: columns found by position, the expression compiled, the shift in days."""

    def __init__(self, file: UsageFile, mapping: UsageMapping, *, tenant_id: str) -> None:
        self.file = file
        self.mapping = mapping
        self.tenant_id = tenant_id
        self.units = _compile(mapping.units)
        self.header: list[str] = []
        self.shift = timedelta()

    def check(self) -> None:
        """Refuse the whole import where no row of it could be metered as asked."""
        self._check_meter()
        mapping = self.mapping
        wanted = dict.fromkeys([mapping.time_column, *self.units.columns])
        if mapping.site_column is not None:
            wanted[mapping.site_column] = None
        self.header = self.file.check(wanted)
        if mapping.shift_to is not None:
            self.shift = self._days_to(mapping.shift_to)

    def event(self, row: Row, event_id: str) -> UsageInput:
        """The event a row stands for. Raises RuleViolation or Refusal with the reason it cannot be metered."""
        if len(row.cells) != len(self.header):
            raise Unprocessable(f"The row has {len(row.cells)} cells where the header has {len(self.header)}.")
        cells = dict(zip(self.header, row.cells, strict=True))
        site = cells[self.mapping.site_column].strip() if self.mapping.site_column else ""
        return UsageInput(
            subscription_id=self.mapping.subscription_id,
            event_type=self.mapping.event_type,
            units_micro=self._units_micro(cells),
            event_id=event_id,
            occurred_at=self._moment(cells[self.mapping.time_column]),
            site=site or None,
        )

    def _check_meter(self) -> None:
        plans = self._plans()
        if not any(self.mapping.event_type in plan.meters for plan in plans):
            known = ", ".join(dict.fromkeys(code for plan in plans for code in plan.meters))
            raise UnknownEventType(
                f"{plans[0].name} does not meter {self.mapping.event_type}; event types: {known}.", field="event_type"
            )

    def _plans(self) -> list[Plan]:
        """The plans that rows may be rated with: one, or where each row's site decides, those of all that are live."""
        mapping, tenant_id = self.mapping, self.tenant_id
        with reading() as session:
            if mapping.subscription_id is None and mapping.site_column is not None:
                live = live_subscriptions(session, tenant_id=tenant_id)
                if live:
                    return [plan_of(session, each) for each in live]
            named = read_subscription(session, tenant_id=tenant_id, subscription_id=mapping.subscription_id)
            return [plan_of(session, named)]

    def _days_to(self, day: date) -> timedelta:
        position = self.header.index(self.mapping.time_column)
        for row in self.file.rows():
            try:
                first = parse_timestamp(row.cells[position])
            except (InvalidPeriod, IndexError):
                continue
            return timedelta(days=(day - first.date()).days)
        raise Unprocessable(
            f"No row holds a time in column {self.mapping.time_column}; write times as 2026-03-31T18:15:46Z.",
            field=self.mapping.time_column,
        )

    def _moment(self, cell: str) -> datetime:
        try:
            return parse_timestamp(cell) + self.shift
        except OverflowError as error:
            raise InvalidPeriod("The shift leads beyond the calendar; choose another day to shift to.") from error

    def _units_micro(self, cells: dict[str, str]) -> int:
        micro = self.units.evaluate(cells) * MICRO
        if micro.denominator != 1:
            raise InvalidUnits("The units are finer than a millionth; scale or round the columns first.", field="units")
        if micro <= 0:
            raise InvalidUnits("The units are not above zero, so there is nothing to meter.", field="units")
        whole, part = divmod(micro.numerator, MICRO)
        if whole > UNITS_MAX:  # before it is written out: a product of columns can have more digits than Python writes
            return parse_units(whole)
        return parse_units(f"{whole}.{part:06d}")


def _meter_batch(
    importer: _Importer, rows: list[Row], occurrences: Occurrences, at: datetime
) -> tuple[list[tuple[UsageInput, Metered]], list[RefusedRow]]:
    """Meter one transaction's worth of rows. Answers what was metered, and what was refused by line."""
    events: list[tuple[Row, UsageInput]] = []
    refused: list[RefusedRow] = []
    for row in rows:
        event_id = occurrences.event_id(importer.mapping.event_type, row.cells)
        try:
            events.append((row, importer.event(row, event_id)))
        except (RuleViolation, Refusal) as reason:
            refused.append(RefusedRow(row.line, reason.code, str(reason), row.cells))
    with transaction() as session:
        inputs = [event for _, event in events]
        answers = record_usage(session, tenant_id=importer.tenant_id, events=inputs, at=at)
    metered: list[tuple[UsageInput, Metered]] = []
    for (row, event), answer in zip(events, answers, strict=True):
        if isinstance(answer, Metered):
            metered.append((event, answer))
        else:
            refused.append(RefusedRow(row.line, answer.code, answer.detail, row.cells))
    return metered, sorted(refused, key=lambda row: row.line)


def _compile(expression: str) -> Expression:
    try:
        return compile_expression(expression)
    except InvalidExpression as error:
        raise Unprocessable(f"The units {expression!r} cannot be read: {error.message}", field="units") from error


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH_ROWS)):
        yield batch
