"""The card form: what was typed, what is wrong with it, and the numbers that stand for an outcome."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class TestCard:
    """A number whose outcome is known."""

    __test__ = False

    number: str
    brand: str
    says: str

    @property
    def shown(self) -> str:
        """The number in groups of four: 4242 4242 4242 4242."""
        return " ".join(self.number[place : place + 4] for place in range(0, len(self.number), 4))


FAILS_LATER: Final = "4000000000000341"
ASKS_BANK: Final = "4000002500003155"
TEST_CARDS: Final = (
    TestCard("4242424242424242", "visa", "Succeeds"),
    TestCard("5555555555554444", "mastercard", "Succeeds, another brand"),
    TestCard("4000000000000002", "visa", "Is declined"),
    TestCard(FAILS_LATER, "visa", "Is taken now, fails at each renewal"),
    TestCard(ASKS_BANK, "visa", "Asks to confirm with the bank"),
)
CARDS_THAT_PAY_NOW: Final = tuple(card for card in TEST_CARDS if card.number != FAILS_LATER)
OF_NUMBER: Final = {card.number: card for card in TEST_CARDS}

BRANDS: Final = (
    (re.compile(r"4"), "visa", (13, 16, 19)),
    (re.compile(r"5[1-5]|2(?:2[2-9]|[3-6]\d|7[01])\d|2720"), "mastercard", (16,)),
    (re.compile(r"3[47]"), "amex", (15,)),
    (re.compile(r"6(?:011|4[4-9]|5)"), "discover", (16, 19)),
    (re.compile(r"3(?:0[0-5]|[68])"), "diners", (14, 16)),
    (re.compile(r"35(?:2[89]|[3-8])"), "jcb", (16,)),
    (re.compile(r"62"), "unionpay", (16, 19)),
)
YEARS_AHEAD_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Card:
    """One of the test cards, as it was typed."""

    number: str = field(repr=False)
    brand: str
    expires_month: int
    expires_year: int
    name: str | None

    @property
    def asks_bank(self) -> bool:
        """Whether the bank wants to be asked first."""
        return self.number == ASKS_BANK


@dataclass
class Form:
    """What was typed and what is wrong with it, by field; `declined` is the bank's no, `code_problem` the code's."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    declined: str = ""
    code_problem: str = ""

    def text(self, name: str) -> str:
        """What was typed, without spaces around it."""
        return self.values.get(name, "").strip()

    def forget_card(self) -> None:
        """A refused card is typed anew, like everywhere."""
        for name in ("card_number", "card_expiry", "card_cvc"):
            self.values.pop(name, None)


def read_card(form: Form, *, now: int) -> Card | None:
    """The card, or None with the reasons in `form.errors`. Only the sandbox's own numbers are taken."""
    number = re.sub(r"[\s-]", "", form.text("card_number"))
    brand, problem = _check_number(number)
    if problem:
        form.errors["card_number"] = problem
    expiry = _check_expiry(form, now)
    digits = 4 if brand == "amex" else 3
    if not re.fullmatch(rf"[0-9]{{{digits}}}", form.text("card_cvc")):
        form.errors["card_cvc"] = f"Enter the {digits} digits of the security code."
    if problem or expiry is None or "card_cvc" in form.errors:
        return None
    return Card(number, brand, *expiry, form.text("card_name") or None)


def _check_number(number: str) -> tuple[str, str]:
    """The brand, and what is wrong where something is."""
    if not number:
        return "", "Enter the card number."
    if not re.fullmatch(r"[0-9]{12,19}", number):
        return "", "A card number has 12 to 19 digits."
    brand = next((name for start, name, lengths in BRANDS if start.match(number) and len(number) in lengths), "")
    if not passes_luhn(number) or not brand:
        return brand, "This is not a card number; check its digits."
    if number not in OF_NUMBER:
        return brand, "This may be a real card. The sandbox takes its test cards only."
    return brand, ""


def _check_expiry(form: Form, now: int) -> tuple[int, int] | None:
    found = re.fullmatch(r"(\d{1,2})\s*[/\-. ]?\s*(\d{2}|\d{4})", form.text("card_expiry"), re.ASCII)
    if found is None or not 1 <= int(found[1]) <= 12:
        form.errors["card_expiry"] = "Enter the expiry as month and year, such as 04 / 30."
        return None
    month, year = int(found[1]), int(found[2]) if len(found[2]) == 4 else 2000 + int(found[2])
    today = datetime.fromtimestamp(now, UTC)
    if (year, month) < (today.year, today.month):
        form.errors["card_expiry"] = "This card has expired."
        return None
    if year > today.year + YEARS_AHEAD_MAX:
        form.errors["card_expiry"] = "This year is too far ahead."
        return None
    return month, year


def passes_luhn(number: str) -> bool:
    """The check digit of ISO/IEC 7812: from the right, every second digit counts double, its digits summed."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def fill_in(form: Form, number: str, *, now: int) -> None:
    """Type a test card for the person who asked for it."""
    card = OF_NUMBER.get(number)
    if card is None:
        return
    form.values["card_number"] = card.shown
    form.values["card_expiry"] = f"12 / {(datetime.fromtimestamp(now, UTC).year + 4) % 100:02d}"
    form.values["card_cvc"] = "123"
    form.values.setdefault("method", "card")


def form_of(given: Mapping[str, str], *, values_max: int = 200) -> Form:
    """A form from what was posted, each value cut to what a field takes."""
    return Form({name: value[:values_max] for name, value in given.items()})
