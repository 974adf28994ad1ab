"""Price models as data: what a plan version says, checked once when it is built."""

from dataclasses import dataclass
from decimal import Decimal

from services.rules import decimals
from services.rules.violations import InvalidRate

RATE_MAX = Decimal(10**12)
TIERS_MAX = 50

ZERO = Decimal(0)


def check_rate(value: Decimal, name: str) -> None:
    """A rate is a Decimal from 0 to RATE_MAX with at most 12 decimals. Raises InvalidRate naming it."""
    if not isinstance(value, Decimal):
        raise InvalidRate(f"{name} must be an exact decimal.")
    if not decimals.is_exact(value) or not ZERO <= value <= RATE_MAX:
        raise InvalidRate(f"{name} must be a finite number from 0 to {RATE_MAX:,}.")
    if decimals.decimals_of(value) > decimals.DECIMALS_MAX:
        raise InvalidRate(f"{name} has more than {decimals.DECIMALS_MAX} decimals.")


@dataclass(frozen=True, slots=True)
class Flat:
    """`amount` major units for the line, whatever the quantity."""

    amount: Decimal

    def __post_init__(self) -> None:
        check_rate(self.amount, "amount")


@dataclass(frozen=True, slots=True)
class PerUnit:
    """`unit_price` major units for each unit."""

    unit_price: Decimal

    def __post_init__(self) -> None:
        check_rate(self.unit_price, "unit_price")


@dataclass(frozen=True, slots=True)
class Package:
    """`package_price` major units for each package of `package_size` units; a started one is charged whole."""

    package_size: Decimal
    package_price: Decimal

    def __post_init__(self) -> None:
        check_rate(self.package_size, "package_size")
        check_rate(self.package_price, "package_price")
        if self.package_size == 0:
            raise InvalidRate("package_size must be above zero.")


@dataclass(frozen=True, slots=True)
class Tier:
    """Up to and including `up_to` units (None: without end), at `unit_price` each plus `flat_fee` once reached."""

    up_to: Decimal | None
    unit_price: Decimal
    flat_fee: Decimal = ZERO

    def __post_init__(self) -> None:
        check_rate(self.unit_price, "unit_price")
        check_rate(self.flat_fee, "flat_fee")
        if self.up_to is not None:
            check_rate(self.up_to, "up_to")
            if self.up_to == 0:
                raise InvalidRate("up_to must be above zero.")


def check_tiers(tiers: tuple[Tier, ...]) -> None:
    """Tiers rise strictly and only the last has no end, so every quantity has one price. Raises InvalidRate."""
    if not 1 <= len(tiers) <= TIERS_MAX:
        raise InvalidRate(f"A tiered price has 1 to {TIERS_MAX} tiers.")
    if tiers[-1].up_to is not None:
        raise InvalidRate("The last tier must be open: leave its up_to empty.")
    reached = ZERO
    for tier in tiers[:-1]:
        if tier.up_to is None:
            raise InvalidRate("Only the last tier may be open.")
        if tier.up_to <= reached:
            raise InvalidRate("Each tier must end above the one before it.")
        reached = tier.up_to


@dataclass(frozen=True, slots=True)
class Graduated:
    """Each unit at the price of the tier it falls in."""

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        check_tiers(self.tiers)


@dataclass(frozen=True, slots=True)
class Volume:
    """Every unit at the price of the one tier the whole quantity reaches."""

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        check_tiers(self.tiers)


PriceModel = Flat | PerUnit | Package | Graduated | Volume


@dataclass(frozen=True, slots=True)
class Charge:
    """A price model with what stands around it on one line.

    `included` units are deducted before the model; `minimum` and `maximum` (major units) bound the line once.
    """

    model: PriceModel
    included: Decimal = ZERO
    minimum: Decimal | None = None
    maximum: Decimal | None = None

    def __post_init__(self) -> None:
        check_rate(self.included, "included")
        if self.minimum is not None:
            check_rate(self.minimum, "minimum")
        if self.maximum is not None:
            check_rate(self.maximum, "maximum")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise InvalidRate("minimum must not be above maximum.")
