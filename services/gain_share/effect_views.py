"""What a tenth less or more of each input would change of a fee, in words and bars, the largest first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from services import wording
from services.gain_share.run_views import percent
from services.gain_share.sensitivity import sensitivity_of
from services.gain_share.words import KPI_WORDS, RATE_WORDS, kpi_value, rate_value
from services.rules.money import Money
from services.rules.sensitivity import SHARE, Effect, Outcome

SIDES = {"baseline": "Baseline", "actual": "Measured"}
NOT_WORKED_OUT = "cannot be worked out"
VALUE_RATE_OF = "value_rate "


@dataclass(frozen=True)
class OutcomeView:
    """An input's other value, the fee that comes of it, and how much more or less than now. Bars are in percent."""

    value: str
    fee: str
    change: str
    is_less: bool
    left: str
    width: str


@dataclass(frozen=True)
class EffectView:
    """One input as it is, and what comes of a tenth less and a tenth more of it; the lower fee first."""

    name: str
    value: str
    first: OutcomeView
    second: OutcomeView
    middle: str
    """Where the fee as it is stands in the bars' room, in percent."""


def effect_views(calculation: Mapping[str, Any]) -> tuple[EffectView, ...]:
    """All inputs that change anything, drawn in one room from the lowest fee to the highest."""
    found = moving(sensitivity_of(calculation), calculation)
    now = Money.parse(calculation["fee"], calculation["currency"]).amount_minor
    fees = [now] + [side.fee.amount_minor for each in found for side in (each.lower, each.higher) if side is not None]
    lowest, span = min(fees), max(1, max(fees) - min(fees))

    def outcome(effect: Effect, side: Outcome | None) -> OutcomeView:
        if side is None:
            return OutcomeView("", NOT_WORKED_OUT, "", is_less=False, left="0%", width="0%")
        fee = side.fee.amount_minor
        change = wording.amount(abs(fee - now), calculation["currency"])
        return OutcomeView(
            value=_value(calculation, effect.name, side.value),
            fee=wording.money(side.fee),
            change="no change" if fee == now else f"{'−' if fee < now else '+'}{change}",
            is_less=fee < now,
            left=percent(min(fee, now) - lowest, span),
            width=percent(abs(fee - now), span),
        )

    def viewed(effect: Effect) -> EffectView:
        sides = sorted((effect.lower, effect.higher), key=lambda side: now if side is None else side.fee.amount_minor)
        first, second = (outcome(effect, side) for side in sides)
        name, value = _name(calculation, effect.name), _value(calculation, effect.name, effect.value)
        return EffectView(name, value, first, second, middle=percent(now - lowest, span))

    return tuple(viewed(effect) for effect in found)


def moving(effects: Iterable[Effect], calculation: Mapping[str, Any]) -> tuple[Effect, ...]:
    """Those that change the fee at all: where nothing was saved a tenth of one input may leave it at nothing."""
    now = Money.parse(calculation["fee"], calculation["currency"])
    return tuple(each for each in effects if any(side is None or side.fee != now for side in (each.lower, each.higher)))


def _name(calculation: Mapping[str, Any], name: str) -> str:
    own = calculation["own"]
    side, _, kpi = name.partition(" ")
    if side in SIDES:
        return f"{own[kpi]['name'] if kpi in own else KPI_WORDS[kpi]}, {SIDES[side].lower()}"
    if name.startswith(VALUE_RATE_OF):
        return f"{own[kpi]['name']}, what a unit is worth"
    return "Share of the savings" if name == SHARE else RATE_WORDS[name]


def _value(calculation: Mapping[str, Any], name: str, value: Decimal) -> str:
    currency, own = calculation["currency"], calculation["own"]
    value = round(value, 6)
    side, _, kpi = name.partition(" ")
    if side in SIDES:
        return kpi_value(kpi, value, currency, own[kpi]["unit"] if kpi in own else "hours")
    if name.startswith(VALUE_RATE_OF):
        return wording.rate(value, currency)
    return f"{wording.number(value)} %" if name == SHARE else rate_value(name, value, currency)
