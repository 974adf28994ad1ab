"""What the pages offer in their lists: countries and kinds of tax ids."""

from typing import Final

COUNTRIES: Final = (
    ("CA", "Canada"),
    ("US", "United States"),
    ("GB", "United Kingdom"),
    ("AU", "Australia"),
    ("AT", "Austria"),
    ("BE", "Belgium"),
    ("BR", "Brazil"),
    ("CH", "Switzerland"),
    ("DE", "Germany"),
    ("DK", "Denmark"),
    ("ES", "Spain"),
    ("FI", "Finland"),
    ("FR", "France"),
    ("IE", "Ireland"),
    ("IN", "India"),
    ("IT", "Italy"),
    ("JP", "Japan"),
    ("MX", "Mexico"),
    ("NL", "Netherlands"),
    ("NO", "Norway"),
    ("NZ", "New Zealand"),
    ("PL", "Poland"),
    ("PT", "Portugal"),
    ("SE", "Sweden"),
    ("SG", "Singapore"),
    ("ZA", "South Africa"),
)
TAX_ID_TYPES: Final = (
    ("ca_gst_hst", "CA GST/HST"),
    ("ca_bn", "CA BN"),
    ("ca_qst", "CA QST"),
    ("us_ein", "US EIN"),
    ("eu_vat", "EU VAT"),
    ("gb_vat", "GB VAT"),
    ("au_abn", "AU ABN"),
    ("ch_vat", "CH VAT"),
    ("in_gst", "IN GST"),
    ("jp_cn", "JP CN"),
    ("mx_rfc", "MX RFC"),
    ("no_vat", "NO VAT"),
    ("nz_gst", "NZ GST"),
    ("sg_gst", "SG GST"),
    ("za_vat", "ZA VAT"),
)
_KINDS: Final = dict(TAX_ID_TYPES)


def is_known_tax_id_type(kind: str) -> bool:
    """Whether the list offers it."""
    return kind in _KINDS


def tax_id_kind(kind: str) -> str:
    """The kind as a person reads it."""
    return _KINDS.get(kind, kind.replace("_", " ").upper())
