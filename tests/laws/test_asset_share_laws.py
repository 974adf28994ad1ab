"""Each asset is billed by one subscription, or by none."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.rules.asset_shares import Holder, share_of

START = datetime(2026, 1, 1, tzinfo=UTC)
SITES = ("a", "b", "c")
hours = st.integers(0, 20)


@st.composite
def holders(draw: st.DrawFn) -> list[Holder]:
    made = []
    for number in range(draw(st.integers(1, 5))):
        begins, lasts = draw(hours), draw(st.none() | st.integers(1, 20))
        made.append(
            Holder(
                id=f"sub_{number}",
                name=draw(st.sampled_from(("", "team", "other"))),
                site=draw(st.none() | st.sampled_from(SITES[number % 3 : number % 3 + 1])),
                starts_at=START + timedelta(hours=begins),
                ends_at=None if lasts is None else START + timedelta(hours=begins + lasts),
            )
        )
    return made


counts = st.dictionaries(st.sampled_from(SITES), st.integers(0, 1_000))


@given(holders(), counts, st.integers(0, 1_000), hours)
def test_the_shares_never_sum_to_more_than_was_counted(
    several: list[Holder], by_site: dict[str, int], elsewhere: int, hour: int
) -> None:
    moment, count = START + timedelta(hours=hour), sum(by_site.values()) + elsewhere
    taken_sites = [each.site for each in several if each.site is not None and each.ran_at(moment)]
    if len(taken_sites) != len(set(taken_sites)):
        return  # no two that run are bound to one site: the table holds that
    shares = [share_of(each, several, asset_count=count, by_site=by_site, captured_at=moment) for each in several]
    known = [share for share in shares if share is not None]
    assert all(share >= 0 for share in known)
    unbound = [each for each in several if each.site is None and each.ran_at(moment)]
    bound = sum(by_site.get(site, 0) for site in taken_sites)
    assert sum(known) == (count if unbound else bound)


@given(holders(), counts, hours)
def test_the_order_they_are_read_in_makes_no_difference(
    several: list[Holder], by_site: dict[str, int], hour: int
) -> None:
    asked = {
        "asset_count": sum(by_site.values()), "by_site": by_site, "captured_at": START + timedelta(hours=hour)
    }  # fmt: skip
    for each in several:
        assert share_of(each, several, **asked) == share_of(each, several[::-1], **asked)
