"""A baseline counts once the other party accepted it, with a receipt; nobody decides on their own proposal."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from models import BaselineStatus, KpiBaseline, Notice, Party, Role
from services.api_keys import Principal
from services.database import transaction
from services.errors import Conflict, Forbidden, NotFound, Unprocessable
from services.gain_share.baseline_lists import baselines_in_force, list_baselines
from services.gain_share.baseline_terms import WAITING_MAX
from services.gain_share.baselines import accept_baseline, decline_baseline, propose_baseline, withdraw_baseline
from services.gain_share.parties import Signer, signer_of_key, signer_of_member
from services.sign_in import Member
from tests.gain_share_given import OURS, RATES, THEIRS, accepted_baseline, terms_of
from tests.given import Customer, customer

AT = datetime(2026, 7, 10, 12, tzinfo=UTC)
ON = date(2026, 7, 1)


@pytest.fixture
def acme(session: Session) -> Customer:
    return customer(session, plan="ENTERPRISE", start=date(2026, 1, 1), at=AT)


def proposed(session: Session, acme: Customer, *, signer: Signer = OURS, **given: Any) -> KpiBaseline:
    terms = terms_of(session, acme.tenant_id, given.pop("kpi", "mtbf_hours"), given.pop("value", "92"), at=AT, **given)
    return propose_baseline(session, tenant_id=acme.tenant_id, terms=terms, signer=signer, at=AT)


def named(acme: Customer, baseline: KpiBaseline) -> dict[str, Any]:
    return {"tenant_id": acme.tenant_id, "baseline_id": baseline.id, "at": AT}


def test_a_proposal_counts_only_once_the_other_party_accepted_it(session: Session, acme: Customer) -> None:
    made = proposed(session, acme)
    assert (made.status, made.receipt_seq, made.unit) == (BaselineStatus.PROPOSED, None, "hours")
    assert baselines_in_force(session, tenant_id=acme.tenant_id, on=ON) == []
    accepted = accept_baseline(session, **named(acme, made), signer=THEIRS)
    assert (accepted.status, accepted.decided_by) == (BaselineStatus.ACCEPTED, "usr_theirs")
    assert accepted.receipt_seq is not None
    assert baselines_in_force(session, tenant_id=acme.tenant_id, on=ON) == [made]


@pytest.mark.parametrize("proposer", [OURS, THEIRS])
def test_either_party_proposes_and_only_the_other_decides(session: Session, acme: Customer, proposer: Signer) -> None:
    other = THEIRS if proposer == OURS else OURS
    made = proposed(session, acme, signer=proposer)
    colleague = Signer(proposer.party, "usr_colleague")
    same_person = Signer(other.party, proposer.by)
    for refused in (proposer, colleague, same_person):
        with pytest.raises(Forbidden):
            accept_baseline(session, **named(acme, made), signer=refused)
        with pytest.raises(Forbidden):
            decline_baseline(session, **named(acme, made), reason="No", signer=refused)
    assert made.status is BaselineStatus.PROPOSED
    assert accept_baseline(session, **named(acme, made), signer=other).status is BaselineStatus.ACCEPTED


def test_accepting_twice_makes_one_receipt_and_deciding_otherwise_is_a_conflict(
    session: Session, acme: Customer
) -> None:
    made = proposed(session, acme)
    first = accept_baseline(session, **named(acme, made), signer=THEIRS).receipt_seq
    assert accept_baseline(session, **named(acme, made), signer=THEIRS).receipt_seq == first
    with pytest.raises(Conflict):
        decline_baseline(session, **named(acme, made), reason="Too late", signer=THEIRS)
    with pytest.raises(Conflict):
        withdraw_baseline(session, **named(acme, made), signer=OURS)


def test_a_declined_one_keeps_the_reason_and_has_no_receipt(session: Session, acme: Customer) -> None:
    made = proposed(session, acme)
    declined = decline_baseline(session, **named(acme, made), reason="It leaves out the night shift.", signer=THEIRS)
    assert (declined.status, declined.reason) == (BaselineStatus.DECLINED, "It leaves out the night shift.")
    assert (declined.receipt_seq, baselines_in_force(session, tenant_id=acme.tenant_id, on=ON)) == (None, [])
    with pytest.raises(Conflict):
        accept_baseline(session, **named(acme, made), signer=THEIRS)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1_001, "a\x00b"])
def test_declining_takes_a_reason_in_words(session: Session, acme: Customer, reason: str) -> None:
    made = proposed(session, acme)
    with pytest.raises(Unprocessable) as refused:
        decline_baseline(session, **named(acme, made), reason=reason, signer=THEIRS)
    assert refused.value.field == "reason"


def test_who_proposed_withdraws_and_nobody_else(session: Session, acme: Customer) -> None:
    made = proposed(session, acme)
    with pytest.raises(Forbidden):
        withdraw_baseline(session, **named(acme, made), signer=THEIRS)
    colleague = Signer(Party.SELLER, "usr_colleague")
    assert withdraw_baseline(session, **named(acme, made), signer=colleague).status is BaselineStatus.WITHDRAWN


def test_a_later_one_takes_the_place_from_its_own_date(session: Session, acme: Customer) -> None:
    first = accepted_baseline(session, acme.tenant_id, "mtbf_hours", "92", at=AT)
    second = accepted_baseline(session, acme.tenant_id, "mtbf_hours", "100", at=AT, effective_from=date(2026, 4, 1))
    assert baselines_in_force(session, tenant_id=acme.tenant_id, on=date(2026, 3, 31)) == [first]
    assert baselines_in_force(session, tenant_id=acme.tenant_id, on=date(2026, 4, 1)) == [second]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kpi": "uptime", "value": "1"}, "kpi"),
        ({"kpi": "availability_pct", "value": "100.1"}, "value"),
        ({"value": "0"}, "value"),
        ({"value": "0.1234567890123"}, "value"),
        ({"value": "NaN"}, "value"),
        ({"currency": "USD"}, "currency"),
        ({"rates": {"bribe": Decimal(1)}}, "rates"),
        ({"rates": {"downtime_rate": Decimal(-1)}}, "rates"),
        ({"rates": {"value_rate": Decimal(1)}}, "rates"),
        ({"unit": "minutes"}, "unit"),
        ({"unit": ""}, "unit"),
        ({"period_end": date(2025, 1, 1)}, "period_end"),
        ({"period_end": date(2026, 7, 11)}, "period_end"),
        ({"period_start": date(2020, 1, 1)}, "period_end"),
        ({"period_start": date(9998, 1, 1), "period_end": date.max}, "period_end"),
    ],
)
def test_a_baseline_that_cannot_be_proposed_names_the_field(
    session: Session, acme: Customer, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(Unprocessable) as refused:
        proposed(session, acme, **given)
    assert refused.value.field == field


def test_its_document_is_one_of_the_same_customer(session: Session, acme: Customer) -> None:
    other = customer(session, plan="ENTERPRISE", name="Other", start=date(2026, 1, 1), at=AT)
    theirs = proposed(session, other).file_id
    with pytest.raises(NotFound):
        proposed(session, acme, file_id=theirs)
    with pytest.raises(NotFound):
        accept_baseline(session, **named(acme, proposed(session, other)), signer=THEIRS)


def test_they_are_listed_newest_first_and_by_what_is_asked(session: Session, acme: Customer) -> None:
    first, second = proposed(session, acme), proposed(session, acme, kpi="mttr_hours", value="4")
    accept_baseline(session, **named(acme, first), signer=THEIRS)
    mine: Any = {"tenant_id": acme.tenant_id, "limit": 10}
    assert list_baselines(session, **mine) == [second, first]
    assert list_baselines(session, **mine, before=second.id) == [first]
    assert list_baselines(session, **mine, status=BaselineStatus.PROPOSED) == [second]
    assert list_baselines(session, **mine, kpi="mtbf_hours") == [first]


@pytest.mark.parametrize(
    "change",
    [
        "value = '1'", "rates = '{}'", "file_id = 'another'", "effective_from = '2025-01-01'", "kpi = 'mttr_hours'",
        "status = 'declined', receipt_seq = NULL, salt = NULL", "decided_by = 'usr_other'", "proposed_by = 'usr_other'",
    ],
)  # fmt: skip
def test_the_database_keeps_an_accepted_one_as_it_is(session: Session, acme: Customer, change: str) -> None:
    accepted_baseline(session, acme.tenant_id, "mtbf_hours", "92", at=AT)
    for statement in (f"UPDATE kpi_baseline SET {change}", "DELETE FROM kpi_baseline"):
        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(text(statement))


@pytest.mark.parametrize(
    "decided", ["decided_party = 'seller', decided_by = 'usr_b'", "decided_party = 'customer', decided_by = 'usr_ours'"]
)
def test_the_database_takes_no_decision_by_who_proposed(session: Session, acme: Customer, decided: str) -> None:
    proposed(session, acme)
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text(f"UPDATE kpi_baseline SET status = 'declined', decided_at = proposed_at, {decided}"))


@pytest.mark.parametrize("unknown", ["kpi_none", "", "\x00", "\ud800"])
def test_an_id_that_is_none_is_no_baseline_and_no_file(session: Session, acme: Customer, unknown: str) -> None:
    for act in (accept_baseline, withdraw_baseline):
        with pytest.raises(NotFound):
            act(session, tenant_id=acme.tenant_id, baseline_id=unknown, signer=THEIRS, at=AT)
    with pytest.raises(NotFound):
        proposed(session, acme, file_id=unknown)


def test_so_many_proposals_of_a_party_wait_at_a_time(session: Session, acme: Customer) -> None:
    waiting = [proposed(session, acme) for _ in range(WAITING_MAX)]
    with pytest.raises(Conflict, match="withdraw one"):
        proposed(session, acme)
    proposed(session, acme, signer=THEIRS)
    withdraw_baseline(session, **named(acme, waiting[0]), signer=OURS)
    proposed(session, acme)


@pytest.mark.parametrize("other", [decline_baseline, withdraw_baseline])
def test_of_two_who_decide_at_once_one_is_too_late(engine: Engine, other: Any) -> None:
    with transaction(engine) as session:
        acme = customer(session, plan="ENTERPRISE", start=date(2026, 1, 1), at=AT)
        made = proposed(session, acme).id
    start = Barrier(2)
    of: dict[str, Any] = {"tenant_id": acme.tenant_id, "baseline_id": made, "at": AT}
    said = {"reason": "Not the night shift.", "signer": THEIRS} if other is decline_baseline else {"signer": OURS}

    def decide(act: Any, given: dict[str, Any]) -> str:
        start.wait()
        try:
            with transaction(engine) as session:
                return str(act(session, **of, **given).status.value)
        except Conflict:
            return "too late"

    with ThreadPoolExecutor(2) as people:
        answers = [
            people.submit(decide, act, given) for act, given in ((accept_baseline, {"signer": THEIRS}), (other, said))
        ]
        told = {answer.result() for answer in answers}
    with transaction(engine) as session:
        kept = session.get_one(KpiBaseline, (acme.tenant_id, made))
        assert told == {kept.status.value, "too late"}
        assert (kept.receipt_seq is not None) == (kept.status is BaselineStatus.ACCEPTED)
        notices = session.exec(select(Notice.type).where(Notice.subject_id == made)).all()
    assert sorted(notices) == sorted(["gain_share.baseline_proposed", f"gain_share.baseline_{kept.status.value}"])


def member(**given: Any) -> Member:
    known: dict[str, Any] = {
        "user_id": "usr_1", "email": "a@b.example", "tenant_id": "ten", "tenant_name": "Acme", "role": None,
        "is_operator": False, "timezone": "UTC", "currency": "CAD",
    }  # fmt: skip
    return Member(**(known | given))


def test_owners_billing_admins_and_operators_sign_and_viewers_do_not() -> None:
    assert signer_of_member(member(role=Role.OWNER)) == Signer(Party.CUSTOMER, "usr_1")
    assert signer_of_member(member(role=Role.BILLING_ADMIN)).party is Party.CUSTOMER
    assert signer_of_member(member(is_operator=True)).party is Party.SELLER
    for refused in (member(role=Role.VIEWER), member()):
        with pytest.raises(Forbidden):
            signer_of_member(refused)


def test_a_key_signs_for_its_side_with_the_scope() -> None:
    assert signer_of_key(Principal("key_1", None, True, frozenset({"operator"}))).party is Party.SELLER
    mine = Principal("key_2", "ten", False, frozenset({"gainshare:write"}), made_for=Party.CUSTOMER)
    assert signer_of_key(mine) == Signer(Party.CUSTOMER, "key_2")
    with pytest.raises(Forbidden):
        signer_of_key(Principal("key_3", "ten", False, frozenset({"billing:read"})))


def test_the_rates_stay_as_they_were_written(session: Session, acme: Customer) -> None:
    made = proposed(session, acme, rates=RATES | {"labour_rate": Decimal("100.50")})
    assert made.rates == {name: str(rate) for name, rate in RATES.items()} | {"labour_rate": "100.5"}
