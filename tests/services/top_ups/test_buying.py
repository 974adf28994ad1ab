"""Credits that are bought beside the plan: their invoice, when they are granted, and what is taken back of them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlmodel import Session, select

from models import (
    Collection,
    CreditEntry,
    CreditGrant,
    CreditPurchase,
    EntryKind,
    InvoiceStatus,
    PurchaseStatus,
    Subscription,
    SubscriptionStatus,
)
from services.errors import Conflict, SubscriptionConflict, Unprocessable
from services.invoices.credit_note_issuing import issue_credit_note
from services.invoices.finding import mark_invoice_paid, read_invoice
from services.invoices.transitions import mark_uncollectible, void_invoice
from services.price_books.books import plan_version
from services.rules.quantities import MICRO
from services.top_ups import buying as top_ups
from services.top_ups.buying import buy_top_up, quote_top_up
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered

PACK_MICRO = 250_000 * MICRO


def collected_automatically(session: Session) -> Customer:
    who = customer(session)
    subscription = session.get_one(Subscription, (who.tenant_id, who.subscription_id))
    subscription.collection = Collection.AUTOMATIC
    session.add(subscription)
    session.flush()
    return who


def bought(session: Session, who: Customer, **more: object) -> CreditPurchase:
    return buy_top_up(session, tenant_id=who.tenant_id, pack="credits-250k", by="usr_1", at=NOON, **more)  # type: ignore[arg-type]


def lots(session: Session, who: Customer) -> list[CreditGrant]:
    statement = select(CreditGrant).where(CreditGrant.tenant_id == who.tenant_id, CreditGrant.kind == "purchase")
    return list(session.exec(statement.execution_options(populate_existing=True)))


def test_a_purchase_has_an_invoice_of_its_own_at_the_price_of_the_plan(session: Session) -> None:
    who = collected_automatically(session)
    quote = quote_top_up(session, tenant_id=who.tenant_id, pack="credits-250k", quantity=3, at=NOON)
    purchase = bought(session, who, quantity=3)
    document = read_invoice(session, tenant_id=who.tenant_id, invoice_id=purchase.invoice_id)
    (line,) = document.lines
    assert (document.invoice.billing_reason, document.invoice.total_minor) == ("top_up", 135_000)
    assert quote.document.invoice.total_minor == document.invoice.total_minor
    assert (line.kind, line.quantity, line.pricing) == ("top_up", 3, {"model": "per_unit", "unit_price": "450"})
    assert line.sources == {
        "pack": "credits-250k", "pool": "credits", "credits": "750000", "purchase": purchase.id,
    }  # fmt: skip


def test_what_is_collected_automatically_is_granted_when_it_is_paid_and_once(session: Session) -> None:
    who = collected_automatically(session)
    purchase = bought(session, who)
    assert (purchase.status, lots(session, who)) == (PurchaseStatus.PENDING, [])
    paid_at = NOON + timedelta(hours=1)
    for _ in range(2):
        mark_invoice_paid(session, tenant_id=who.tenant_id, invoice_id=purchase.invoice_id, at=paid_at)
    (lot,) = lots(session, who)
    assert (purchase.status, purchase.grant_id, lot.granted_micro) == (PurchaseStatus.GRANTED, lot.id, PACK_MICRO)
    assert (lot.effective_at, lot.expires_at) == (paid_at, paid_at + timedelta(days=365))
    assert_books_agree(session, who.tenant_id)


def test_who_pays_by_invoice_has_the_credits_at_once_unless_something_is_late(session: Session) -> None:
    who = customer(session)
    assert bought(session, who).status == PurchaseStatus.GRANTED
    late = NOON + timedelta(days=60)
    purchase = buy_top_up(session, tenant_id=who.tenant_id, pack="credits-250k", by="usr_1", at=late)
    assert purchase.status == PurchaseStatus.PENDING


def test_whom_we_gave_up_on_pays_first(session: Session) -> None:
    who = customer(session)
    first = bought(session, who)
    mark_uncollectible(session, tenant_id=who.tenant_id, invoice_id=first.invoice_id, at=NOON)
    assert bought(session, who).status == PurchaseStatus.PENDING


def test_asking_again_with_the_same_id_buys_nothing_more(session: Session) -> None:
    who = customer(session)
    first, again = bought(session, who, purchase_id="buy_x"), bought(session, who, purchase_id="buy_x")
    assert first.invoice_id == again.invoice_id
    assert len(lots(session, who)) == 1
    with pytest.raises(Conflict):
        bought(session, who, purchase_id="buy_x", quantity=2)


def test_two_purchases_at_one_moment_are_two_invoices(session: Session) -> None:
    who = customer(session)
    assert bought(session, who).invoice_id != bought(session, who).invoice_id
    assert len(lots(session, who)) == 2


def test_bought_credits_are_spent_after_the_allowance(session: Session) -> None:
    who = customer(session)
    bought(session, who)
    metered(session, who.tenant_id, event("1000001"), event("250000", occurred_at=NOON))
    (lot,) = lots(session, who)
    assert (lot.remaining_micro, lot.spent_micro) == (0, PACK_MICRO)
    assert_books_agree(session, who.tenant_id)


def test_voiding_takes_back_what_is_not_used(session: Session) -> None:
    who = customer(session)
    purchase = bought(session, who)
    metered(session, who.tenant_id, event("1100000"))
    void_invoice(session, tenant_id=who.tenant_id, invoice_id=purchase.invoice_id, at=NOON)
    (lot,) = lots(session, who)
    assert (lot.remaining_micro, lot.spent_micro, lot.revoked_micro) == (0, 100_000 * MICRO, 150_000 * MICRO)
    revoked = session.exec(select(CreditEntry).where(CreditEntry.kind == EntryKind.REVOKE)).one()
    assert revoked.source_id is not None
    assert_books_agree(session, who.tenant_id)


def test_credit_notes_take_back_their_share_and_never_more(session: Session) -> None:
    who = customer(session)
    purchase = bought(session, who)
    for amount_minor, revoked in ((9_000, 50_000), (1, 50_005), (35_999, 250_000)):
        issue_credit_note(
            session,
            tenant_id=who.tenant_id,
            invoice_id=purchase.invoice_id,
            amount_minor=amount_minor,
            reason="Not needed",
            at=NOON,
        )
        (lot,) = lots(session, who)
        assert lot.revoked_micro // MICRO == revoked
    assert (lot.remaining_micro, lot.revoked_micro) == (0, PACK_MICRO)
    assert_books_agree(session, who.tenant_id)


def test_what_was_credited_before_it_is_paid_is_not_granted(session: Session) -> None:
    who = collected_automatically(session)
    half, whole = bought(session, who), bought(session, who)
    for purchase, amount_minor in ((half, 22_500), (whole, 45_000)):
        issue_credit_note(
            session,
            tenant_id=who.tenant_id,
            invoice_id=purchase.invoice_id,
            amount_minor=amount_minor,
            reason="Not needed",
            at=NOON,
        )
    mark_invoice_paid(session, tenant_id=who.tenant_id, invoice_id=half.invoice_id, at=NOON)
    (lot,) = lots(session, who)
    assert lot.granted_micro == PACK_MICRO // 2
    assert read_invoice(session, tenant_id=who.tenant_id, invoice_id=whole.invoice_id).invoice.status == "paid"
    assert whole.status == PurchaseStatus.CANCELED
    note = {"invoice_id": half.invoice_id, "amount_minor": 22_500, "reason": "The rest"}
    issue_credit_note(session, tenant_id=who.tenant_id, at=NOON, **note)  # type: ignore[arg-type]
    assert lots(session, who)[0].remaining_micro == 0


def test_voiding_what_waits_cancels_it(session: Session) -> None:
    who = collected_automatically(session)
    purchase = bought(session, who)
    invoice = void_invoice(session, tenant_id=who.tenant_id, invoice_id=purchase.invoice_id, at=NOON)
    assert (invoice.status, purchase.status) == (InvoiceStatus.VOID, PurchaseStatus.CANCELED)
    assert not lots(session, who)


@pytest.mark.parametrize(
    ("asked", "field"), [({"pack": "tea"}, "pack"), ({"quantity": 0}, "quantity"), ({"quantity": 1_001}, "quantity")]
)
def test_what_is_not_sold_is_refused(session: Session, asked: dict[str, object], field: str) -> None:
    who = customer(session)
    with pytest.raises(Unprocessable) as refusal:
        quote_top_up(session, tenant_id=who.tenant_id, at=NOON, **({"pack": "credits-250k"} | asked))  # type: ignore[arg-type]
    assert refusal.value.field == field


def test_nothing_is_sold_to_a_subscription_that_rests_and_no_more_than_ten_wait(session: Session) -> None:
    who = collected_automatically(session)
    for _ in range(10):
        bought(session, who)
    with pytest.raises(Conflict):
        bought(session, who)
    subscription = session.get_one(Subscription, (who.tenant_id, who.subscription_id))
    subscription.status, subscription.rests_since = SubscriptionStatus.PAUSED, NOON
    session.add(subscription)
    session.flush()
    with pytest.raises(SubscriptionConflict):
        bought(session, who)


def test_a_pack_whose_price_rounds_to_nothing_is_not_sold(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    who = customer(session)
    plan_id = session.get_one(Subscription, (who.tenant_id, who.subscription_id)).plan_version_id
    plan = plan_version(session, version_id=plan_id)
    pack = replace(plan.top_ups["credits-250k"], price=Decimal("0.001"))
    cheap = replace(plan, top_ups={"credits-250k": pack})
    monkeypatch.setattr(top_ups, "plan_of", lambda *_: cheap)
    with pytest.raises(Unprocessable, match="rounds to nothing"):
        bought(session, who)
