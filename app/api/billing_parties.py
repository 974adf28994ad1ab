"""/v1/billing-profile, /v1/admin/seller and /v1/admin/tax-rates: who is billed, who bills, and which taxes apply."""

from fastapi import APIRouter
from starlette.responses import Response

from app import unit_of_work
from app.api.commands import Command, answered, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.listing import TenantQuery
from app.api.schemas.billing_parties import (
    BillingProfileBody,
    BillingProfileShown,
    SellerBody,
    SellerShown,
    TaxRateBody,
    TaxRateShown,
    TaxRatesShown,
)
from services.api_keys import OPERATOR_SCOPE, Principal
from services.database import Session
from services.parties import billing_profiles, seller_profiles
from services.taxes import rate_changes as tax_rate_changes
from services.taxes.rates import TaxRate

router: APIRouter = api_router("/v1", "Billing details and taxes")


@router.get("/billing-profile", responses=problems(READ))
async def read_billing_profile(
    tenant_id: TenantQuery = None, caller: Principal = needs("billing:read", "billing:write")
) -> BillingProfileShown:
    """To whom the customer's next invoice is addressed."""
    tenant = await tenant_of(caller, named=tenant_id)
    return BillingProfileShown.of(await unit_of_work.read(billing_profiles.read_billing_profile, tenant_id=tenant))


@router.put("/billing-profile", responses=problems(WRITE))
async def set_billing_profile(
    body: BillingProfileBody, caller: Principal = needs("billing:write")
) -> BillingProfileShown:
    """Put new details in force, for invoices from now on; final invoices keep what they said."""
    tenant = await tenant_of(caller, named=body.tenant_id)
    billing_profiles.check_may_grant(is_operator=caller.is_operator, terms=body.granted())
    profile = await unit_of_work.run(
        billing_profiles.change_billing_profile,
        tenant_id=tenant,
        details=body.details(),
        terms=body.granted(),
        by=caller.key_id,
        at=unit_of_work.now(),
    )
    return BillingProfileShown.of(profile)


@router.get("/admin/seller", responses=problems(READ))
async def read_seller(_caller: Principal = needs(OPERATOR_SCOPE)) -> SellerShown:
    """Who sends the invoices, where to pay, and the taxes we are registered for."""
    return SellerShown.of(await unit_of_work.read(seller_profiles.read_seller))


@router.put("/admin/seller", responses=problems(WRITE))
async def set_seller(body: SellerBody, caller: Principal = needs(OPERATOR_SCOPE)) -> SellerShown:
    """Put new details in force, for invoices from now on. The registrations say which taxes are charged."""
    seller = await unit_of_work.run(
        seller_profiles.change_seller, details=body.details(), by=caller.key_id, at=unit_of_work.now()
    )
    return SellerShown.of(seller)


@router.get("/admin/tax-rates", responses=problems(READ))
async def list_tax_rates(_caller: Principal = needs(OPERATOR_SCOPE)) -> TaxRatesShown:
    """The rates in force today and those to come."""
    found = await unit_of_work.read(tax_rate_changes.list_tax_rates, day=unit_of_work.now().date())
    return TaxRatesShown(tax_rates=[TaxRateShown.of(rate, is_added=is_added) for rate, is_added in found])


@router.post("/admin/tax-rates", status_code=201, response_model=TaxRateShown, responses=problems(WRITE))
async def add_tax_rate(body: TaxRateBody, asked: Command = command(OPERATOR_SCOPE)) -> Response:
    """Add a rate from a day on, or end a tax. The same rate again changes nothing, with a key or without."""

    def act(session: Session) -> TaxRateShown:
        said = body.model_dump() | {"percentage": body.exact()}
        row = tax_rate_changes.add_tax_rate(session, **said, by=asked.caller.key_id, at=asked.at)
        rate = TaxRate(row.country, row.region, row.code, row.name, row.percentage, row.since, row.is_federal)
        return TaxRateShown.of(rate, is_added=True)

    return answered(await unit_of_work.run(act), status=201)
