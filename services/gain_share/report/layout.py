"""A report as the page template takes it: every word chosen, every figure written, every dot placed."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from services.billing_documents.formats import Formats
from services.billing_documents.layout import LETTER_COUNTRIES
from services.gain_share.effect_views import moving
from services.gain_share.report.charts import kpi_dots, placed_bars, placed_effects
from services.gain_share.report.report import RunReport, Signed
from services.gain_share.report.words import WORDS, Words
from services.gain_share.series import KpiPoint, KpiSeries
from services.gain_share.working import (
    DAYS,
    FAILURES,
    FEE,
    HOURS,
    KEPT,
    PERCENT,
    SAVINGS,
    Figure,
    waterfall,
    work_steps,
)
from services.rules.money import Money
from services.rules.savings import MEASURED, RATE_NAMES
from services.rules.sensitivity import SHARE, Effect, Outcome

NUMBER_DECIMALS: Final = 6
COST_DECIMALS: Final = 2
VALUE_RATE_OF: Final = "value_rate "
SIGNS: Final = {"-": "−"}
LINE_LETTERS: Final = 100
WHOLE_LINES_MAX: Final = 24
"""What was signed in so many lines stands on one page; what is longer may break, for no page might be long enough."""


def lay_out(report: RunReport) -> dict[str, Any]:
    """Everything on the pages, in the order it stands there."""
    return _Layout(report).sheet()


class _Layout:
    def __init__(self, report: RunReport) -> None:
        self.report = report
        self.calculation = report.calculation
        self.say: Words = WORDS[report.language]
        self.formats = Formats(language=report.language, country=report.country, currency=report.currency)

    def sheet(self) -> dict[str, Any]:
        report, labels = self.report, self.say.labels
        return {
            "language": report.language,
            "region": self.formats.locale.partition("_")[2],
            "paper": "us-letter" if report.country in LETTER_COUNTRIES else "a4",
            "title": f"{labels['title']}, {self._period()}",
            "kind": labels["title"],
            "seller": report.seller,
            "labels": dict(labels),
            "facts": list(self._facts()),
            "headline": self.formats.money(self._minor(self.calculation["fee"])),
            "headline_note": self._headline_note(),
            "compared": list(self._compared()),
            "overlap": labels["overlap"] if self.calculation["overlapping"] else "",
            "bars": list(self._bars()),
            "steps": list(self._steps()),
            "rates": list(self._rates()),
            "charts": [self._chart(series) for series in report.series if series.points],
            "effects": self._effects(),
            "history": [self._signed(step) for step in report.history],
            "amounts": labels["amounts"].format(report.currency),
            "calculation": report.sha256,
            "foot": {
                "receipt": f"{labels['receipt']} {report.receipt.seq}",
                "hash": report.receipt.hash,
                "code": report.receipt.code,
                "url": report.verification_url.partition("?")[0],
                "href": report.verification_url,
            },
        }

    def _facts(self) -> Iterator[list[str]]:
        report, labels = self.report, self.say.labels
        yield [labels["customer"], report.customer]
        yield [labels["seller"], report.seller]
        yield [labels["run"], report.id]
        yield [labels["period"], self._period()]
        yield [labels["method"], self.say.methods[self.calculation["method"]]]
        yield [labels["submitted"], self.formats.day(report.submitted_on)]
        if report.status == "pending_approval":
            yield [labels["deadline"], self.formats.day(report.deadline_on)]
        yield [labels["status"], self.say.statuses[report.status]]

    def _headline_note(self) -> str:
        if Decimal(self.calculation["savings"]) <= 0:
            return self.say.labels["no_fee"]
        share = self.formats.percent(Decimal(self.calculation["share_pct"]))
        savings = self.formats.money(self._minor(self.calculation["savings"]))
        return self.say.labels["fee_of"].format(share=share, savings=savings)

    def _compared(self) -> Iterator[list[str]]:
        labels, own = self.say.labels, self.calculation["own"]
        before = {each["kpi"]: each for each in self.calculation["baselines"]}
        after = {each["kpi"]: each["value"] for each in self.calculation["actual"]}
        for kpi in (*MEASURED, *sorted(own)):
            if kpi not in before and kpi not in after:
                continue
            then = self._value(kpi, Decimal(before[kpi]["value"])) if kpi in before else labels["not_given"]
            now = labels["not_given"]
            if kpi in after:
                now = labels["nothing_failed"] if after[kpi] is None else self._value(kpi, Decimal(after[kpi]))
            seal = f"{labels['receipt']} {before[kpi]['receipt']['seq']}" if kpi in before else ""
            yield [self.say.kpi(self.calculation, kpi), then, now, seal]

    def _bars(self) -> Iterator[dict[str, Any]]:
        bars = waterfall(self.calculation)
        for bar, (left, width) in zip(bars, placed_bars(bars), strict=True):
            kind = bar.name if bar.name in (SAVINGS, KEPT, FEE) else "loss" if bar.amount_minor < 0 else "gain"
            yield {
                "name": self.say.bars.get(bar.name) or self.say.part(self.calculation, bar.name),
                "amount": self.formats.amount(bar.shown_minor),
                "kind": kind,
                "left": left,
                "width": width,
            }

    def _steps(self) -> Iterator[dict[str, Any]]:
        for step in work_steps(self.calculation):
            result = step.result
            if step.name.endswith("_cost"):
                result = Figure(round(result.value, COST_DECIMALS), result.unit)
            terms = " ".join(
                SIGNS.get(each, each) if isinstance(each, str) else self._figure(each) for each in step.terms
            )
            yield {
                "name": self.say.step(self.calculation, step.name),
                "terms": terms.replace("( ", "(").replace(" )", ")"),
                "result": self._figure(result),
                "strong": step.name in (SAVINGS, FEE) or step.name.startswith("part "),
            }

    def _rates(self) -> Iterator[list[str]]:
        for name in RATE_NAMES:
            if name in self.calculation["terms"]:
                yield [self.say.rates[name], self._rate(name, Decimal(self.calculation["terms"][name]))]
        for code, own in self.calculation["own"].items():
            name = self.say.kpi(self.calculation, code)
            yield [self.say.labels["unit_value"].format(name), self.formats.rate(Decimal(own["value_rate"]))]

    def _chart(self, series: KpiSeries) -> dict[str, Any]:
        placed = kpi_dots(series)
        first, last = series.points[0], series.points[-1]
        return {
            "name": self.say.kpi(self.calculation, series.kpi),
            "dots": placed["dots"],
            "marks": [
                [height, self._value(series.kpi, round(value, COST_DECIMALS))] for height, value in placed["marks"]
            ],
            "first": self._days(first),
            "last": self._days(last) if len(series.points) > 1 else "",
        }

    def _days(self, point: KpiPoint) -> str:
        return self.formats.span(point.starts, point.ends - timedelta(days=1))

    def _effects(self) -> dict[str, Any]:
        effects = moving(self.report.effects, self.calculation)
        placed, now = placed_effects(effects, self._minor(self.calculation["fee"]))
        rows = [
            {
                "name": self._input(effect),
                "value": self._input_value(effect.name, effect.value),
                "lower": self._outcome(effect.lower),
                "higher": self._outcome(effect.higher),
                "left": left,
                "width": width,
            }
            for effect, (left, width) in zip(effects, placed, strict=True)
        ]
        return {"rows": rows, "now": now, "none": "" if rows else self.say.labels["no_effects"]}

    def _outcome(self, side: Outcome | None) -> str:
        return self.say.labels["none"] if side is None else self.formats.amount(side.fee.amount_minor)

    def _input(self, effect: Effect) -> str:
        side, _, kpi = effect.name.partition(" ")
        if side in self.say.sides:
            return f"{self.say.kpi(self.calculation, kpi)}, {self.say.sides[side]}"
        if effect.name.startswith(VALUE_RATE_OF):
            return self.say.labels["unit_value"].format(self.say.kpi(self.calculation, kpi))
        return self.say.labels["share"] if effect.name == SHARE else self.say.rates[effect.name]

    def _input_value(self, name: str, value: Decimal) -> str:
        side, _, kpi = name.partition(" ")
        if side in self.say.sides:
            return self._value(kpi, value)
        if name.startswith(VALUE_RATE_OF):
            return self.formats.rate(value)
        return self.formats.percent(value) if name == SHARE else self._rate(name, value)

    def _signed(self, step: Signed) -> dict[str, Any]:
        details = []
        if step.disputed:
            parts = ", ".join(self.say.part(self.calculation, name) for name in step.disputed)
            details.append(self.say.labels["disputed"].format(parts))
        if step.text:
            details.extend(step.text.split("\n"))
        if step.file is not None:
            details.append(self.say.labels["file"].format(*step.file))
        details = [line for line in details if line]
        who = f"{step.who}, {self.say.parties[step.party]}" if step.who else self.say.parties[step.party]
        return {
            "title": self.say.kinds[step.kind],
            "who": who,
            "at": self.formats.moment(step.at),
            "receipt": f"{self.say.labels['receipt']} {step.receipt_seq}",
            "details": details,
            "is_long": sum(1 + len(line) // LINE_LETTERS for line in details) > WHOLE_LINES_MAX,
        }

    def _value(self, kpi: str, value: Decimal) -> str:
        own, units = self.calculation["own"], {"availability_pct": PERCENT, "inventory_value": self.report.currency}
        return self._figure(Figure(value, own[kpi]["unit"] if kpi in own else units.get(kpi, HOURS)))

    def _rate(self, name: str, value: Decimal) -> str:
        if name == "operating_hours":
            return self._figure(Figure(value, HOURS))
        return self.formats.percent(value) if name.endswith("_pct") else self.formats.rate(value)

    def _figure(self, figure: Figure) -> str:
        value, unit = round(figure.value, NUMBER_DECIMALS), figure.unit
        if unit == PERCENT:
            space = "\N{NO-BREAK SPACE}" if self.report.language == "fr" else ""
            return f"{self.formats.number(value.normalize() + 0)}{space}%"
        if unit == self.report.currency:
            return self.formats.rate(value)
        number = self.formats.number(value)
        if unit not in (HOURS, FAILURES, DAYS):
            return f"{number} {unit}"
        is_one = abs(value) < 2 if self.report.language == "fr" else abs(value) == 1
        return f"{number} {self.say.units[unit][0 if is_one else 1]}"

    def _period(self) -> str:
        starts, ends = (date.fromisoformat(self.calculation["period"][end]) for end in ("start", "end"))
        return self.formats.span(starts, ends - timedelta(days=1))

    def _minor(self, text: str) -> int:
        return Money.parse(text, self.report.currency).amount_minor
