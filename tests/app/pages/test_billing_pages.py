"""Billing details and the seller in the portal: who may change them, and what is refused beside its field."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import reflex as rx
from sqlalchemy import Engine

from app.pages.billing_details import BillingDetailsPage
from app.pages.seller import SellerPage
from models import Role
from services.database import reading, transaction
from services.identity import create_tenant, create_user
from services.parties.billing_profiles import read_billing_profile
from services.parties.seller_profiles import read_seller
from services.sign_in import choose_tenant, open_session
from services.taxes.rates import added_tax_rates
from tests.app.pages.test_state_handlers import answers_of, connected, handlers_of

AT = datetime.now(UTC).replace(microsecond=0)
TYPED: dict[str, Any] = {
    "legal_name": "Acme Ltd.", "address": "77 Front Street\nSuite 3", "city": "Toronto", "region": "ON",
    "postal_code": "M5J 1E6", "country": "CA", "emails": "ap@acme.example; cfo@acme.example",
    "tax_ca_gst_hst": "123456782RT0001", "purchase_order": "PO 1", "language": "fr",
}  # fmt: skip


@pytest.fixture
def tenant_id(sqlite_engine: Engine) -> str:
    with transaction() as session:
        return create_tenant(session, name="Acme", currency="CAD", timezone="UTC", at=AT).id


def signed_in(tenant_id: str, role: Role | None, page: Any) -> rx.State:
    """A member with a role, or an operator who looks at the customer, with the page loaded."""
    with transaction() as session:
        if role is None:
            user = create_user(session, email="ops@seller.example", is_operator=True, at=AT)
        else:
            user = create_user(session, email=f"{role}@acme.example", tenant_id=tenant_id, role=role, at=AT)
        opened = open_session(session, user_id=user.id, at=AT)
        if role is None:
            choose_tenant(session, cookie_token=opened.cookie, tenant_id=tenant_id, at=AT)
    root = connected(opened.cookie)
    call(root, page, "load")
    return root


def state(root: rx.State, page: Any) -> Any:
    return root.get_substate(page.get_full_name().split("."))


def call(root: rx.State, page: Any, name: str, *arguments: Any) -> Any:
    return asyncio.run(answers_of(handlers_of(page)[name](state(root, page), *arguments)))


def kept(tenant_id: str) -> Any:
    with reading() as session:
        return read_billing_profile(session, tenant_id=tenant_id)


def test_an_owner_gives_the_details_and_sees_them_again(tenant_id: str) -> None:
    root = signed_in(tenant_id, Role.OWNER, BillingDetailsPage)
    assert not state(root, BillingDetailsPage).form.is_given
    call(root, BillingDetailsPage, "save", TYPED)
    profile = kept(tenant_id)
    assert (profile.address_lines, profile.emails) == (
        ["77 Front Street", "Suite 3"],
        ["ap@acme.example", "cfo@acme.example"],
    )
    form = state(root, BillingDetailsPage).form
    assert (form.legal_name, form.tax_ids["ca_gst_hst"], form.language) == ("Acme Ltd.", "123456782RT0001", "fr")


def test_a_viewer_changes_nothing(tenant_id: str) -> None:
    root = signed_in(tenant_id, Role.VIEWER, BillingDetailsPage)
    assert not state(root, BillingDetailsPage).may_change
    call(root, BillingDetailsPage, "save", TYPED)
    assert kept(tenant_id) is None
    assert "billing admin" in state(root, BillingDetailsPage).refusal


@pytest.mark.parametrize(("change", "field"), [({"city": ""}, "city"), ({"tax_eu_vat": "DE1"}, "tax_ids")])
def test_what_is_wrong_is_said_beside_its_field(tenant_id: str, change: dict[str, Any], field: str) -> None:
    root = signed_in(tenant_id, Role.BILLING_ADMIN, BillingDetailsPage)
    call(root, BillingDetailsPage, "save", TYPED | change)
    assert state(root, BillingDetailsPage).problem_field == field
    assert kept(tenant_id) is None


def test_an_exemption_is_granted_by_an_operator_only(tenant_id: str) -> None:
    asked = TYPED | {"is_tax_exempt": "on", "exemption_reason": "A school", "payment_days": "45"}
    root = signed_in(tenant_id, Role.OWNER, BillingDetailsPage)
    call(root, BillingDetailsPage, "save", asked)
    assert (kept(tenant_id).is_tax_exempt, kept(tenant_id).payment_days) == (False, None)
    operator = signed_in(tenant_id, None, BillingDetailsPage)
    call(operator, BillingDetailsPage, "save", asked)
    assert (kept(tenant_id).is_tax_exempt, kept(tenant_id).payment_days) == (True, 45)


def test_an_operator_says_who_sells_and_adds_a_rate(tenant_id: str) -> None:
    root = signed_in(tenant_id, None, SellerPage)
    call(root, SellerPage, "save", TYPED | {"emails": "ar@seller.example", "bank_details": "IBAN: DE02 1203"})
    with reading() as session:
        assert read_seller(session).bank_details == [{"label": "IBAN", "value": "DE02 1203"}]
    rate = {"country": "DE", "region": "", "code": "vat", "name": "VAT", "percentage": "19 %", "since": "2007-01-01"}
    call(root, SellerPage, "add_rate", rate)
    assert any(row.place == "Germany" and row.rate == "19 %" for row in state(root, SellerPage).rates)
    call(root, SellerPage, "add_rate", rate | {"since": ""})
    assert state(root, SellerPage).rate_field == "since"
    with reading() as session:
        assert len(added_tax_rates(session)) == 1


def test_a_member_does_not_see_the_seller(tenant_id: str) -> None:
    root = signed_in(tenant_id, Role.OWNER, SellerPage)
    call(root, SellerPage, "save", TYPED)
    assert state(root, SellerPage).refusal != ""
    with reading() as session:
        assert read_seller(session).version == 0
