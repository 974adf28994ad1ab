"""Asking twice, and asking anew."""

import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from models import IdempotencyRecord, Tenant
from services.database import transaction
from services.errors import BadRequest, Conflict, IdempotencyConflict
from services.idempotency import KEY_MAX, Answer, Asked, answer_once, check_key, fingerprint
from services.identity import create_tenant

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
ASKED = Asked("key-1", "POST /v1/sites", fingerprint("POST /v1/sites", "", {"code": "a"}))


def once(session: Session, asked: Asked | None = ASKED, tenant_id: str = "ten_1", body: str = '{"n": 1}') -> Answer:
    return answer_once(session, tenant_id=tenant_id, asked=asked, act=lambda: (201, body), at=AT)


def test_the_first_answer_is_given_again(session: Session) -> None:
    assert once(session) == Answer(201, '{"n": 1}')
    assert once(session, body='{"n": 2}') == Answer(201, '{"n": 1}', replayed=True)
    (record,) = session.exec(select(IdempotencyRecord)).all()
    assert (record.tenant_id, record.key, record.status, record.created_at) == ("ten_1", "key-1", 201, AT)


def test_another_request_under_the_same_key_is_a_conflict(session: Session) -> None:
    once(session)
    for other in (
        Asked("key-1", "POST /v1/sites", fingerprint("POST /v1/sites", "", {"code": "b"})),
        Asked("key-1", "POST /v1/usage/track", ASKED.fingerprint),
    ):
        with pytest.raises(IdempotencyConflict):
            once(session, other)


def test_a_key_is_its_tenants_own(session: Session) -> None:
    once(session)
    assert once(session, tenant_id="ten_2", body="{}") == Answer(201, "{}")


def test_without_a_key_it_is_simply_done(session: Session) -> None:
    assert [once(session, None, body=body).body for body in ("1", "2")] == ["1", "2"]
    assert session.exec(select(IdempotencyRecord)).all() == []


def test_a_refusal_leaves_the_key_free(engine: Engine) -> None:
    def refuse() -> tuple[int, str]:
        raise Conflict("no")

    with pytest.raises(Conflict), transaction() as session:
        answer_once(session, tenant_id="ten_1", asked=ASKED, act=refuse, at=AT)
    with transaction() as session:
        assert once(session) == Answer(201, '{"n": 1}')


def test_the_record_and_the_effect_stand_or_fall_together(engine: Engine) -> None:
    def answer_and_fail() -> None:
        with transaction() as session:
            answer_once(session, tenant_id="ten_1", asked=ASKED, act=lambda: _make_tenant(session), at=AT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        answer_and_fail()
    with transaction() as session:
        assert session.exec(select(Tenant)).all() == []
        assert session.exec(select(IdempotencyRecord)).all() == []


def test_of_many_at_once_one_is_done_and_the_others_get_its_answer(engine: Engine) -> None:
    answers: list[Answer] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        with transaction() as session:
            act = lambda: _make_tenant(session)  # noqa: E731
            answers.append(answer_once(session, tenant_id="ten_1", asked=ASKED, act=act, at=AT))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 7
    assert len({answer.body for answer in answers}) == 1


def _make_tenant(session: Session) -> tuple[int, str]:
    return 201, create_tenant(session, name="Once", currency="CAD", timezone="UTC", at=AT).id


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * (KEY_MAX + 1), "new\nline", "\x00"])
def test_a_key_of_strange_characters_is_refused(key: str) -> None:
    with pytest.raises(BadRequest):
        check_key(key)


def test_a_fingerprint_ignores_how_a_body_is_laid_out_but_not_what_it_says() -> None:
    base = fingerprint("POST /x", "", {"a": Decimal("1.50"), "b": [1, 2]})
    assert fingerprint("POST /x", "", {"b": [1, 2], "a": Decimal("1.50")}) == base
    others = [
        fingerprint("POST /y", "", {"a": Decimal("1.50"), "b": [1, 2]}),
        fingerprint("POST /x", "q=1", {"a": Decimal("1.50"), "b": [1, 2]}),
        fingerprint("POST /x", "", {"a": Decimal("1.51"), "b": [1, 2]}),
        fingerprint("POST /x", "", {"a": Decimal("1.50"), "b": [2, 1]}),
        fingerprint("POST /x", "", {"a": Decimal("1.50"), "b": [1, 2], "c": None}),
    ]
    assert len({base, *others}) == 6
