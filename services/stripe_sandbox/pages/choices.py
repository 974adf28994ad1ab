"""What the pages offer in their lists: countries and kinds of tax ids."""

from typing import Final

from services.stripe_sandbox import wording

COUNTRY_CODES: Final = (
    *("CA", "US", "GB", "AU", "AT", "BE", "BR", "CH", "DE", "DK", "ES", "FI", "FR"),
    *("IE", "IN", "IT", "JP", "MX", "NL", "NO", "NZ", "PL", "PT", "SE", "SG", "ZA"),
)
COUNTRIES: Final = tuple((code, wording.country_name(code)) for code in COUNTRY_CODES)
TAX_ID_TYPES: Final = tuple(wording.TAX_ID_KINDS.items())


def is_known_tax_id_type(kind: str) -> bool:
    """Whether the list offers it."""
    return kind in wording.TAX_ID_KINDS
