"""Arithmetic on the columns of a usage file, read by a small parser and never run as code.

expression = term { ("+" | "-") term }
term       = factor { ("*" | "/") factor }
factor     = "-" factor | number | column | "(" expression ")"
column     = a name, or any text in "double quotes" or `backticks`
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from services.rules import decimals
from services.rules.violations import InvalidExpression

EXPRESSION_MAX = 500
"""Characters; with DEPTH_MAX it bounds the work a row can cost."""

DEPTH_MAX = 32

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)(?![\w.])|(?P<name>[^\W\d]\w*)"""
    r"""|"(?P<quoted>[^"]+)"|`(?P<ticked>[^`]+)`|(?P<sign>[-+*/()]))"""
)


@dataclass(frozen=True, slots=True)
class Constant:
    value: Fraction


@dataclass(frozen=True, slots=True)
class Column:
    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """`symbol` is + - * / on two values, or "neg" on one; `right` is the text of the right operand."""

    symbol: str
    right: str


Instruction = Constant | Column | Operation


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression: `program` is in postfix order, `columns` in order of first mention."""

    text: str
    columns: tuple[str, ...]
    program: tuple[Instruction, ...]

    def evaluate(self, row: Mapping[str, str]) -> Fraction:
        """The exact value for one row.

        Raises InvalidExpression, naming the column, for a missing or non-numeric cell or a zero divisor.
        """
        stack: list[Fraction] = []
        for instruction in self.program:
            if isinstance(instruction, Constant):
                stack.append(instruction.value)
            elif isinstance(instruction, Column):
                stack.append(_cell(row, instruction.name))
            elif instruction.symbol == "neg":
                stack.append(-stack.pop())
            else:
                right, left = stack.pop(), stack.pop()
                stack.append(_apply(instruction, left, right))
        (value,) = stack
        return value


def compile_expression(text: str) -> Expression:
    """Read plain arithmetic over column names.

    Raises InvalidExpression for anything else, over EXPRESSION_MAX characters or DEPTH_MAX levels deep.
    """
    if len(text) > EXPRESSION_MAX:
        raise InvalidExpression(f"An expression has at most {EXPRESSION_MAX} characters.")
    parser = _Parser(text)
    parser.read_all()
    columns = dict.fromkeys(step.name for step in parser.program if isinstance(step, Column))
    return Expression(text, tuple(columns), tuple(parser.program))


def _apply(operation: Operation, left: Fraction, right: Fraction) -> Fraction:
    if operation.symbol == "+":
        return left + right
    if operation.symbol == "-":
        return left - right
    if operation.symbol == "*":
        return left * right
    if right == 0:
        raise InvalidExpression(f"Division by zero: “{operation.right}” is 0 in this row.")
    return left / right


def _cell(row: Mapping[str, str], name: str) -> Fraction:
    # The csv module fills a short row with None, whatever the types say.
    cell: str | None = row.get(name)
    if cell is None:
        raise InvalidExpression(f"Column {name} is missing from this row.")
    stripped = cell.strip(" ")
    digits = stripped.removeprefix("-")
    if not decimals.is_plain(digits):
        shown = f"{stripped[:20]}…" if len(stripped) > 20 else stripped
        raise InvalidExpression(f"Column {name} holds “{shown}”, which is not a plain number.")
    value = Fraction(Decimal(digits))
    return -value if len(digits) < len(stripped) else value


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    starts: int
    ends: int


class _Parser:
    """Recursive descent over the grammar above, writing postfix instructions as it goes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.program: list[Instruction] = []
        self._tokens = _tokens(text)
        self._next = 0

    def read_all(self) -> None:
        self._expression(depth=0)
        if self._peek().kind != "end":
            raise self._unexpected()

    def _expression(self, depth: int) -> None:
        self._chain(("+", "-"), lambda: self._chain(("*", "/"), lambda: self._factor(depth)))

    def _chain(self, symbols: tuple[str, str], operand: Callable[[], None]) -> None:
        operand()
        while self._peek().kind == "sign" and self._peek().text in symbols:
            symbol = self._take().text
            starts = self._peek().starts
            operand()
            right = self.text[starts : self._tokens[self._next - 1].ends]
            self.program.append(Operation(symbol, right))

    def _factor(self, depth: int) -> None:
        if depth > DEPTH_MAX:
            raise InvalidExpression(f"The expression is nested more than {DEPTH_MAX} levels deep.")
        token = self._peek()
        if token.kind == "number":
            self.program.append(_constant(self._take().text))
        elif token.kind == "column":
            self.program.append(Column(self._take().text))
        elif token.text == "-" and token.kind == "sign":
            self._take()
            self._factor(depth + 1)
            self.program.append(Operation("neg", ""))
        elif token.text == "(" and token.kind == "sign":
            self._take()
            self._expression(depth + 1)
            if self._peek().text != ")" or self._peek().kind != "sign":
                raise self._unexpected()
            self._take()
        else:
            raise self._unexpected()

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek()
        self._next += 1
        return token

    def _unexpected(self) -> InvalidExpression:
        token = self._peek()
        if token.kind == "end":
            return InvalidExpression("The expression ends where a number, a column or ) should follow.")
        return InvalidExpression(f"Unexpected {token.text} at character {token.starts + 1}.")


def _constant(digits: str) -> Constant:
    if not decimals.is_plain(digits):
        raise InvalidExpression(f"Numbers have at most {decimals.TEXT_MAX} characters.")
    return Constant(Fraction(Decimal(digits)))


def _tokens(text: str) -> list[_Token]:
    tokens = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise InvalidExpression(f"Only numbers, columns and + - * / ( ) are read: see character {position + 1}.")
        kind = match.lastgroup if match.lastgroup in ("number", "sign") else "column"
        starts = match.end() - len(match.group().lstrip())
        tokens.append(_Token(kind, match.group(match.lastgroup), starts, match.end()))
        position = match.end()
    tokens.append(_Token("end", "", end, end))
    return tokens
