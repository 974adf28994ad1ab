"""Tax ids and registrations: which kinds we know, how each is written, and which taxes a registration stands for.

An id is checked for its form and its check digits, never asked of an office: `validated` says that it looks valid.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stdnum.ca import bn
from stdnum.eu import vat
from stdnum.exceptions import ValidationError
from stdnum.us import ein

from services.errors import Unprocessable
from services.rules.taxes import Place, Registration

VALUE_MAX: Final = 64
GREECE: Final = {"EL": "GR"}
"""Prefixes of VAT ids that differ from ISO 3166."""


@dataclass(frozen=True, slots=True)
class TaxIdKind:
    """One kind of id: what it is called, how it is tidied (raising ValidationError), and what being registered means.

    `place` None where it follows from the id itself, as with a VAT id.
    """

    label: str
    example: str
    tidy: Callable[[str], str]
    place: Place | None = None
    codes: frozenset[str] = frozenset()


def _gst_hst(value: str) -> str:
    number = bn.validate(value)
    if len(number) == 15 and number[9:11] != "RT":
        raise ValidationError
    return number


def _quebec(value: str) -> str:
    """Ten digits, TQ and four digits; with or without spaces. The first nine have no public check digit."""
    number = value.replace(" ", "").replace("-", "").upper()
    if not (len(number) == 16 and number[:10].isdigit() and number[10:12] == "TQ" and number[12:].isdigit()):
        raise ValidationError
    return number


def _any(value: str) -> str:
    number = value.strip().upper()
    if not (number.isascii() and number.isprintable() and any(character.isalnum() for character in number)):
        raise ValidationError
    return number


KINDS: Final[Mapping[str, TaxIdKind]] = {
    "ca_gst_hst": TaxIdKind("GST/HST", "123456782RT0001", _gst_hst, Place("CA"), frozenset({"gst", "hst"})),
    "ca_qst": TaxIdKind("QST", "1234567890TQ0001", _quebec, Place("CA", "QC"), frozenset({"qst"})),
    "ca_pst_bc": TaxIdKind("PST (BC)", "PST-1234-5678", _any, Place("CA", "BC"), frozenset({"pst"})),
    "ca_pst_sk": TaxIdKind("PST (SK)", "1234567", _any, Place("CA", "SK"), frozenset({"pst"})),
    "ca_rst_mb": TaxIdKind("RST (MB)", "123456-7", _any, Place("CA", "MB"), frozenset({"rst"})),
    "eu_vat": TaxIdKind("VAT", "DE136695976", vat.validate, None, frozenset({"vat"})),
    "us_ein": TaxIdKind("EIN", "91-1144442", ein.validate, Place("US")),
    "other": TaxIdKind("Tax id", "as your office writes it", _any, Place("")),
}
FORMAL: Final = frozenset({"ca_gst_hst", "ca_qst", "eu_vat", "us_ein"})
"""Kinds whose form is known and checked."""


def read_tax_id(kind: str, value: str, *, field: str = "tax_ids") -> dict[str, Any]:
    """An id as it is kept, {"kind", "value", "validated"}. Raises Unprocessable naming what it should look like."""
    known = KINDS.get(kind)
    if known is None:
        raise Unprocessable(f"The kind of a tax id is one of {', '.join(KINDS)}.", field=field)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= VALUE_MAX:
        raise Unprocessable(f"A tax id has 1 to {VALUE_MAX} characters.", field=field)
    try:
        tidied = known.tidy(value)
    except ValidationError as error:
        raise Unprocessable(
            f"“{value.strip()}” is no {known.label} number; one looks like {known.example}.", field=field
        ) from error
    return {"kind": kind, "value": tidied, "validated": kind in FORMAL}


def shown_tax_id(tax_id: Mapping[str, Any]) -> dict[str, str]:
    """{"kind", "label", "value"}: as an invoice states it."""
    return {"kind": tax_id["kind"], "label": KINDS[tax_id["kind"]].label, "value": tax_id["value"]}


def vat_country(tax_ids: list[Any]) -> str:
    """The country of the first VAT id that looks valid; "" where there is none."""
    found = next((each for each in tax_ids if each["kind"] == "eu_vat" and each["validated"]), None)
    return "" if found is None else _country(found["value"])


def registration_of(tax_id: Mapping[str, Any]) -> Registration | None:
    """The taxes that a seller with this id charges, and where; None for an id that stands for none."""
    kind = KINDS[tax_id["kind"]]
    if not kind.codes:
        return None
    return Registration(kind.place or Place(_country(tax_id["value"])), kind.codes)


def _country(vat_id: str) -> str:
    return GREECE.get(vat_id[:2], vat_id[:2])
