"""What a run's fee would be with a tenth less or more of each input, worked out from its calculation alone."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from services.gain_share.baseline_terms import VALUE_RATE
from services.gain_share.comparing import side_of
from services.rules.savings import OwnRate, Terms
from services.rules.sensitivity import Comparison, Effect, effects
from services.rules.year_shares import year_share


def sensitivity_of(calculation: Mapping[str, Any]) -> tuple[Effect, ...]:
    """Each input that matters, the one with the largest effect on the fee first."""
    return effects(comparison_of(calculation))


def comparison_of(calculation: Mapping[str, Any]) -> Comparison:
    """All that a calculation was worked out from, read from its document; working it out again gives its savings and
    its fee."""
    starts, ends = (date.fromisoformat(calculation["period"][end]) for end in ("start", "end"))
    own = {code: OwnRate(rate["better"], Decimal(rate[VALUE_RATE])) for code, rate in calculation["own"].items()}
    rates = {name: Decimal(text) for name, text in calculation["terms"].items()}
    terms = Terms(currency=calculation["currency"], own=own, year_share=year_share(starts, ends), **rates)
    before, after = (
        side_of({each["kpi"]: None if each["value"] is None else Decimal(each["value"]) for each in calculation[side]})
        for side in ("baselines", "actual")
    )
    bounds = calculation["bounds"]
    return Comparison(
        calculation["method"],
        before,
        after,
        terms,
        Decimal(calculation["share_pct"]),
        Decimal(bounds["min_pct"]),
        Decimal(bounds["max_pct"]),
    )
