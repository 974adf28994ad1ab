"""What a run of events finds of a pool: its lots, and its use in one window."""

from dataclasses import dataclass, field
from datetime import datetime

from services.credits.lots import Lot, LotSpend
from services.errors import UPGRADE_URL, OverageNotAllowed
from services.rules.credits import Wallet, burn_order
from services.rules.quantities import plain_micro
from services.usage.event_admission import Admitted


@dataclass(slots=True)
class Purse:
    """The lots of one pool, and what this run of events takes from each. `held` is what reservations keep of each.

    Below `low_micro` the customer has more bought.
    """

    lots: dict[str, Lot]
    held: dict[str, int]
    wallet: Wallet
    low_micro: int
    spends: dict[str, LotSpend] = field(default_factory=dict)

    def held_at(self, at: datetime) -> int:
        """What reservations keep of the lots that could be spent at that moment."""
        return sum(micro for grant_id, micro in self.held.items() if self.lots[grant_id].grant.covers(at))

    def lend(self, credits_micro: int, at: datetime) -> tuple[list[tuple[str, int]], int]:
        """Take from what reservations keep: (grant id, credits) pairs, and what that does not cover either."""
        lent, left_micro = [], credits_micro
        for grant_id in sorted(self.held, key=lambda id: burn_order(self.lots[id].grant)):
            given = min(left_micro, self.held[grant_id])
            if given and self.lots[grant_id].grant.covers(at):
                self.held[grant_id] -= given
                lent.append((grant_id, given))
                left_micro -= given
        return lent, left_micro


@dataclass(slots=True)
class Window:
    """Use of a pool in one window: what is stored, with this run's on top, and the thresholds not yet crossed.

    `units_micro` holds the units of those meters for which it had to be known.
    """

    used_micro: int
    overage_micro: int
    thresholds_pct: tuple[int, ...]
    units_micro: dict[str, int] = field(default_factory=dict)


def check_covered(admitted: Admitted, purse: Purse) -> None:
    """Refuse what no lot covers of a pool the plan sells nothing beyond of."""
    left_micro = purse.wallet.remaining_at(admitted.occurred_at)
    if left_micro >= admitted.credits_micro:
        return
    plan, pool = admitted.lane.plan, admitted.lane.plan.pools[admitted.lane.pool]
    per = "a day" if pool.resets_daily else "a period"
    included = plan.allowances.get(pool.code, 0)
    message = f"{plan.name} includes {included:,f} {pool.name} {per} and sells none beyond; upgrade to go on."
    raise OverageNotAllowed(
        message, error=message, tier=plan.code, upgrade_url=UPGRADE_URL, remaining_credits=plain_micro(left_micro)
    )
