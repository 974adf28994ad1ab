"""/v1/admin/contracts and /v1/admin/reload-reserved: what is agreed with single customers, for our own side."""

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from app import unit_of_work
from app.api.commands import Command, answered, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.listing import TenantQuery
from app.api.schemas.contracts import (
    ContractBody,
    ContractShown,
    ContractsShown,
    MoveBody,
    ReservedReloaded,
    StartContractBody,
    WhoseContract,
)
from app.api.schemas.subscription_changes import ChangeShown
from app.api.schemas.subscriptions import SubscriptionShown
from app.api.schemas.values import ID_PATTERN
from app.api.subscription_changes import shown
from services.api_keys import OPERATOR_SCOPE, Principal
from services.contracts import agreements as contracts
from services.contracts import moves as contract_moves
from services.contracts import reserved as reserved_contracts
from services.contracts.agreements import Paper
from services.database import Session
from services.price_books.books import plan_version
from services.rules.periods import business_date
from services.subscriptions.finding import plan_of
from services.tenants import read_tenant

router = api_router("/v1/admin", "Contracts")
ContractId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.get("/contracts", responses=problems(READ))
async def list_contracts(tenant_id: TenantQuery = None, caller: Principal = needs(OPERATOR_SCOPE)) -> ContractsShown:
    """A customer's contracts, the newest first; those that were withdrawn too."""
    tenant = await tenant_of(caller, named=tenant_id)

    def show(session: Session) -> ContractsShown:
        found = contracts.list_contracts(session, tenant_id=tenant, with_withdrawn=True)
        plans = [plan_version(session, version_id=each.plan_version_id) for each in found]
        return ContractsShown(contracts=[ContractShown.of(*pair) for pair in zip(found, plans, strict=True)])

    return await unit_of_work.read(show)


@router.post("/contracts", status_code=201, response_model=ContractShown, responses=problems(WRITE))
async def draft_contract(body: ContractBody, asked: Command = command(OPERATOR_SCOPE)) -> Response:
    """Keep a contract with the plan version its terms make, which only this customer can be on. Nothing starts yet."""
    tenant_id = await asked.tenant(named=body.tenant_id)

    def act(session: Session) -> ContractShown:
        today = business_date(asked.at, read_tenant(session, tenant_id=tenant_id).timezone)
        offer = {"tenant_id": tenant_id, "plan_code": body.plan_code, "terms": body.terms}
        made = contracts.work_out_contract(session, **offer)
        paper = Paper(body.title, body.valid_from or today, body.valid_until, body.reference, body.notes)
        contract = contracts.draft_contract(session, **offer, paper=paper, by=asked.caller.key_id, at=asked.at)
        return ContractShown.of(contract, made.plan, made.warnings)

    return await asked.carry_out(tenant_id, act, status=201)


@router.post(
    "/contracts/{contract_id}/start", status_code=201, response_model=SubscriptionShown, responses=problems(WRITE)
)
async def start_contract(
    contract_id: ContractId, body: StartContractBody, asked: Command = command(OPERATOR_SCOPE)
) -> Response:
    """Start a subscription on the terms of a contract."""
    tenant_id = await asked.tenant(named=body.tenant_id)

    def act(session: Session) -> SubscriptionShown:
        started = contracts.start_contract(
            session,
            tenant_id=tenant_id,
            contract_id=contract_id,
            start_date=body.start_date,
            interval=body.interval,
            collection=body.collection,
            name=body.name or body.site or "",
            site=body.site,
            at=asked.at,
        )
        return SubscriptionShown.of(started, plan_of(session, started))

    return await asked.carry_out(tenant_id, act, status=201)


@router.post("/contracts/{contract_id}/move", response_model=ChangeShown, responses=problems(WRITE))
async def move_to_contract(
    contract_id: ContractId, body: MoveBody, asked: Command = command(OPERATOR_SCOPE)
) -> Response:
    """Move a subscription to a contract, now or as what is paid ends. With `preview` nothing is changed."""
    tenant_id = await asked.tenant(named=body.tenant_id)

    def act(session: Session) -> ChangeShown:
        change = contract_moves.move_to_contract(
            session,
            tenant_id=tenant_id,
            contract_id=contract_id,
            subscription_id=body.subscription_id,
            interval=body.interval,
            when=body.when,
            preview=body.preview,
            by=asked.caller.key_id,
            at=asked.at,
        )
        return ChangeShown.of(change, shown(session, change.subscription), is_preview=body.preview)

    return await asked.carry_out(tenant_id, act)


@router.post("/contracts/{contract_id}/withdraw", response_model=ContractShown, responses=problems(WRITE))
async def withdraw_contract(
    contract_id: ContractId, body: WhoseContract, asked: Command = command(OPERATOR_SCOPE)
) -> Response:
    """Offer a contract no longer. A subscription that is on it keeps it."""
    tenant_id = await asked.tenant(named=body.tenant_id)

    def act(session: Session) -> ContractShown:
        found = contracts.withdraw_contract(session, tenant_id=tenant_id, contract_id=contract_id, at=asked.at)
        return ContractShown.of(found, plan_version(session, version_id=found.plan_version_id))

    return await asked.carry_out(tenant_id, act)


@router.post("/reload-reserved", response_model=ReservedReloaded, responses=problems(WRITE))
async def reload_reserved(asked: Command = command(OPERATOR_SCOPE)) -> Response:
    """Load the file of reserved capacity again, all of it or none. What is unchanged stays as it is, however often."""
    changes = await unit_of_work.run(reserved_contracts.reload_reserved, by=asked.caller.key_id, at=asked.at)
    return answered(reserved_contracts.as_document(changes))
