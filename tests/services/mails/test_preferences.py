"""What people choose to be told, and what nobody who answers for the bills can turn off."""

from dataclasses import replace

import pytest
from sqlmodel import Session

from models import MailKind, Role
from services.errors import Forbidden, Unprocessable
from services.identity import create_tenant, create_user
from services.mails.preferences import (
    PreferencesView,
    read_desk_preferences,
    read_preferences,
    set_desk_language,
    set_desk_preference,
    set_language,
    set_preference,
)
from services.mails.recipients import recipients_of, wants
from tests.given import NOON


@pytest.fixture
def people(session: Session) -> dict[str, str]:
    tenant = create_tenant(session, name="Acme", currency="CAD", timezone="America/Toronto", at=NOON)
    made = {"tenant": tenant.id}
    for role in Role:
        user = create_user(
            session, email=f"{role}@acme.example", password="a-long-password", tenant_id=tenant.id, role=role, at=NOON
        )
        made[role.value] = user.id
    return made


def wanted(view: PreferencesView) -> set[str]:
    return {each.kind for each in view.kinds if each.is_wanted}


def test_who_answers_for_the_bills_gets_everything_and_a_viewer_nothing(
    session: Session, people: dict[str, str]
) -> None:
    owner = read_preferences(session, tenant_id=people["tenant"], user_id=people["owner"])
    viewer = read_preferences(session, tenant_id=people["tenant"], user_id=people["viewer"])
    assert wanted(owner) == set(MailKind) - {MailKind.GAIN_SHARE_DESK}
    assert wanted(viewer) == set()
    assert [each.kind for each in owner.kinds if each.is_fixed] == [MailKind.FAILED_PAYMENTS]
    assert not [each for each in viewer.kinds if each.is_fixed]


def test_a_choice_holds_for_one_person_and_one_kind(session: Session, people: dict[str, str]) -> None:
    named = {"tenant_id": people["tenant"], "at": NOON}
    set_preference(session, **named, user_id=people["viewer"], kind="invoices", is_wanted=True)
    set_preference(session, **named, user_id=people["owner"], kind="invoices", is_wanted=False)
    set_preference(session, **named, user_id=people["owner"], kind="invoices", is_wanted=False)
    addresses = [each.address for each in recipients_of(session, tenant_id=people["tenant"], kind=MailKind.INVOICES)]
    assert addresses == ["billing_admin@acme.example", "viewer@acme.example"]


def test_what_service_depends_on_cannot_be_turned_off(session: Session, people: dict[str, str]) -> None:
    with pytest.raises(Unprocessable, match="cannot be turned off"):
        set_preference(
            session, tenant_id=people["tenant"], user_id=people["owner"], kind="failed_payments", is_wanted=False,
            at=NOON,
        )  # fmt: skip
    assert wants(MailKind.FAILED_PAYMENTS, Role.OWNER, False)
    assert not wants(MailKind.FAILED_PAYMENTS, Role.VIEWER, False)


@pytest.mark.parametrize("kind", ["", "everything", "INVOICES", "gain_share_desk", "\x00"])
def test_a_kind_that_does_not_exist_is_refused(session: Session, people: dict[str, str], kind: str) -> None:
    with pytest.raises(Unprocessable):
        set_preference(session, tenant_id=people["tenant"], user_id=people["owner"], kind=kind, is_wanted=True, at=NOON)


def test_a_language_is_chosen_for_oneself(session: Session, people: dict[str, str]) -> None:
    named = {"tenant_id": people["tenant"], "user_id": people["owner"]}
    before = read_preferences(session, **named)
    assert set_language(session, **named, language="fr") == replace(before, language="fr", is_language_chosen=True)
    languages = {
        each.address: each.language
        for each in recipients_of(session, tenant_id=people["tenant"], kind=MailKind.RECEIPTS)
    }
    assert languages == {"owner@acme.example": "fr", "billing_admin@acme.example": "en"}
    with pytest.raises(Unprocessable):
        set_language(session, **named, language="de")


def test_an_operator_chooses_nothing_for_others(session: Session, people: dict[str, str]) -> None:
    operator = create_user(session, email="ops@t.example", password="a-long-password", is_operator=True, at=NOON)
    with pytest.raises(Forbidden):
        read_preferences(session, tenant_id=people["tenant"], user_id=operator.id)
    with pytest.raises(Forbidden):
        set_language(session, tenant_id=people["tenant"], user_id=operator.id, language="fr")


def test_an_operator_chooses_for_themselves_about_all_customers(session: Session, people: dict[str, str]) -> None:
    first, second = (
        create_user(session, email=f"{name}@t.example", password="a-long-password", is_operator=True, at=NOON).id
        for name in ("first", "second")
    )
    named = {"tenant_id": people["tenant"], "kind": MailKind.GAIN_SHARE_DESK}
    assert set_desk_language(session, user_id=second, language="fr").language == "fr"
    both = [(each.address, each.language) for each in recipients_of(session, **named)]
    assert both == [("first@t.example", "en"), ("second@t.example", "fr")]
    (kind,) = set_desk_preference(session, user_id=first, is_wanted=False).kinds
    assert not kind.is_wanted
    assert [each.address for each in recipients_of(session, **named)] == ["second@t.example"]
    with pytest.raises(Unprocessable):
        set_desk_language(session, user_id=second, language="de")


def test_a_customers_person_is_never_told_of_other_customers(session: Session, people: dict[str, str]) -> None:
    for user_id in (people["owner"], "usr_nobody"):
        with pytest.raises(Forbidden):
            read_desk_preferences(session, user_id=user_id)
        with pytest.raises(Forbidden):
            set_desk_preference(session, user_id=user_id, is_wanted=True)
    assert recipients_of(session, tenant_id=people["tenant"], kind=MailKind.GAIN_SHARE_DESK) == []
