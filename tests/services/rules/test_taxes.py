"""Which taxes are due where, by table: Canadian provinces, exemptions, reverse charge, exports."""

from decimal import Decimal

import pytest

from services.rules.taxes import Buyer, Place, Rate, Registration, Tax, shares_taken, taken_with, taxes_due

ONTARIO, QUEBEC, SASKATCHEWAN = Place("CA", "ON"), Place("CA", "QC"), Place("CA", "SK")
GERMANY, FRANCE, OREGON = Place("DE"), Place("FR"), Place("US", "OR")
RATES = {
    ONTARIO: [Rate("hst", "HST", ONTARIO, Decimal(13))],
    QUEBEC: [Rate("gst", "GST", QUEBEC, Decimal(5)), Rate("qst", "QST", QUEBEC, Decimal("9.975"))],
    SASKATCHEWAN: [Rate("gst", "GST", SASKATCHEWAN, Decimal(5)), Rate("pst", "PST", SASKATCHEWAN, Decimal(6))],
    GERMANY: [Rate("vat", "VAT", GERMANY, Decimal(19))],
}
GST_HST = Registration(Place("CA"), frozenset({"gst", "hst"}))
QST = Registration(Place("CA", "QC"), frozenset({"qst"}))
GERMAN_VAT = Registration(GERMANY, frozenset({"vat"}))


def due(
    base_minor: int, buyer: Buyer, seller: Place = ONTARIO, registrations: tuple[Registration, ...] = (GST_HST, QST)
) -> list[Tax]:
    rates = RATES.get(buyer.place, []) if buyer.place is not None else []
    return taxes_due(base_minor, buyer=buyer, seller=seller, registrations=registrations, rates=rates)


def amounts(taxes: list[Tax]) -> dict[str, int]:
    return {tax.code: tax.amount_minor for tax in taxes}


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (ONTARIO, {"hst": 1_378_00}),
        (QUEBEC, {"gst": 530_00, "qst": 1_057_35}),
        (SASKATCHEWAN, {"gst": 530_00}),
    ],
    ids=["Ontario", "Quebec", "Saskatchewan, where we are not registered for PST"],
)
def test_each_province_has_the_taxes_we_are_registered_for(place: Place, expected: dict[str, int]) -> None:
    assert amounts(due(10_600_00, Buyer(place))) == expected


def test_quebecs_tax_is_of_the_price_before_the_federal_one() -> None:
    gst, qst = due(100_00, Buyer(QUEBEC))
    assert (gst.base_minor, qst.base_minor, qst.amount_minor) == (100_00, 100_00, 9_98)


@pytest.mark.parametrize(("base_minor", "tax_minor"), [(50, 7), (4, 1), (3, 0), (-50, -7), (0, 0)])
def test_a_tax_is_rounded_once_half_away_from_zero(base_minor: int, tax_minor: int) -> None:
    assert amounts(due(base_minor, Buyer(ONTARIO))) == {"hst": tax_minor}


def test_nothing_is_said_where_we_are_registered_nowhere_or_know_no_place() -> None:
    assert due(100_00, Buyer(ONTARIO), registrations=()) == []
    assert due(100_00, Buyer(None)) == []


def test_who_is_exempt_pays_none_and_the_reason_is_stated() -> None:
    (none,) = due(100_00, Buyer(ONTARIO, exempt_because="First Nations band (certificate 1234)"))
    assert (none.category, none.amount_minor, none.rate) == ("E", 0, 0)
    assert none.reason == "First Nations band (certificate 1234)"


def test_a_business_in_the_union_accounts_for_the_tax_itself() -> None:
    (none,) = due(100_00, Buyer(GERMANY, vat_country="DE"))
    assert (none.category, none.amount_minor) == ("AE", 0)
    assert none.reason.startswith("Reverse charge")


@pytest.mark.parametrize("vat_country", ["", "FR"], ids=["without an id", "with an id of another country"])
def test_a_customer_in_the_union_without_its_own_vat_id_pays_vat_where_we_are_registered(vat_country: str) -> None:
    buyer = Buyer(GERMANY, vat_country=vat_country)
    assert amounts(due(100_00, buyer, registrations=(GST_HST, GERMAN_VAT))) == {"vat": 19_00}


def test_a_seller_of_the_same_country_charges_its_tax_whatever_the_id() -> None:
    buyer = Buyer(GERMANY, vat_country="DE")
    assert amounts(due(100_00, buyer, seller=GERMANY, registrations=(GERMAN_VAT,))) == {"vat": 19_00}


def test_what_leaves_canada_is_zero_rated() -> None:
    (none,) = due(100_00, Buyer(OREGON))
    assert (none.category, none.amount_minor) == ("G", 0)


def test_what_leaves_the_union_is_outside_its_tax() -> None:
    (none,) = due(100_00, Buyer(OREGON), seller=GERMANY, registrations=(GERMAN_VAT,))
    assert (none.category, none.amount_minor) == ("O", 0)


def test_all_of_a_bill_gives_back_exactly_its_taxes() -> None:
    assert shares_taken([5_00, 9_98], total_minor=114_98, taken_minor=114_98) == [5_00, 9_98]
    assert shares_taken([5_00, 9_98], total_minor=114_98, taken_minor=0) == [0, 0]
    assert shares_taken([], total_minor=100, taken_minor=33) == []
    assert shares_taken([0], total_minor=0, taken_minor=0) == [0]


def test_what_is_taken_follows_from_what_is_taken_before_tax() -> None:
    assert taken_with([13_00], total_minor=113_00, net_minor=100_00) == 113_00
    assert taken_with([13_00], total_minor=113_00, net_minor=-50_00) == -56_50
    assert taken_with([], total_minor=0, net_minor=7) == 7
