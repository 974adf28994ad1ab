"""Laws of column arithmetic: it agrees with exact fractions, and no text makes it do anything else."""

from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.rules.expression import DEPTH_MAX, EXPRESSION_MAX, compile_expression
from services.rules.violations import InvalidExpression

ROW = {"a": "2", "b": "0.5", "c d": "-3"}
VALUES = {"a": Fraction(2), "b": Fraction(1, 2), '"c d"': Fraction(-3)}
LEAVES = st.one_of(
    st.sampled_from(sorted(VALUES)).map(lambda name: (name, VALUES[name])),
    st.decimals(0, 99, places=2).map(lambda number: (format(number, "f"), Fraction(number))),
)


def _combine(inner):
    def apply(left, symbol, right):
        (left_text, a), (right_text, b) = left, right
        results = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b if b else None}
        value = None if a is None or b is None else results[symbol]()
        return f"({left_text}) {symbol} ({right_text})", value

    negated = inner.map(lambda item: (f"-({item[0]})", None if item[1] is None else -item[1]))
    return st.builds(apply, inner, st.sampled_from("+-*/"), inner) | negated


@settings(max_examples=200)
@given(st.recursive(LEAVES, _combine, max_leaves=12))
def test_an_expression_is_worth_what_exact_fractions_say(case):
    text, value = case
    assume(len(text) <= EXPRESSION_MAX and text.count("(") + text.count("-") <= DEPTH_MAX)
    expression = compile_expression(text)
    if value is None:
        with pytest.raises(InvalidExpression, match="Division by zero"):
            expression.evaluate(ROW)
    else:
        assert expression.evaluate(ROW) == value


@given(st.lists(st.tuples(st.sampled_from("+-*/"), st.integers(1, 99)), max_size=12), st.integers(1, 99))
def test_precedence_and_order_are_those_of_arithmetic(steps, first):
    text = str(first) + "".join(f" {symbol} {number}" for symbol, number in steps)
    terms, current = [], Fraction(first)
    for symbol, number in steps:
        if symbol in "*/":
            current = current * number if symbol == "*" else current / number
        else:
            terms.append(current)
            current = Fraction(number if symbol == "+" else -number)
    assert compile_expression(text).evaluate({}) == sum(terms, current)


@settings(max_examples=300)
@given(st.text(st.sampled_from('ab1.0+-*/()"` _é\n')) | st.text(max_size=40))
def test_any_text_is_worked_out_or_refused(text):
    try:
        value = compile_expression(text).evaluate(ROW)
    except InvalidExpression:
        return
    assert isinstance(value, Fraction)
