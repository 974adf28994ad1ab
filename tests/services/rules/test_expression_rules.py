"""Column arithmetic: exact, bounded, and never run as code."""

from fractions import Fraction

import pytest

from services.rules.expression import DEPTH_MAX, EXPRESSION_MAX, compile_expression
from services.rules.violations import InvalidExpression

ROW = {"a": " 5 ", "b": "2.5", "input tokens": "400", "out`put": "18", "neg": "-3", "sûreté": "1", "zero": "0.0"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", "5"),
        (" a + b ", "15/2"),
        ("1 - 2 - 3", "-4"),
        ("a - (b - 1)", "7/2"),
        ("2 + 3 * 4", "14"),
        ("(2 + 3) * 4", "20"),
        ("12 / 2 / 3", "2"),
        ("-a * -neg", "-15"),
        ("--a", "5"),
        ("1/3 + 1/3 + 1/3", "1"),
        ("0.1 + 0.2", "3/10"),
        ('("input tokens" + "out`put") / 1000', "209/500"),
        ("`input tokens`*2", "800"),
        ("sûreté", "1"),
    ],
)
def test_an_expression_is_worked_out_exactly(text, value):
    assert compile_expression(text).evaluate(ROW) == Fraction(value)


def test_columns_are_listed_once_in_order_of_mention():
    assert compile_expression('b + a*"input tokens" - b').columns == ("b", "a", "input tokens")


NOT_ARITHMETIC = [
    *("", " ", "a b", "a +", "* a", "(a", "a)", "()", "a ** 2", "a // 2", "1..2", "1.", ".5", "1e5", "2a"),
    *("a.b", "a, b", "f(a)", "__import__('os')", "a; b", "a if b else 1", "a == b", "$a", '"a', '""', "٣"),
    *("1_000", "\0", "1" * 65),
]


@pytest.mark.parametrize("text", NOT_ARITHMETIC)
def test_anything_but_plain_arithmetic_is_refused(text):
    with pytest.raises(InvalidExpression):
        compile_expression(text)


def test_a_refusal_points_at_the_place():
    with pytest.raises(InvalidExpression, match="Unexpected b at character 3"):
        compile_expression("a b")


def test_length_and_depth_are_bounded():
    longest = "+".join(["1"] * (EXPRESSION_MAX // 2))
    assert compile_expression(longest).evaluate({}) == EXPRESSION_MAX // 2
    with pytest.raises(InvalidExpression, match="at most 500 characters"):
        compile_expression(longest + "+1")
    assert compile_expression("(" * DEPTH_MAX + "1" + ")" * DEPTH_MAX).evaluate({}) == 1
    for deep in ("(" * 200 + "1" + ")" * 200, "-" * 400 + "1"):
        with pytest.raises(InvalidExpression, match="levels deep"):
            compile_expression(deep)


@pytest.mark.parametrize("cell", ["", " ", "abc", "1e3", "NaN", "Infinity", "+1", "1,5", "--1", "0x1", "٣", "9" * 70])
def test_a_cell_that_is_not_a_plain_number_is_refused_by_column(cell):
    with pytest.raises(InvalidExpression, match="Column tokens holds"):
        compile_expression("tokens * 2").evaluate({"tokens": cell})


def test_a_missing_cell_is_refused_by_column():
    for row in ({}, {"tokens": None}):
        with pytest.raises(InvalidExpression, match="Column tokens is missing"):
            compile_expression("tokens").evaluate(row)


def test_division_by_zero_names_the_divisor():
    with pytest.raises(InvalidExpression, match="“zero” is 0"):
        compile_expression("a / zero").evaluate(ROW)
    with pytest.raises(InvalidExpression, match=r"“\(a - 2 \* b\)” is 0"):
        compile_expression("1 / (a - 2 * b)").evaluate(ROW)
