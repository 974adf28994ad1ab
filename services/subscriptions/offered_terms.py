"""Which terms of a plan are meant: those sold under its code today, those a customer has, or those of its contract.

`terms` names them, beside the plan's code: "" for whoever starts means today's, and for who is on that plan its own;
`TODAY` means today's for anybody; else it is the id of one of the customer's contracts.
"""

from datetime import date
from typing import Final

from sqlmodel import Session

from models import Contract, Subscription, Tenant
from services.contracts.agreements import check_offered, read_contract
from services.errors import Unprocessable
from services.price_books.books import plan_in_force
from services.price_books.plans import Plan
from services.subscriptions.finding import plan_of

OWN: Final = ""
TODAY: Final = "today"


def terms_to_start(session: Session, *, tenant: Tenant, plan_code: str, terms: str, on: date) -> Plan:
    """The plan that is started. Raises UnknownPlan, NotFound, and Conflict for a contract not offered on that day."""
    if terms in (OWN, TODAY):
        return plan_in_force(session, plan_code=plan_code)
    return check_offered(session, contract_of(session, tenant_id=tenant.id, terms=terms), on=on)


def terms_to_change_to(session: Session, *, subscription: Subscription, plan_code: str, terms: str) -> str:
    """The plan version a subscription is changed to.

    Raises UnknownPlan, NotFound, and Unprocessable for today's terms of a plan that was agreed by contract.
    """
    own = plan_of(session, subscription)
    is_own = plan_code in (own.code, own.qualified_code)
    if terms == TODAY:
        if is_own and own.only_for is not None:
            raise Unprocessable("These terms were agreed with you by contract; ask us to change them.", field="terms")
        return plan_in_force(session, plan_code=own.qualified_code if is_own else plan_code).version_id
    if terms != OWN:
        return contract_of(session, tenant_id=subscription.tenant_id, terms=terms).plan_version_id
    return own.version_id if is_own else plan_in_force(session, plan_code=plan_code).version_id


def check_still_offered(session: Session, *, tenant_id: str, terms: str, on: date) -> None:
    """Raise Conflict where the terms are a contract's that cannot be taken up on that day."""
    if terms not in (OWN, TODAY):
        check_offered(session, contract_of(session, tenant_id=tenant_id, terms=terms), on=on)


def contract_of(session: Session, *, tenant_id: str, terms: str) -> Contract:
    """The contract that terms name. Raises NotFound, also where it is another customer's."""
    return read_contract(session, tenant_id=tenant_id, contract_id=terms)
