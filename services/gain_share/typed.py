"""What a person typed into the forms of gain-share, read exactly. Refusals name the field and say how to write it."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final

from services.contracts.form import read_day
from services.errors import Unprocessable
from services.gain_share.baseline_terms import RATES, VALUE_RATE, BaselineTerms
from services.gain_share.kpi_measurement_lists import ALL_SITES
from services.gain_share.kpi_measurements import Reading
from services.rules.price_models import check_rate
from services.rules.violations import RuleViolation

TYPED_MAX: Final = 64
"""Characters of a number or a day that are looked at."""


def typed_text(typed: Mapping[str, Any], field: str, characters_max: int = TYPED_MAX) -> str:
    return str(typed.get(field) or "")[:characters_max].strip()


def typed_number(typed: Mapping[str, Any], field: str) -> Decimal:
    """A number in plain figures, with spaces or commas between thousands if somebody likes. Raises Unprocessable."""
    wrote = typed_text(typed, field)
    text = wrote.replace(",", "").replace(" ", "").removesuffix("%")
    try:
        if not text or not set(text) <= set("0123456789.-"):
            raise InvalidOperation
        return Decimal(text)
    except InvalidOperation as error:
        said = f"“{wrote}” is no number" if wrote else "A number is missing"
        raise Unprocessable(f"{said}; write one such as 1250.5.", field=field) from error


def typed_day(typed: Mapping[str, Any], field: str) -> date:
    """A day. Raises Unprocessable where there is none."""
    day = read_day(typed_text(typed, field), field)
    if day is None:
        raise Unprocessable("Choose a day.", field=field)
    return day


def typed_days(typed: Mapping[str, Any], first: str, last: str) -> tuple[date, date]:
    """The days from one up to and with another, as [start, end). Raises Unprocessable."""
    starts, until = typed_day(typed, first), typed_day(typed, last)
    if until < starts:
        raise Unprocessable("The last day is before the first.", field=last)
    try:
        return starts, until + timedelta(days=1)
    except OverflowError as error:
        raise Unprocessable("Choose an earlier day.", field=last) from error


def read_each(**readers: Callable[[], Any]) -> dict[str, Any]:
    """What each reader reads, by its name. Raises Unprocessable whose `problems` say of each field what is wrong."""
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, read in readers.items():
        try:
            found[name] = read()
        except Unprocessable as refusal:
            problems[refusal.field or name] = refusal.detail
    if problems:
        first, said = next(iter(problems.items()))
        raise Unprocessable(said, field=first, problems=problems)
    return found


def typed_baseline(typed: Mapping[str, Any], *, currency: str, file_id: str) -> BaselineTerms:
    """A baseline as it is proposed. Rates that are left empty are not part of it. Raises as `read_each` does."""
    wrote = [name for name in (*RATES, VALUE_RATE) if typed_text(typed, name)]
    read = read_each(
        value=lambda: typed_number(typed, "value"),
        effective_from=lambda: typed_day(typed, "effective_from"),
        measured_from=lambda: typed_day(typed, "measured_from"),
        measured_to=lambda: typed_day(typed, "measured_to"),
        file_id=lambda: _chosen(file_id),
        **{name: partial(_typed_rate, typed, name) for name in wrote},
    )
    starts, ends = typed_days(typed, "measured_from", "measured_to")
    return BaselineTerms(
        kpi=typed_text(typed, "kpi"),
        value=read["value"],
        currency=currency,
        rates={name: read[name] for name in wrote},
        period_start=starts,
        period_end=ends,
        file_id=read["file_id"],
        effective_from=read["effective_from"],
    )


def _chosen(file_id: str) -> str:
    if not file_id:
        raise Unprocessable("Show where the figure comes from: choose the source document.", field="source")
    return file_id


def _typed_rate(typed: Mapping[str, Any], name: str) -> Decimal:
    rate = typed_number(typed, name)
    try:
        check_rate(rate, "This")
    except RuleViolation as violation:
        raise Unprocessable(violation.message, field=name) from violation
    return rate


def typed_month(typed: Mapping[str, Any], field: str) -> tuple[date, date]:
    """A month written as 2026-03, as its days [first, end). Raises Unprocessable."""
    try:
        first = date.fromisoformat(f"{typed_text(typed, field)[:7]}-01")
        return first, (first + timedelta(days=31)).replace(day=1)
    except (ValueError, OverflowError) as error:
        raise Unprocessable("Choose a month, or write it as 2026-03.", field=field) from error


def typed_readings(typed: Mapping[str, Any], *, kpis: tuple[str, ...], site: str = ALL_SITES) -> list[Reading]:
    """The values of one month, a KPI each; those left empty are not measured. Raises Unprocessable."""
    starts, ends = typed_month(typed, "month")
    readings = [
        Reading(kpi, starts, ends, typed_number(typed, f"value_{kpi}"), site=site)
        for kpi in kpis
        if typed_text(typed, f"value_{kpi}")
    ]
    if not readings:
        raise Unprocessable("Write at least one value.", field="month")
    return readings
