"""What a fee would be if one input were a tenth lower or higher, and all others as they are."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from services.rules.decimals import DECIMALS_MAX, EXACT, round_half_away
from services.rules.gain_share import fee, savings_by
from services.rules.money import Money
from services.rules.price_models import RATE_MAX
from services.rules.savings import MEASURED, RATE_NAMES, Measurements, Terms
from services.rules.violations import RuleViolation

LOWER_BY, HIGHER_BY = Decimal("0.9"), Decimal("1.1")
SHARE: Final = "share_pct"
HUNDRED: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that a fee is worked out from."""

    method: str
    baseline: Measurements
    actual: Measurements
    terms: Terms
    share_pct: Decimal
    min_pct: Decimal
    max_pct: Decimal

    def result(self) -> tuple[Money, Money]:
        """(savings, fee). Raises what the method and the fee raise."""
        savings = savings_by(self.method, self.baseline, self.actual, self.terms).total
        return savings, fee(savings, self.share_pct, min_pct=self.min_pct, max_pct=self.max_pct)


@dataclass(frozen=True, slots=True)
class Outcome:
    """An input's changed value, as near to a tenth off as it may be, and what comes of it."""

    value: Decimal
    savings: Money
    fee: Money


@dataclass(frozen=True, slots=True)
class Effect:
    """One input: its value, and what comes of less and of more of it; None where that cannot be worked out."""

    name: str
    value: Decimal
    lower: Outcome | None
    higher: Outcome | None

    @property
    def savings_spread_minor(self) -> int:
        """Between the lowest and the highest savings, in minor units."""
        return _spread(each.savings for each in (self.lower, self.higher) if each is not None)

    @property
    def fee_spread_minor(self) -> int:
        """Between the lowest and the highest fee, in minor units."""
        return _spread(each.fee for each in (self.lower, self.higher) if each is not None)


def effects(comparison: Comparison) -> tuple[Effect, ...]:
    """Each input that the savings depend on, and the share, the largest effect on the fee first."""
    found = [_effect(name, value, put, most) for name, value, put, most in _inputs(comparison)]
    moving = [each for each in found if each.savings_spread_minor or None in (each.lower, each.higher)]
    return tuple(sorted([*moving, _share(comparison)], key=_largest_first))


def _largest_first(effect: Effect) -> tuple[int, int, str]:
    return -effect.fee_spread_minor, -effect.savings_spread_minor, effect.name


def _spread(amounts: Iterable[Money]) -> int:
    minor = [amount.amount_minor for amount in amounts]
    return max(minor, default=0) - min(minor, default=0)


_Put = Callable[[Decimal], Comparison]


def _inputs(comparison: Comparison) -> Iterator[tuple[str, Decimal, _Put, Decimal | None]]:
    """(name, value, the comparison with another value, the most it may be)."""
    for name in ("baseline", "actual"):
        yield from _measured(comparison, name)
    terms = comparison.terms
    for rate in RATE_NAMES:
        value = getattr(terms, rate)
        if value is not None:
            yield rate, value, _with_rate(comparison, rate), RATE_MAX
    for code, own in terms.own.items():
        yield f"value_rate {code}", own.value_rate, _with_own_rate(comparison, code), RATE_MAX


def _measured(comparison: Comparison, name: str) -> Iterator[tuple[str, Decimal, _Put, Decimal | None]]:
    side: Measurements = getattr(comparison, name)
    for kpi in MEASURED:
        value = getattr(side, kpi)
        if value is not None:
            most = HUNDRED if kpi == "availability_pct" else None
            yield f"{name} {kpi}", value, _with_side(comparison, name, side, kpi), most
    for code, value in side.own.items():
        yield f"{name} {code}", value, _with_own(comparison, name, side, code), None


def _with_side(comparison: Comparison, name: str, side: Measurements, kpi: str) -> _Put:
    return lambda value: replace(comparison, **{name: replace(side, **{kpi: value})})  # type: ignore[arg-type]


def _with_own(comparison: Comparison, name: str, side: Measurements, code: str) -> _Put:
    return lambda value: replace(comparison, **{name: replace(side, own={**side.own, code: value})})  # type: ignore[arg-type]


def _with_rate(comparison: Comparison, rate: str) -> _Put:
    return lambda value: replace(comparison, terms=replace(comparison.terms, **{rate: value}))  # type: ignore[arg-type]


def _with_own_rate(comparison: Comparison, code: str) -> _Put:
    own = comparison.terms.own
    return lambda value: replace(
        comparison, terms=replace(comparison.terms, own={**own, code: replace(own[code], value_rate=value)})
    )


def _effect(name: str, value: Decimal, put: _Put, most: Decimal | None) -> Effect:
    lower, higher = (_outcome(put, _scaled(value, by, most)) for by in (LOWER_BY, HIGHER_BY))
    return Effect(name, value, lower, higher)


def _share(comparison: Comparison) -> Effect:
    """A tenth of the share itself, within the plan's bounds."""
    share, low, high = comparison.share_pct, comparison.min_pct, comparison.max_pct

    def put(value: Decimal) -> Comparison:
        return replace(comparison, share_pct=value)

    lower, higher = (_outcome(put, max(low, _scaled(share, by, high))) for by in (LOWER_BY, HIGHER_BY))
    return Effect(SHARE, share, lower, higher)


def _outcome(put: _Put, value: Decimal) -> Outcome | None:
    try:
        savings, due = put(value).result()
    except RuleViolation:
        return None
    return Outcome(value, savings, due)


def _scaled(value: Decimal, by: Decimal, most: Decimal | None) -> Decimal:
    """A tenth off, to the twelfth decimal."""
    whole = round_half_away(Fraction(value) * Fraction(by) * 10**DECIMALS_MAX)
    scaled = Decimal(whole).scaleb(-DECIMALS_MAX, EXACT)
    return scaled if most is None else min(scaled, most)
