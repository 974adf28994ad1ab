"""The two parties that sign a gain-share."""

from enum import StrEnum


class Party(StrEnum):
    """The two sides of a gain-share: ours, and the customer with its programs."""

    SELLER = "seller"
    CUSTOMER = "customer"
