"""Refusals of the pure rules. Each carries a code for programs and a sentence a person can act on.

RuleViolation
├── InvalidAmount         an amount of money that cannot be read or held
├── CurrencyMismatch      two currencies in one sum
├── InvalidQuantity       a number of units or credits outside what can be metered
├── InvalidRate           a price, share or price document that cannot be charged
├── InexactResult         an exact number was asked for and there is none
├── InvalidGrant          a lot of credits that contradicts itself
├── InvalidPeriod         a time without a zone, an unknown zone, a moment before the anchor
├── InvalidBasis          a way of counting assets nobody has defined
├── InvalidExpression     arithmetic on columns that cannot be read or worked out
├── NotCanonical          a document that has no one canonical form
├── InvalidReceipt        bytes or fields that are no receipt
├── BrokenChain           a receipt that does not follow the one before it
├── InvalidProof          a proof of inclusion or consistency that does not hold, or cannot be given
├── InvalidNote           a signed note or checkpoint that cannot be read or written
├── InvalidVerificationCode   a printed document's code that cannot be read
└── MissingMeasurement    a saving asked for without the numbers it needs
"""

from typing import ClassVar


class RuleViolation(ValueError):
    """A rule refuses its arguments. `code` is stable; `message` says what to do."""

    code: ClassVar[str] = "rule_violation"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidAmount(RuleViolation):
    code = "invalid_amount"


class CurrencyMismatch(RuleViolation):
    code = "currency_mismatch"


class InvalidQuantity(RuleViolation):
    code = "invalid_quantity"


class InvalidRate(RuleViolation):
    code = "invalid_rate"


class InexactResult(RuleViolation):
    code = "inexact_result"


class InvalidGrant(RuleViolation):
    code = "invalid_grant"


class InvalidPeriod(RuleViolation):
    code = "invalid_period"


class InvalidBasis(RuleViolation):
    code = "invalid_basis"


class InvalidExpression(RuleViolation):
    code = "invalid_expression"


class NotCanonical(RuleViolation):
    code = "not_canonical"


class InvalidReceipt(RuleViolation):
    code = "invalid_receipt"


class BrokenChain(RuleViolation):
    code = "broken_chain"


class InvalidProof(RuleViolation):
    code = "invalid_proof"


class InvalidNote(RuleViolation):
    code = "invalid_note"


class InvalidVerificationCode(RuleViolation):
    code = "invalid_verification_code"


class MissingMeasurement(RuleViolation):
    """`names` lists every number that is missing, so they can all be supplied at once."""

    code = "missing_measurement"

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"Savings cannot be worked out without: {', '.join(names)}. Record these and try again.")
        self.names = names
