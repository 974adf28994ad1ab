"""The ledger says of every change why it came about, and its balances follow from each other."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from models import EntryKind
from services.closing.close import close_if_due
from services.credits.entry_words import word_entries
from services.credits.expiry import expire_lots
from services.credits.ledger import ALL, LedgerFilter, count_entries, iterate_ledger, read_ledger
from services.credits.ledger_csv import ledger_csv
from services.credits.lot_views import read_pool_lots
from services.credits.promotions import give_credits, take_away
from services.invoices.credit_note_issuing import issue_credit_note
from services.subscriptions.ends import end_subscription
from services.subscriptions.starting import create_subscription
from services.top_ups.buying import buy_top_up
from services.usage.corrections import CorrectionInput, correct_usage
from tests.given import NOON, Customer, customer, event, metered

LATER = NOON + timedelta(days=2)
HOUR = timedelta(hours=1)


def storied(session: Session) -> Customer:
    """A gift that expires, one that is taken away, a purchase used, credited in part and moved to another plan."""
    who = customer(session)
    give = {"tenant_id": who.tenant_id, "pool": "credits", "by": "op", "at": NOON}
    soon = NOON + timedelta(days=1)
    give_credits(session, credits="10", reason="Welcome", **give)  # type: ignore[arg-type]
    give_credits(session, credits="5", reason="Try it", priority=99, expires_at=soon, **give)  # type: ignore[arg-type]
    wrong = give_credits(session, credits="20", reason="Mistake", **give)  # type: ignore[arg-type]
    take_away(session, tenant_id=who.tenant_id, lot_id=wrong.id, reason="Wrong customer", at=NOON)
    purchase = buy_top_up(session, tenant_id=who.tenant_id, pack="credits-250k", by="usr_1", at=NOON)
    metered(session, who.tenant_id, event("1000005"), event("50", event_id="e_2"))
    issue_credit_note(
        session, tenant_id=who.tenant_id, invoice_id=purchase.invoice_id, amount_minor=9_000, reason="Sorry", at=NOON
    )
    end_subscription(session, tenant_id=who.tenant_id, subscription_id=who.subscription_id, ended_at=LATER, at=LATER)
    create_subscription(session, tenant_id=who.tenant_id, plan_code="ENTERPRISE", at=LATER)
    close_if_due(session, tenant_id=who.tenant_id, subscription_id=who.subscription_id, at=LATER + HOUR)
    expire_lots(session, tenant_id=who.tenant_id, at=LATER)
    return who


def told(session: Session, who: Customer, wanted: LedgerFilter = ALL) -> list[str]:
    entries = list(iterate_ledger(session, tenant_id=who.tenant_id, wanted=wanted))
    words = word_entries(session, tenant_id=who.tenant_id, entries=entries, timezone="America/Toronto")
    return [each.words for each in reversed(words)]


def test_each_change_says_why(session: Session) -> None:
    who = storied(session)
    assert told(session, who) == [
        "Included in the plan for 1 Nov – 22 Nov 2026",
        "Given: Welcome",
        "Given: Try it",
        "Given: Mistake",
        "Taken away again: Wrong customer",
        "Bought",
        "Used, from what was included: receipt 3",
        "Used, from what was given: receipts 3 to 4",
        "Used, from what was bought: receipt 4",
        "Paid back by credit note CN-000001: Sorry",
        "Included in the plan for 22 Nov – 21 Dec 2026",
        "Moved to the subscription to Enterprise, for this one has ended",
        "Moved here from the subscription to Pro, which has ended",
        "What was left of what was given expired on 21 Nov 2026, 07:00",
    ]


def test_balances_follow_from_each_other_and_pages_make_up_the_whole(session: Session) -> None:
    who = storied(session)
    whole = list(iterate_ledger(session, tenant_id=who.tenant_id))
    assert count_entries(session, tenant_id=who.tenant_id) == len(whole)
    balances: dict[str, int] = {}
    for each in reversed(whole):
        purse = each.lot.subscription_id
        balances[purse] = balances.get(purse, 0) + each.entry.delta_micro
        assert each.balance_micro == balances[purse]
    seen, before = [], None
    while page := read_ledger(session, tenant_id=who.tenant_id, limit=3, before_seq=before):
        seen += [(each.entry.seq, each.balance_micro) for each in page]
        before = page[-1].entry.seq
    assert seen == [(each.entry.seq, each.balance_micro) for each in whole]


@pytest.mark.parametrize("kind", list(EntryKind))
def test_a_filter_changes_no_balance(session: Session, kind: EntryKind) -> None:
    who = storied(session)
    whole = {each.entry.seq: each.balance_micro for each in iterate_ledger(session, tenant_id=who.tenant_id)}
    some = read_ledger(session, tenant_id=who.tenant_id, wanted=LedgerFilter(kind=kind, pool="credits"), limit=50)
    assert all(each.entry.kind == kind and whole[each.entry.seq] == each.balance_micro for each in some)
    assert read_ledger(session, tenant_id=who.tenant_id, wanted=LedgerFilter(pool="tea"), limit=5) == []


def test_lots_are_in_the_order_they_are_spent_in(session: Session) -> None:
    who = customer(session)
    buy_top_up(session, tenant_id=who.tenant_id, pack="credits-1m", by="usr_1", at=NOON)
    first = give_credits(
        session, tenant_id=who.tenant_id, pool="credits", credits="5", reason="W", by="op", priority=1, at=NOON
    )
    (pool,) = read_pool_lots(session, tenant_id=who.tenant_id, at=NOON)
    assert [(each.lot.kind.value, each.place) for each in pool.lots] == [
        ("promotion", 1), ("allowance", 2), ("purchase", 3),
    ]  # fmt: skip
    metered(session, who.tenant_id, event("5"))
    (pool,) = read_pool_lots(session, tenant_id=who.tenant_id, at=NOON)
    assert [(each.lot.kind.value, each.place) for each in pool.lots] == [
        ("allowance", 1), ("purchase", 2), ("promotion", None),
    ]  # fmt: skip
    assert pool.lots[-1].lot.id == first.id
    assert pool.lots[1].invoice_id is not None


def test_the_file_has_every_change(session: Session) -> None:
    who = storied(session)

    class Same:
        def __enter__(self) -> Session:
            return session

        def __exit__(self, *_: object) -> None: ...

    pieces = list(ledger_csv(Same, tenant_id=who.tenant_id, wanted=ALL, timezone="UTC"))
    lines = "".join(pieces).splitlines()
    assert lines[0].startswith("seq,at,subscription_id,pool,kind,credits,balance,why")
    assert len(lines) == 1 + count_entries(session, tenant_id=who.tenant_id)


def test_a_correction_and_late_use_are_told_apart(session: Session) -> None:
    who = customer(session)
    (used,) = metered(session, who.tenant_id, event("500", event_id="e_1"))
    correct_usage(
        session,
        tenant_id=who.tenant_id,
        correction=CorrectionInput(corrects="e_1", units_micro=0, reason="Test run"),
        at=NOON,
    )
    assert told(session, who, LedgerFilter(kind=EntryKind.RETURN)) == [
        f"Given back, for a correction says less was used: receipt {used.seq + 1}"
    ]
