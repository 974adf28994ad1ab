"""Bad bundles whose taxes are not what they say they are of, though all else adds up and is signed with our key."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.corpus.bad_bills import add_up
from tests.corpus.bad_files import bad_case
from tests.corpus.good_bundles import Case, cut_range, taxed

Document = dict[str, Any]


def tax_cases() -> Iterator[Case]:
    """An invoice of 9,000.00 with 450.00 and 897.75 of tax, and a note that takes 100.00 of it back."""

    def row(place: int, totals: bool = True, **changes: Any) -> Callable[[Document], None]:
        def change(fields: Document) -> None:
            said = fields["tax"][place] | changes
            fields["tax"][place] = {name: value for name, value in said.items() if value is not None}
            if totals:
                _add_up_with_taxes(fields)

        return change

    for name, change, exit_code, reason in (
        ("a-cent-more", row(0, amount="450.01"), 1, "450.00"),
        ("at-another-rate", row(1, rate="0.1"), 1, "900.00"),
        ("below-zero", row(1, rate="-0.09975", amount="-897.75"), 1, "below zero"),
        ("of-another-base", row(0, base="9000.01"), 1, "9000.00"),
        ("of-an-unknown-category", row(0, category="X"), 2, "category"),
        ("not-due-and-charged", row(0, category="E", reason="Exempt"), 1, "charged"),
        ("not-due-for-no-reason", row(0, category="E", rate="0", amount="0.00"), 1, "why"),
    ):
        log = taxed(change=change).ledger
        yield bad_case(f"tax-{name}", cut_range(log, 1, 1).lines(), exit_code, reason, 1, log.jwks())
    for name, change, reason in (
        ("left-out", add_up, "taxes"),
        ("of-another-rate", row(0, rate="0.06", amount="-6.00"), "taxes"),
        ("of-another-name", row(0, name="HST"), "taxes"),
        ("a-cent-more", row(1, amount="-9.99"), "share"),
        ("a-cent-less", row(0, amount="-4.99"), "share"),
    ):
        log = taxed("-33.33", "-100.00", change=change).ledger
        yield bad_case(f"tax-given-back-{name}", cut_range(log, 1, 3).lines(), 1, reason, 3, log.jwks())
    alone = taxed("-33.33", "-100.00", change=row(1, amount="-10.02")).ledger
    yield bad_case("tax-given-back-far-off", cut_range(alone, 3, 3).lines(), 1, "comes to", 3, alone.jwks())


def _add_up_with_taxes(fields: Document) -> None:
    taxes = fields["tax"]
    add_up(fields)
    cents = sum(round(float(row["amount"]) * 100) for row in taxes)
    total = cents + round(float(fields["totals"]["subtotal"]) * 100)
    worded = ["-"[: minor < 0] + f"{abs(minor) // 100}.{abs(minor) % 100:02d}" for minor in (cents, total)]
    fields["tax"], fields["amount"] = taxes, worded[1]
    fields["totals"] |= {"tax": worded[0], "total": worded[1]}
