"""Correct what an event said: a new event that names the old one and carries the difference.

Nothing that is recorded changes. The difference is of the same subscription, meter, site, day and period as the event,
and rated by that period's plan version. An event of any age can be corrected, for its lots and its period are known.
"""

import hashlib
import os
from datetime import datetime
from typing import NamedTuple

import rfc8785
from sqlmodel import Session, func, select

from models import BillingPeriod, CreditNote, Receipt, UsageDaily, UsageEvent
from models.credit_note import REASON_MAX
from services.errors import EventConflict, InvalidUnits, NotCorrectable, NotFound, Unprocessable
from services.identifiers import new_id
from services.invoices.credit_notes import find_note
from services.price_books.books import plan_version
from services.receipts.log import OpenLog, open_log
from services.rules.periods import business_date, day_bounds
from services.rules.quantities import plain_micro
from services.rules.receipts import SALT_BYTES, commitment, receipt_hash, written, written_time
from services.rules.violations import RuleViolation
from services.subscriptions.finding import read_subscription
from services.tenants import lock_head, read_tenant
from services.usage.correction_credits import credit_overbilled, move_pool_usage
from services.usage.correction_effects import Difference, Effect, effect_of
from services.usage.lanes import Lane
from services.usage.ledger import move_head
from services.usage.metered import Metered
from services.usage.tallies import UsageTallies


class CorrectionInput(NamedTuple):
    """A correction as sent: the id of the event, the millionths of units it should have had, and why."""

    corrects: str
    units_micro: int
    reason: str
    event_id: str | None = None

    def fingerprint(self) -> bytes:
        """SHA-256 of what was sent. It is never that of an event."""
        sent = ("correction", self.corrects, self.units_micro, self.reason)
        return hashlib.sha256(repr(sent).encode("utf-8", "surrogatepass")).digest()


class Corrected(NamedTuple):
    """What a correction changed: units and, in `metered`, credits and overage are differences of either sign."""

    metered: Metered
    units_micro: int
    credit_note: CreditNote | None


def correct_usage(session: Session, *, tenant_id: str, correction: CorrectionInput, at: datetime) -> Corrected:
    """Let an event count as the units it should have had, with a receipt for the difference.

    Less use shrinks the overage of its window first; the rest goes back to the window's lots. More use is booked like
    use of that time. What was invoiced and shrinks is credited at once; what grows is billed as late usage. Sending the
    same again gives the first answer.

    Raises NotFound where there is no such event, NotCorrectable where it is a correction itself, EventConflict where
    the id was used for something else, and for more use OverageNotAllowed, SpendCapReached and InvalidUnits.
    """
    if not 0 < len(correction.reason) <= REASON_MAX:
        raise Unprocessable(f"Say why in 1 to {REASON_MAX} characters.", field="reason")
    lock_head(session, tenant_id=tenant_id)
    known = None if correction.event_id is None else _find(session, tenant_id, correction.event_id)
    if known is not None:
        return _first_answer(session, known, correction)
    difference = _weigh(session, tenant_id, correction)
    log = open_log(session, tenant_id=tenant_id, at=at)
    event_id = correction.event_id or new_id("cor")
    effect = effect_of(session, difference, event_id=event_id, log=log, at=at)
    made = _record(session, correction, difference, effect, event_id=event_id, log=log, at=at)
    _count(session, made, difference, effect)
    billed_too_much = move_pool_usage(
        session, lane=difference.lane, used_micro=made.credits_micro, overage_micro=made.overage_micro
    )
    note = None
    if billed_too_much is not None:
        note = credit_overbilled(
            session,
            lane=difference.lane,
            correction=made,
            reason=correction.reason,
            overage=billed_too_much,
            log=log,
            at=at,
        )
    return Corrected(_answer(session, made), made.units_micro, note)


def _find(session: Session, tenant_id: str, event_id: str) -> UsageEvent | None:
    return session.exec(
        select(UsageEvent).where(UsageEvent.tenant_id == tenant_id, UsageEvent.event_id == event_id)
    ).first()


def _first_answer(session: Session, known: UsageEvent, correction: CorrectionInput) -> Corrected:
    if known.fingerprint != correction.fingerprint():
        raise EventConflict(
            f"Event {known.event_id} was recorded with another body; send this correction under a new id.",
            field="event_id",
        )
    note = find_note(session, tenant_id=known.tenant_id, correction_seq=known.seq)
    return Corrected(_answer(session, known)._replace(duplicate=True), known.units_micro, note)


def _weigh(session: Session, tenant_id: str, correction: CorrectionInput) -> Difference:
    """How far the event, with earlier corrections of it, is from what it should have been."""
    original = _find(session, tenant_id, correction.corrects)
    if original is None:
        raise NotFound("There is no recorded event with this id.", field="corrects")
    if original.corrects_seq is not None:
        first = session.get_one(UsageEvent, (tenant_id, original.corrects_seq))
        raise NotCorrectable(
            f"Event {original.event_id} is a correction itself; correct event {first.event_id} again.",
            field="corrects",
        )
    sums = select(func.sum(UsageEvent.units_micro), func.sum(UsageEvent.credits_micro)).where(
        UsageEvent.tenant_id == tenant_id, UsageEvent.corrects_seq == original.seq
    )
    units_micro, credits_micro = session.exec(sums).one()
    lane = _lane_of(session, original)
    try:
        wanted_micro = lane.credits(correction.units_micro)
    except RuleViolation as violation:
        raise InvalidUnits(violation.message, field="units") from violation
    return Difference(
        original,
        lane,
        units_micro=correction.units_micro - original.units_micro - int(units_micro or 0),
        credits_micro=wanted_micro - original.credits_micro - int(credits_micro or 0),
    )


def _lane_of(session: Session, event: UsageEvent) -> Lane:
    """Where the event was counted, and the plan version it was rated with."""
    tenant_id, subscription_id = event.tenant_id, event.subscription_id
    period = session.get_one(BillingPeriod, (tenant_id, subscription_id, event.period_start), populate_existing=True)
    plan = plan_version(session, version_id=period.plan_version_id)
    timezone = read_tenant(session, tenant_id=tenant_id).timezone
    day = business_date(event.occurred_at, timezone)
    starts_at, ends_at = day_bounds(day, timezone)
    return Lane(
        subscription=read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id),
        plan=plan,
        meter=plan.meters[event.event_type],
        period=(period.starts_at, period.ends_at),
        day=day,
        bounds=(max(starts_at, period.starts_at), min(ends_at, period.ends_at)),
    )


def _record(
    session: Session,
    correction: CorrectionInput,
    difference: Difference,
    effect: Effect,
    *,
    event_id: str,
    log: OpenLog,
    at: datetime,
) -> UsageEvent:
    """Write the receipt and the event."""
    original, lane = difference.original, difference.lane
    meta, salt = {"reason": correction.reason}, os.urandom(SALT_BYTES)
    receipt = log.append(
        typ="correction",
        idem=event_id,
        req=written(_receipt_hash(session, original)),
        subscription=lane.subscription_id,
        metric=lane.event_type,
        units=plain_micro(difference.units_micro),
        credits_micro=difference.credits_micro,
        overage_micro=effect.overage_micro or None,
        price=lane.plan.version_id,
        occurred_at=written_time(original.occurred_at),
        day=lane.day.isoformat() if lane.is_daily else None,
        site=original.site or None,
        alert=effect.alert,
        cid=commitment(salt, rfc8785.dumps(meta)),
    )
    made = UsageEvent(
        tenant_id=original.tenant_id,
        seq=receipt.seq,
        event_id=event_id,
        fingerprint=correction.fingerprint(),
        subscription_id=lane.subscription_id,
        event_type=lane.event_type,
        pool=lane.pool,
        site=original.site,
        occurred_at=original.occurred_at,
        recorded_at=at,
        period_start=lane.period_start,
        units_micro=difference.units_micro,
        credits_micro=difference.credits_micro,
        overage_micro=effect.overage_micro,
        remaining_micro=effect.remaining_micro,
        alert=effect.alert,
        meta=meta,
        salt=salt,
        corrects_seq=original.seq,
    )
    session.add(made)
    session.flush()
    tallies = UsageTallies(tenant_id=original.tenant_id)
    tallies.count(session, lane.tally_key, receipt.seq, receipt.hash)
    tallies.write(session)
    return made


def _count(session: Session, made: UsageEvent, difference: Difference, effect: Effect) -> None:
    """Move the roll-up of the event's day, the head and the lots."""
    lane = difference.lane
    key = (made.tenant_id, made.subscription_id, lane.day, lane.period_start, made.event_type, made.site)
    daily = session.get_one(UsageDaily, key, populate_existing=True)
    daily.units_micro += made.units_micro
    daily.credits_micro += made.credits_micro
    daily.overage_micro += made.overage_micro
    daily.events += 1
    session.flush()
    _, last_entry_seq = move_head(session, tenant_id=made.tenant_id, events=1, entries=effect.entries)
    effect.write(seq=made.seq, first_entry_seq=last_entry_seq - effect.entries + 1)


def _answer(session: Session, made: UsageEvent) -> Metered:
    return Metered(
        event_id=made.event_id,
        seq=made.seq,
        receipt_hash=_receipt_hash(session, made),
        credits_micro=made.credits_micro,
        overage_micro=made.overage_micro,
        remaining_micro=made.remaining_micro,
        alert=made.alert,
    )


def _receipt_hash(session: Session, event: UsageEvent) -> bytes:
    return receipt_hash(bytes(session.get_one(Receipt, (event.tenant_id, event.seq)).data))
