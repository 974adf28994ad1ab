"""Book admitted events: burn their credits, count them, write their receipts; then store it all at once."""

from datetime import datetime

from sqlalchemy import bindparam, update
from sqlmodel import Session

from models import TenantHead, UsageEvent, table_of
from services.bulk_rows import insert_rows
from services.credits.burning import CreditBurning, Kept
from services.receipts.log import LogHead, OpenLog
from services.usage.counters import UsageCounters
from services.usage.event_admission import Admitted
from services.usage.event_receipts import EVENT_COLUMNS, EventReceipts
from services.usage.metered import Metered
from services.usage.tallies import UsageTallies


class UsageLedger:
    """The books of one tenant, run after run of events; the caller holds the lock on its head.

    `begin` opens a run and `write` stores it; nothing before does. What it has read it knows from then on, for as long
    as nobody else changes the tenant's books.
    """

    def __init__(self, *, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self._counters = UsageCounters(tenant_id=tenant_id)
        self._credits = CreditBurning(tenant_id=tenant_id, counters=self._counters)
        self._tallies = UsageTallies(tenant_id=tenant_id)

    def begin(self, session: Session, log: OpenLog, at: datetime) -> None:
        self._session = session
        self._log = log
        self._receipts = EventReceipts(session, log=log, at=at)
        self._credits.begin(session, at)

    @property
    def log_head(self) -> LogHead:
        return self._log.head

    def prepare(self, admitted: list[Admitted]) -> None:
        """Grant the allowance of every window the events fall in, before any lot is loaded."""
        self._credits.prepare({item.lane for item in admitted})

    def forget_lots(self) -> None:
        """Read the lots again: others were granted since. Call it between runs."""
        self._credits.forget_lots()

    def keep(self, admitted: Admitted) -> Kept:
        """What a hold for this use keeps. Raises OverageNotAllowed, InvalidUnits and SpendCapReached.

        The caller stores it and raises the head's version, so that the books are read again.
        """
        return self._credits.keep(admitted)

    def book(self, admitted: Admitted, *, event_id: str, fingerprint: bytes) -> Metered:
        """Burn one event's credits, count it and write its receipt.

        Raises OverageNotAllowed, InvalidUnits and SpendCapReached. What is refused changes nothing, but that the first
        refusal at the customer's own cap raises its alert.
        """
        event, lane, credits_micro, _ = admitted
        overage_micro, remaining_micro, alert = self._credits.burn(admitted, event_id, self._receipts)
        metered = self._receipts.write(
            admitted,
            event_id=event_id,
            fingerprint=fingerprint,
            overage_micro=overage_micro,
            remaining_micro=remaining_micro,
            alert=alert,
        )
        self._tallies.count(self._session, lane.tally_key, metered.seq, metered.receipt_hash)
        self._counters.count(lane, event.site or "", event.units_micro, credits_micro, overage_micro)
        return metered

    def write(self) -> int | None:
        """Store alerts, receipts, events, roll-ups, counters, lots with their entries and the head, in that order.

        Answers with the head's new version; None where there was nothing to store.
        """
        self._credits.write_alerts()
        rows = self._receipts.take_rows()
        if not rows:
            return None
        session = self._session
        self._log.flush()
        insert_rows(session, table_of(UsageEvent), EVENT_COLUMNS, rows)
        self._receipts.write_hops()
        self._counters.write(session)
        self._tallies.write(session)
        entries = self._credits.count_entries()
        version, last_entry_seq = move_head(session, tenant_id=self._tenant_id, events=len(rows), entries=entries)
        self._credits.write_spends(first_entry_seq=last_entry_seq - entries + 1)
        return version


def move_head(session: Session, *, tenant_id: str, events: int, entries: int) -> tuple[int, int]:
    """Count events and credit entries on the head; its version and the number of the last entry from here on."""
    counted = {"tenant": tenant_id, "events": events, "entries": entries}
    version, last_entry_seq = session.execute(_move_head, counted).one()
    return int(version), int(last_entry_seq)


_heads = table_of(TenantHead)
_move_head = (
    update(_heads)
    .where(_heads.c.tenant_id == bindparam("tenant"))
    .values(
        version=_heads.c.version + 1,
        event_count=_heads.c.event_count + bindparam("events"),
        last_entry_seq=_heads.c.last_entry_seq + bindparam("entries"),
    )
    .returning(_heads.c.version, _heads.c.last_entry_seq)
)
"""Built once: building it costs as much as running it."""
