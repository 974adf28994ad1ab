"""The sales taxes that ship with the product."""

from datetime import date
from decimal import Decimal

import pytest

from services.taxes.rates import shipped_tax_rates, tax_rates_in, tax_rates_on

TODAY = date(2026, 11, 20)
PROVINCES = {"AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU", "ON", "PE", "QC", "SK", "YT"}


@pytest.mark.parametrize(
    ("region", "percentages"),
    [
        ("AB", {"gst": "5"}), ("BC", {"gst": "5", "pst": "7"}), ("MB", {"gst": "5", "rst": "7"}),
        ("NB", {"hst": "15"}), ("NL", {"hst": "15"}), ("NS", {"hst": "14"}), ("ON", {"hst": "13"}),
        ("PE", {"hst": "15"}), ("QC", {"gst": "5", "qst": "9.975"}), ("SK", {"gst": "5", "pst": "6"}),
        ("YT", {"gst": "5"}), ("NT", {"gst": "5"}), ("NU", {"gst": "5"}),
    ],
)  # fmt: skip
def test_each_province_has_its_taxes(region: str, percentages: dict[str, str]) -> None:
    found = {rate.code: rate.percentage for rate in tax_rates_in("CA", region, day=TODAY)}
    assert found == {code: Decimal(percentage) for code, percentage in percentages.items()}


def test_no_province_has_federal_tax_twice_or_not_at_all() -> None:
    federal = [rate.region for rate in tax_rates_on(TODAY) if rate.code in {"gst", "hst"}]
    assert sorted(federal) == sorted(PROVINCES)


def test_a_rate_holds_until_the_next_one() -> None:
    before = {rate.percentage for rate in tax_rates_in("CA", "NS", day=date(2025, 3, 31))}
    since = {rate.percentage for rate in tax_rates_in("CA", "NS", day=date(2025, 4, 1))}
    assert (before, since) == ({Decimal(15)}, {Decimal(14)})


def test_a_federal_rate_is_the_same_everywhere() -> None:
    assert len({rate.percentage for rate in tax_rates_on(TODAY) if rate.is_federal}) == 1


def test_percentages_are_exact() -> None:
    assert all(isinstance(rate.percentage, Decimal) for rate in shipped_tax_rates())


def test_where_we_know_of_no_tax_there_is_none() -> None:
    assert tax_rates_in("US", "OR", day=TODAY) == ()
    assert tax_rates_in("CA", "ON", day=date(1999, 1, 1)) == ()
