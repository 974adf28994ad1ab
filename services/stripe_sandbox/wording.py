"""Money, times and terms as the sandbox's pages and PDFs say them, from Stripe's minor units and Unix times."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

LOCALE: Final = "en_CA"
NO_DECIMALS: Final = (
    *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"),
    *("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"),
)
THREE_DECIMALS: Final = ("BHD", "JOD", "KWD", "OMR", "TND")
"""Stripe's lists of currencies whose minor unit is not a hundredth; they are not ISO 4217's."""

TAX_ID_KINDS: Final = {
    "ca_gst_hst": "CA GST/HST",
    "ca_bn": "CA BN",
    "ca_qst": "CA QST",
    "us_ein": "US EIN",
    "eu_vat": "EU VAT",
    "gb_vat": "GB VAT",
    "au_abn": "AU ABN",
    "ch_vat": "CH VAT",
    "in_gst": "IN GST",
    "jp_cn": "JP CN",
    "mx_rfc": "MX RFC",
    "no_vat": "NO VAT",
    "nz_gst": "NZ GST",
    "sg_gst": "SG GST",
    "za_vat": "ZA VAT",
}
BRANDS: Final = {
    "visa": "Visa",
    "mastercard": "Mastercard",
    "amex": "American Express",
    "discover": "Discover",
    "diners": "Diners Club",
    "jcb": "JCB",
    "unionpay": "UnionPay",
}


def minor_digits(currency: str) -> int:
    """Decimal places of an amount in Stripe's API."""
    code = currency.upper()
    return 0 if code in NO_DECIMALS else 3 if code in THREE_DECIMALS else 2


def money(amount_minor: int, currency: str) -> str:
    """$10,600.00 for Canadian dollars, US$29.00 for American, -US$5.00 for a credit."""
    value = Decimal(amount_minor).scaleb(-minor_digits(currency))
    return str(format_currency(value, currency.upper(), locale=LOCALE))


def unit_price(amount_minor: str, currency: str) -> str:
    """A price of one unit from its decimal minor units, with every decimal it has: US$0.005 for "0.5"."""
    value = Decimal(amount_minor).scaleb(-minor_digits(currency))
    digits = max(minor_digits(currency), -int(value.normalize().as_tuple().exponent))
    pattern = f"¤#,##0.{'0' * digits}" if digits else "¤#,##0"
    return str(format_currency(value, currency.upper(), format=pattern, locale=LOCALE, currency_digits=False))


def number(value: int | str) -> str:
    """A quantity with grouping: 1,250."""
    return str(format_decimal(Decimal(value), locale=LOCALE))


def day(at: int) -> str:
    """4 November 2026, in UTC."""
    return str(format_date(datetime.fromtimestamp(at, UTC), "d MMMM y", locale="en"))


def moment(at: int) -> str:
    """4 Nov 2026, 14:05 UTC."""
    then = datetime.fromtimestamp(at, UTC)
    return f"{format_date(then, 'd MMM y', locale='en')}, {then:%H:%M} UTC"


def period(starts_at: int, ends_at: int) -> str:
    """4 Nov 2026 – 4 Dec 2026; one day where both are the same."""
    first, last = (format_date(datetime.fromtimestamp(at, UTC), "d MMM y", locale="en") for at in (starts_at, ends_at))
    return str(first) if first == last else f"{first} – {last}"


def interval(recurring: Mapping[str, Any] | None) -> str:
    """ "per month", "every 3 months", or nothing for a price that is paid once."""
    if not recurring:
        return ""
    count, unit = int(recurring.get("interval_count") or 1), str(recurring["interval"])
    return f"per {unit}" if count == 1 else f"every {count} {unit}s"


def card_name(card: Mapping[str, Any]) -> str:
    """Visa ending in 4242."""
    brand = str(card.get("brand") or "card")
    return f"{BRANDS.get(brand, brand.title())} ending in {card.get('last4')}"


def address_lines(address: Mapping[str, Any] | None) -> list[str]:
    """A postal address, one line each, leaving out what is not known."""
    if not address:
        return []
    town = " ".join(str(address[key]) for key in ("city", "state", "postal_code") if address.get(key))
    country = country_name(str(address.get("country") or ""))
    lines = [address.get("line1"), address.get("line2"), town, country]
    return [str(line) for line in lines if line]


def country_name(code: str) -> str:
    """Canada for CA; a code that is none stays as it is."""
    return str(Locale("en").territories.get(code.upper(), code))


def tax_id_kind(kind: str) -> str:
    """CA GST/HST for ca_gst_hst."""
    return TAX_ID_KINDS.get(kind, kind.replace("_", " ").upper())
