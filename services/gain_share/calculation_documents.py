"""A run's calculation as one canonical document: all that went in and came out, as text.

It has no id of the run and no time it was made at: the same inputs give the same bytes.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from sqlmodel import Session

from models import KpiBaseline
from services.gain_share.baseline_terms import VALUE_RATE
from services.gain_share.kpi_figures import Measured
from services.gain_share.kpis import Kpi
from services.receipts.reading import find_receipt
from services.rules import decimals
from services.rules.receipts import written
from services.rules.savings import RATE_NAMES, Savings, Terms
from services.rules.sensitivity import Comparison
from services.rules.year_shares import days_of_year

FORMAT: Final = "tallystick-gain-share/1"
NUMBER_DECIMALS: Final = 6
"""Intermediate numbers may have no end (hours divided by hours); they are shown to a millionth, and the exact fraction
stands beside those that are not exactly that."""


def calculation_document(comparison: Comparison, savings: Savings, found: Measured) -> dict[str, Any]:
    """All that went in and came out, as text; the parts' amounts sum to the savings."""
    terms = comparison.terms
    rates = {name: getattr(terms, name) for name in RATE_NAMES}
    return {
        "format": FORMAT,
        "method": comparison.method,
        "period": {"start": found.starts.isoformat(), "end": found.ends.isoformat()},
        "year": {"days": (found.ends - found.starts).days, "of": days_of_year(found.starts)},
        "currency": terms.currency,
        "actual": [
            {
                "kpi": figure.kpi,
                "unit": figure.unit,
                "value": None if figure.value is None else decimals.text_of(figure.value),
                "failures": None if figure.failures is None else decimals.text_of(figure.failures),
                "measurements": list(figure.measurement_ids),
            }
            for figure in found.figures.values()
        ],
        "terms": {name: decimals.text_of(rate) for name, rate in rates.items() if rate is not None},
        "numbers": [{"name": n.name, "unit": n.unit} | _number(n.value) for n in savings.numbers],
        "parts": [{"name": part.name, "amount": part.money.plain()} | _exact(part.amount) for part in savings.parts],
        "overlapping": savings.overlapping,
        "savings": savings.total.plain(),
        "share_pct": decimals.text_of(comparison.share_pct),
        "bounds": {
            "min_pct": decimals.text_of(comparison.min_pct),
            "max_pct": decimals.text_of(comparison.max_pct),
        },
    }


def own_document(terms: Terms, kpis: Mapping[str, Kpi]) -> dict[str, Any]:
    """The plan's own KPIs that are priced, as the plan names them."""
    return {
        code: {
            "name": kpis[code].name,
            "unit": kpis[code].unit,
            "better": rate.better,
            VALUE_RATE: decimals.text_of(rate.value_rate),
        }
        for code, rate in terms.own.items()
    }


def baseline_document(session: Session, baseline: KpiBaseline) -> dict[str, Any]:
    """A baseline with the receipt that seals it."""
    assert baseline.receipt_seq is not None
    receipt = find_receipt(session, tenant_id=baseline.tenant_id, seq=baseline.receipt_seq)
    return {
        "id": baseline.id,
        "kpi": baseline.kpi,
        "value": decimals.text_of(baseline.value),
        "unit": baseline.unit,
        "effective_from": baseline.effective_from.isoformat(),
        "receipt": {"seq": baseline.receipt_seq, "hash": written(receipt.hash)},
    }


def _number(value: Fraction) -> dict[str, str]:
    scaled = decimals.round_half_away(value * 10**NUMBER_DECIMALS)
    shown = decimals.text_of(Decimal(scaled).scaleb(-NUMBER_DECIMALS, decimals.EXACT))
    return {"value": shown} | ({} if Fraction(shown) == value else _exact(value))


def _exact(value: Fraction) -> dict[str, str]:
    """The number itself, as a fraction in lowest terms."""
    return {"exact": f"{value.numerator}/{value.denominator}" if value.denominator != 1 else str(value.numerator)}
