"""`catalog check`: every mistake is explained with file, key and reason; what looks like one is a warning."""

from pathlib import Path

import pytest

from services.price_books.files import PriceBookRefused, read_book
from services.price_books.lint import warnings
from services.settings import CATALOGS

GOOD = """
code = "book"
name = "Book"
currency = "CAD"
[pools.credits]
name = "Credits"
unit = "credit"
[meters.call]
name = "Calls"
unit = "call"
pool = "credits"
credits_per_unit = 1
[prices.extra]
model = "graduated"
tiers = [{ up_to = 100, unit_price = 0.02 }, { unit_price = 0.01 }]
[[plans]]
code = "basic"
name = "Basic"
base_price = 10.00
allowances = { credits = 50 }
overage = { credits = "extra" }
[[plans]]
code = "plus"
name = "Plus"
base_price = 20.00
allowances = { credits = 80 }
overage = { credits = "extra" }
"""


def findings(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    path = tmp_path / "book.toml"
    path.write_text(text)
    with pytest.raises(PriceBookRefused) as refused:
        read_book(path)
    assert all(finding.file == "book.toml" for finding in refused.value.findings)
    return [(finding.key, finding.reason) for finding in refused.value.findings]


def warned(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    path = tmp_path / "book.toml"
    path.write_text(text)
    return [(finding.key, finding.reason) for finding in warnings(read_book(path), path.name)]


def test_a_sound_book_has_nothing_to_remark_on(tmp_path: Path) -> None:
    assert warned(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("was", "becomes", "key", "reason"),
    [
        ('currency = "CAD"', 'currency = "cad"', "currency", "match pattern"),
        ('currency = "CAD"', "", "currency", "required"),
        ("base_price = 10.00", "base_price = -1", "plans.0.base_price", "greater than or equal to 0"),
        ("base_price = 10.00", "", "plans.0", "base_price"),
        ("base_price = 10.00", "base_price = 10.005", "plans.basic.base_price", "smallest unit"),
        ("base_price = 10.00", "base_price = nan", "plans.0.base_price", "finite"),
        ("base_price = 10.00", "base_prize = 10.00", "plans.0.base_prize", "Extra inputs"),
        ('pool = "credits"', 'pool = "tokens"', "meters.call.pool", "tokens"),
        ("credits_per_unit = 1", "credits_per_unit = 0", "meters.call.credits_per_unit", "greater than 0"),
        ("credits_per_unit = 1", "credits_per_unit = 0.0000001", "meters.call.credits_per_unit", "6 decimal"),
        ('model = "graduated"', 'model = "gradual"', "prices.extra", "model must be one of"),
        ("up_to = 100, unit_price = 0.02", "up_to = 100", "prices.extra", "unit_price is missing"),
        ("{ unit_price = 0.01 }", "{ up_to = 50, unit_price = 0.01 }", "prices.extra", "last tier must be open"),
        ('overage = { credits = "extra" }', 'overage = { credits = "none" }', "plans.basic.overage.credits", "none"),
        ("allowances = { credits = 50 }", "allowances = { calls = 50 }", "plans.basic.allowances.calls", "not a pool"),
        ('code = "plus"', 'code = "basic"', "plans.basic", "twice"),
        ('code = "plus"', 'code = "plus plus"', "plans.1.code", "match pattern"),
        ("[[plans]]", "[[plans", "(file)", "not valid TOML"),
        ("unit_price = 0.01", "unit_price = 1_000_000", "plans.basic.overage.credits", "more than an invoice can hold"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, was: str, becomes: str, key: str, reason: str) -> None:
    assert was in GOOD
    assert any(at == key and reason in why for at, why in findings(tmp_path, GOOD.replace(was, becomes, 1)))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    broken = GOOD.replace('pool = "credits"', 'pool = "x"').replace('"extra" }', '"y" }')
    assert [key for key, _ in findings(tmp_path, broken)] == [
        "meters.call.pool",
        "plans.basic.overage.credits",
        "plans.plus.overage.credits",
    ]


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "book.toml"
    path.write_bytes(b"\xff\xfe code")
    with pytest.raises(PriceBookRefused, match="cannot be read"):
        read_book(path)
    with pytest.raises(PriceBookRefused, match="cannot be read"):
        read_book(tmp_path / "absent.toml")


def test_a_later_tier_that_is_dearer_is_a_warning(tmp_path: Path) -> None:
    ((key, reason),) = warned(tmp_path, GOOD.replace("{ unit_price = 0.01 }", "{ unit_price = 0.03 }"))
    assert key == "prices.extra.tiers"
    assert "0.03" in reason


def test_a_threshold_below_what_is_included_is_a_warning(tmp_path: Path) -> None:
    found = warned(tmp_path, GOOD.replace("{ credits = 80 }", "{ credits = 101 }"))
    assert [key for key, _ in found] == ["plans.plus.overage.credits.tiers"]


def test_a_dearer_plan_that_includes_less_is_a_warning(tmp_path: Path) -> None:
    found = warned(tmp_path, GOOD.replace("{ credits = 80 }", "{ credits = 40 }"))
    assert [key for key, _ in found] == ["plans.plus.allowances.credits"]


def test_a_pool_that_a_plan_neither_includes_nor_prices_is_a_warning(tmp_path: Path) -> None:
    found = warned(tmp_path, GOOD.replace('allowances = { credits = 50 }\noverage = { credits = "extra" }', "", 1))
    assert [key for key, _ in found] == ["plans.basic"]


def test_a_plan_for_who_does_not_pay_that_charges_for_use_is_a_warning(tmp_path: Path) -> None:
    text = GOOD.replace("base_price = 10.00", "base_price = 0").replace(
        "base_price = 20.00", 'base_price = 20.00\nafter_dunning = "basic"'
    )
    ((key, reason),) = warned(tmp_path, text)
    assert key == "plans.plus.after_dunning"
    assert reason == "names basic, which charges for credits: who does not pay could use them unpaid"
    assert warned(tmp_path, text.replace('overage = { credits = "extra" }', "", 1)) == []


def test_the_shipped_books_warn_only_where_the_seeds_look_odd() -> None:
    remarks = {path.stem: len(warnings(read_book(path), path.name)) for path in CATALOGS.glob("*.toml")}
    assert remarks == {"assistant": 0, "memory-cloud": 0, "reliability": 0, "verified-exchange": 5}


def test_a_unit_is_short_enough_for_the_line_that_counts_in_it(tmp_path: Path) -> None:
    assert warned(tmp_path, GOOD.replace('unit = "credit"', f'unit = "{"u" * 64}"')) == []
    ((key, _),) = findings(tmp_path, GOOD.replace('unit = "credit"', f'unit = "{"u" * 65}"'))
    assert key == "pools.credits.unit"
