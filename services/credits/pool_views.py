"""A pool's balance in words, and the widths of its bar."""

from dataclasses import dataclass

from services import wording
from services.credits.pool_balances import FULL_PCT, LOW_PCT, PoolBalance
from services.price_books.plans import Plan

POOL_STATES = {"ok": "", "low": "Running low", "used_up": "Used up", "over": "Beyond the allowance"}


@dataclass(frozen=True)
class PoolView:
    """One pool. `used_bar` and `over_bar` are percentages of the bar's width, `low_at` where 80 % of it lies."""

    code: str
    name: str
    used: str
    of: str
    left: str
    held: str
    over: str
    resets: str
    worded: str
    pct: str
    used_bar: int
    over_bar: int
    low_at: int
    state: str
    state_word: str


def pool_view(balance: PoolBalance, plan: Plan) -> PoolView:
    """How one pool of a plan stands."""
    pool, unit = balance.pool, wording.plural(balance.pool.unit)
    capacity_micro, used_micro = balance.capacity_micro, balance.used_micro
    widest = max(capacity_micro, used_micro, 1)
    over_bar = -(-balance.overage_micro * FULL_PCT // widest)
    used, of = wording.micro(used_micro), wording.micro(capacity_micro)
    return PoolView(
        code=pool.code,
        name=pool.name,
        used=used,
        of=f"of {of} {unit}{' today' if pool.resets_daily else ''}",
        left=f"{wording.micro(balance.remaining_micro)} left",
        held=held_text(balance),
        over=_over_text(balance, plan),
        resets="Resets every day" if pool.resets_daily else "",
        worded=f"{used} of {of} {unit} used",
        pct=f"{balance.used_pct:,} %",
        used_bar=min(FULL_PCT - over_bar, -(-(used_micro - balance.overage_micro) * FULL_PCT // widest)),
        over_bar=over_bar,
        low_at=LOW_PCT * capacity_micro // widest,
        state=balance.state,
        state_word=POOL_STATES[balance.state],
    )


def held_text(balance: PoolBalance) -> str:
    """What reservations hold, of what is left and beyond it; "" where nothing is held."""
    held_micro = balance.held_micro + balance.held_overage_micro
    return f"held: {wording.micro(held_micro)}" if held_micro else ""


def _over_text(balance: PoolBalance, plan: Plan) -> str:
    """What went beyond, at which price; for a pool that resets daily, on all days of the period together."""
    if not balance.period_overage_micro:
        return ""
    period = " this period" if balance.pool.resets_daily else ""
    charge = plan.overage.get(balance.pool.code)
    price = "" if charge is None else f", {wording.price_of(charge, plan.currency, balance.pool.unit)}"
    return f"{wording.micro(balance.period_overage_micro)} beyond{period}{price}"
