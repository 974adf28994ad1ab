"""Whose assets a count is, where a customer has several subscriptions: each asset is billed by one of them, or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Holder:
    """A subscription that ran from `starts_at` until just before `ends_at` (None: it has not ended).

    One that is bound to a `site` holds that site's assets. `name` is "" for the main one.
    """

    id: str
    name: str
    site: str | None
    starts_at: datetime
    ends_at: datetime | None

    def ran_at(self, moment: datetime) -> bool:
        return self.starts_at <= moment and (self.ends_at is None or moment < self.ends_at)


def share_of(
    holder: Holder, holders: Sequence[Holder], *, asset_count: int, by_site: Mapping[str, int], captured_at: datetime
) -> int | None:
    """How many of the assets counted at a moment are the holder's; None where the count says nothing of it.

    Sites with a subscription of their own are counted there, and the rest by the main one; where it did not run, by the
    unbound one that had run longest. A count without sites says nothing of one site: all of it is the rest's.
    """
    running = [each for each in holders if each.ran_at(captured_at)]
    if holder.site is not None:
        return by_site.get(holder.site, 0) if by_site and holder in running else None
    unbound = (each for each in running if each.site is None)
    first = min(unbound, key=lambda each: (each.name != "", each.starts_at, each.id), default=None)
    if first is None or first.id != holder.id:
        return None
    return asset_count - sum(by_site.get(each.site, 0) for each in running if each.site is not None)
