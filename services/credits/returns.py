"""Give credits back to the lots they were burned of, where a correction says that less was used."""

from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, or_, select

from models import CreditEntry, CreditGrant, EntryKind
from services.credits.lots import grant_of
from services.rules.credits import burn_order, plan_return
from services.usage.lanes import Lane


class LotReturn(NamedTuple):
    """What one lot gets back, in millionths. Where the lot has expired, so does that, at once."""

    lot: CreditGrant
    credits_micro: int
    expires: bool

    @property
    def entries(self) -> list[tuple[EntryKind, int]]:
        back = (EntryKind.RETURN, self.credits_micro)
        return [back, (EntryKind.EXPIRE, -self.credits_micro)] if self.expires else [back]


def plan_returns(
    session: Session, *, tenant_id: str, lane: Lane, burned_micro: int, credits_micro: int, at: datetime
) -> list[LotReturn]:
    """Which lots get back credits of which the lane's window burned `burned_micro`: the last to be burned first.

    A lot of that window alone gets no more than was burned of it, and lots that others may have used too no more than
    what the window burned beside those.
    """
    lots = {row.id: row for row in _burned_lots(session, tenant_id=tenant_id, lane=lane)}
    starts_at, ends_at = lane.window
    returnable, shared = {}, []
    for lot in lots.values():
        burned = lot.spent_micro
        if lot.effective_at >= starts_at and lot.expires_at is not None and lot.expires_at <= ends_at:
            returnable[lot.id] = burned
        else:
            shared.append((lot, burned))
    left_micro = burned_micro - sum(returnable.values())
    for lot, burned in sorted(shared, key=lambda each: burn_order(grant_of(each[0])), reverse=True):
        returnable[lot.id] = min(burned, left_micro)
        left_micro -= returnable[lot.id]
    plan = plan_return(map(grant_of, lots.values()), returnable, credits_micro)
    assert not plan.shortfall_micro, "a window gives back no more than it burned"
    return [
        LotReturn(lots[back.grant_id], back.credits_micro, _is_over(lots[back.grant_id], at)) for back in plan.burns
    ]


def write_returns(session: Session, *, returns: list[LotReturn], seq: int, first_entry_seq: int, at: datetime) -> None:
    """Raise the lots and append the entries that say why, each naming the receipt of the correction."""
    number = first_entry_seq
    for back in returns:
        if back.expires:
            back.lot.expired_micro += back.credits_micro
        else:
            back.lot.remaining_micro += back.credits_micro
        session.add(back.lot)
        for kind, delta_micro in back.entries:
            session.add(
                CreditEntry(
                    tenant_id=back.lot.tenant_id,
                    seq=number,
                    grant_id=back.lot.id,
                    kind=kind,
                    delta_micro=delta_micro,
                    first_seq=seq,
                    last_seq=seq,
                    at=at,
                )
            )
            number += 1
    session.flush()


def _burned_lots(session: Session, *, tenant_id: str, lane: Lane) -> list[CreditGrant]:
    """The lots that something was burned of and that events of the lane's window could reach."""
    starts_at, ends_at = lane.window
    gone_micro = (
        col(CreditGrant.remaining_micro)
        + col(CreditGrant.expired_micro)
        + col(CreditGrant.transferred_micro)
        + col(CreditGrant.revoked_micro)
    )
    statement = select(CreditGrant).where(
        CreditGrant.tenant_id == tenant_id,
        CreditGrant.subscription_id == lane.subscription_id,
        CreditGrant.pool == lane.pool,
        col(CreditGrant.effective_at) < ends_at,
        or_(col(CreditGrant.expires_at).is_(None), col(CreditGrant.expires_at) > starts_at),
        col(CreditGrant.granted_micro) > gone_micro,
    )
    return list(session.exec(statement.execution_options(populate_existing=True)))


def _is_over(lot: CreditGrant, at: datetime) -> bool:
    return lot.expires_at is not None and lot.expires_at <= at
