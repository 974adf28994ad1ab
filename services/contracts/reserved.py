"""Reserved capacity as contracts: load the file, and load it again without a restart.

What is unchanged stays as it is. What has changed is a new contract in place of the old one, which is withdrawn; so is
that of a customer the file does not name any more. A subscription keeps the terms it is on until it is moved.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from models import Contract, ContractOrigin, Tenant
from services.contracts.agreements import (
    Paper,
    check_paper,
    draft_contract,
    subscriptions_on,
    withdraw_contract,
    work_out_contract,
)
from services.contracts.reserved_capacity import (
    BOOK,
    Reserved,
    ReservedFileRefused,
    of_terms,
    read_reserved,
    read_reserved_file,
)
from services.contracts.terms import TermsRefused
from services.errors import Conflict, NotFound, Refusal
from services.identity import find_tenant
from services.price_books.books import book_in_force
from services.price_books.files import Finding
from services.rules.periods import business_date
from services.settings import settings
from services.tenants import lock_head, read_tenant


class Change(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class ReservedChange:
    """What became of one customer's reserve. `still_on_older_terms` are subscriptions that were not moved to it."""

    tenant_id: str
    tenant_name: str
    change: Change
    contract_id: str
    plan_version_id: str
    warnings: tuple[str, ...] = ()
    still_on_older_terms: tuple[str, ...] = ()


def reload_reserved(session: Session, *, by: str, at: datetime) -> list[ReservedChange]:
    """Load the file of the settings again. Raises Conflict where none is set, and ReservedFileRefused."""
    path = settings().reserved_config
    if path is None:
        raise Conflict("No file of reserved capacity is set; set TALLYSTICK_RESERVED_CONFIG to one.")
    return load_reserved(session, path=path, by=by, at=at)


def load_reserved(session: Session, *, path: Path, by: str, at: datetime) -> list[ReservedChange]:
    """Bring the contracts to what the file says, all of it or none. Loading it again changes nothing.

    Raises ReservedFileRefused with every mistake, customers that are not known among them, and UnknownPriceBook.
    """
    written = read_reserved_file(path)
    book = book_in_force(session, code=BOOK)
    found: list[Finding] = []
    wanted: list[tuple[Tenant, Reserved]] = []
    for customer, entry in written.items():
        try:
            tenant = find_tenant(session, id_or_name=customer)
            reserved = read_reserved(path.name, customer, entry, book=book)
            wanted.append((tenant, _checked(session, path.name, tenant, reserved, at)))
        except ReservedFileRefused as refused:
            found += refused.findings
        except NotFound:
            found.append(Finding(path.name, customer, "is neither the id nor the name of a customer"))
    named = Counter(tenant.id for tenant, _ in wanted)
    found += [
        Finding(path.name, reserved.customer, "is a customer that the file names twice, by id and by name")
        for tenant, reserved in wanted
        if named[tenant.id] > 1
    ]
    if found:
        raise ReservedFileRefused(found)
    by_tenant = {tenant.id: (tenant, reserved) for tenant, reserved in wanted}
    standing = session.exec(_standing_contracts()).all()
    changes = []
    for tenant_id in sorted({*by_tenant, *(contract.tenant_id for contract in standing)}):  # heads in one order
        lock_head(session, tenant_id=tenant_id)
        if tenant_id in by_tenant:
            changes.append(_load(session, *by_tenant[tenant_id], by=by, at=at))
        else:
            changes += _withdraw(session, tenant_id, at=at)
    return changes


def _checked(session: Session, file: str, tenant: Tenant, reserved: Reserved, at: datetime) -> Reserved:
    """The same, once its terms are known to make a plan; with what that plan is warned about."""
    try:
        check_paper(_paper(reserved, tenant, at))
        made = work_out_contract(
            session, tenant_id=tenant.id, plan_code=reserved.plan.qualified_code, terms=reserved.terms
        )
    except TermsRefused as refused:
        raise of_terms(file, reserved.customer, refused) from refused
    except Refusal as refusal:
        key = ".".join(filter(None, (reserved.customer, refusal.field)))
        raise ReservedFileRefused([Finding(file, key, refusal.detail)]) from refusal
    said = [
        *reserved.warnings,
        *(Finding(file, f"{reserved.customer}.{each.key}", each.reason) for each in made.warnings),
    ]
    return Reserved(reserved.customer, reserved.entry, reserved.plan, reserved.terms, tuple(said))


def _load(session: Session, tenant: Tenant, reserved: Reserved, *, by: str, at: datetime) -> ReservedChange:
    before = session.exec(_standing_contracts().where(Contract.tenant_id == tenant.id)).first()
    made = work_out_contract(session, tenant_id=tenant.id, plan_code=reserved.plan.qualified_code, terms=reserved.terms)
    warnings = tuple(str(finding) for finding in reserved.warnings)
    if before is not None and _says_the_same(before, reserved, made.plan.version_id):
        return _change(before, tenant, Change.UNCHANGED, warnings)
    if before is not None:
        withdraw_contract(session, tenant_id=tenant.id, contract_id=before.id, at=at)
    contract = draft_contract(
        session,
        tenant_id=tenant.id,
        plan_code=reserved.plan.qualified_code,
        terms=reserved.terms,
        paper=_paper(reserved, tenant, at),
        origin=ContractOrigin.RESERVED,
        by=by,
        at=at,
    )
    change = Change.NEW if before is None else Change.CHANGED
    older = () if before is None else tuple(each.id for each in subscriptions_on(session, contract=before))
    has_other_terms = before is not None and before.plan_version_id != contract.plan_version_id
    return _change(contract, tenant, change, warnings, older if has_other_terms else ())


def _paper(reserved: Reserved, tenant: Tenant, at: datetime) -> Paper:
    """Valid from the day it is loaded, where the file names none."""
    entry = reserved.entry
    starts = entry.valid_from or business_date(at, tenant.timezone)
    return Paper(title=entry.title, reference=entry.reference, valid_from=starts, valid_until=entry.valid_until)


def _says_the_same(contract: Contract, reserved: Reserved, version_id: str) -> bool:
    entry = reserved.entry
    said = (version_id, entry.title, entry.reference, entry.valid_from or contract.valid_from, entry.valid_until)
    return said == (
        contract.plan_version_id, contract.title, contract.reference, contract.valid_from, contract.valid_until
    )  # fmt: skip


def _withdraw(session: Session, tenant_id: str, *, at: datetime) -> list[ReservedChange]:
    """The contract of a customer that the file does not name any more."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    changes = []
    for contract in session.exec(_standing_contracts().where(Contract.tenant_id == tenant_id)).all():
        withdraw_contract(session, tenant_id=tenant_id, contract_id=contract.id, at=at)
        older = tuple(each.id for each in subscriptions_on(session, contract=contract))
        changes.append(_change(contract, tenant, Change.WITHDRAWN, (), older))
    return changes


def _standing_contracts() -> SelectOfScalar[Contract]:
    return select(Contract).where(Contract.origin == ContractOrigin.RESERVED, col(Contract.withdrawn_at).is_(None))


def _change(
    contract: Contract, tenant: Tenant, change: Change, warnings: tuple[str, ...], older: tuple[str, ...] = ()
) -> ReservedChange:
    return ReservedChange(tenant.id, tenant.name, change, contract.id, contract.plan_version_id, warnings, older)


def as_document(changes: list[ReservedChange]) -> dict[str, Any]:
    """What a load did, for programs."""
    return {
        "contracts": [
            {
                "tenant_id": each.tenant_id,
                "tenant": each.tenant_name,
                "change": each.change.value,
                "contract_id": each.contract_id,
                "plan_version": each.plan_version_id,
                "warnings": list(each.warnings),
                "still_on_older_terms": list(each.still_on_older_terms),
            }
            for each in changes
        ]
    }
