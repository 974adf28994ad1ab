"""`tallystick tenant`, `subscription`, `user` and `site`: who the customers are, and what they sign in with."""

import sys
from datetime import date, datetime
from typing import Annotated

import typer

from app.cli.output import AsJson, print_record, print_table
from app.cli.preparing import ready_database
from app.unit_of_work import now
from models import Collection, Interval, Role, Subscription
from services.assets.snapshots import add_site
from services.database import Session, reading, transaction
from services.identity import create_tenant, create_user, find_tenant
from services.price_books.books import book_in_force, plan_in_force
from services.subscriptions.arrears import former_plan
from services.subscriptions.finding import list_subscriptions, plan_of
from services.subscriptions.starting import create_subscription
from services.tenant_clocks import now_of

tenants = typer.Typer(help="Customers.", no_args_is_help=True)
subscriptions = typer.Typer(help="What customers have bought.", no_args_is_help=True)
users = typer.Typer(help="People who sign in.", no_args_is_help=True)
sites = typer.Typer(help="Places a customer may meter usage for.", no_args_is_help=True)

SomeTenant = Annotated[str | None, typer.Option("--tenant", metavar="ID|NAME", help="The customer.")]
ThisTenant = Annotated[str, typer.Option("--tenant", metavar="ID|NAME", help="The customer.", show_default=False)]
Day = Annotated[datetime | None, typer.Option("--start", formats=["%Y-%m-%d"], help="First day of the subscription.")]
AsOperator = Annotated[bool, typer.Option("--operator", help="For our own side, who may work for any customer.")]


@tenants.command("create")
def create_customer(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    *,
    plan: Annotated[str | None, typer.Option(help="Plan code, such as PRO or memory-cloud/pro.")] = None,
    start: Day = None,
    currency: Annotated[str | None, typer.Option(help="ISO 4217; the plan's unless given.")] = None,
    timezone: Annotated[str, typer.Option(help="IANA name; decides business dates and periods.")] = "UTC",
    as_json: AsJson = False,
) -> None:
    """Add a customer and, with --plan, start its subscription."""
    if start is not None and plan is None:
        raise typer.BadParameter("needs --plan as well", param_hint="--start")
    ready_database()
    at = now()
    with transaction() as session:
        tenant = create_tenant(
            session, name=name, currency=currency or _currency_of(session, plan), timezone=timezone, at=at
        )
        subscription_id = None
        if plan is not None:
            first_day: date | None = start.date() if start else None
            subscription_id = create_subscription(
                session, tenant_id=tenant.id, plan_code=plan, start_date=first_day, at=at
            ).id
    print_record({"tenant_id": tenant.id, "subscription_id": subscription_id}, as_json=as_json)


@subscriptions.command("create")
def start_subscription(
    *,
    tenant: ThisTenant,
    plan: Annotated[str, typer.Option(help="Plan code, such as PRO or memory-cloud/pro.", show_default=False)],
    name: Annotated[str, typer.Option(help="What one beside the main subscription is called, such as a team.")] = "",
    site: Annotated[
        str | None, typer.Option(help="The one site it is for; its code is the name, if none is given.")
    ] = None,
    start: Day = None,
    interval: Annotated[Interval, typer.Option(help="How often the base fee falls due.")] = Interval.MONTH,
    collection: Annotated[Collection, typer.Option(help="Who collects.")] = Collection.MANUAL,
    as_json: AsJson = False,
) -> None:
    """Start a subscription. Another beside the main one needs a name or a site."""
    ready_database()
    with transaction() as session:
        owner = find_tenant(session, id_or_name=tenant)
        made = create_subscription(
            session,
            tenant_id=owner.id,
            plan_code=plan,
            start_date=start.date() if start else None,
            interval=interval,
            collection=collection,
            name=name or site or "",
            site=site,
            at=now_of(session, tenant_id=owner.id, at=now()),
        )
    print_record({"tenant_id": owner.id, "subscription_id": made.id, "name": made.name or None}, as_json=as_json)


@subscriptions.command("list")
def show_subscriptions(*, tenant: ThisTenant, as_json: AsJson = False) -> None:
    """A customer's subscriptions, the main one first; those that have ended last."""
    ready_database()
    with reading() as session:
        owner = find_tenant(session, id_or_name=tenant)
        rows = [
            {
                "subscription_id": each.id,
                "name": each.name,
                "site": each.site,
                "plan": plan_of(session, each).qualified_code,
                "status": each.status.value,
                "back_on_once_paid": _restores(session, each),
                "current_period_end": each.current_period_end.isoformat(),
            }
            for each in list_subscriptions(session, tenant_id=owner.id)
        ]
    print_table(rows, as_json=as_json, empty=f"{owner.name} has no subscription yet.")


@users.command("create")
def create_person(
    email: Annotated[str, typer.Argument(metavar="EMAIL", show_default=False)],
    *,
    tenant: SomeTenant = None,
    role: Annotated[Role | None, typer.Option(help="What they may do for the customer.")] = None,
    operator: AsOperator = False,
    password_stdin: Annotated[bool, typer.Option(help="Read the password from the first line of input.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a person. The password is asked for; where nobody can be asked, one is generated and printed."""
    check_whose(tenant, operator)
    if (role is None) != (tenant is None):
        raise typer.BadParameter("goes with --tenant, and --tenant with it", param_hint="--role")
    password = _password(from_input=password_stdin)
    ready_database()
    with transaction() as session:
        owner = None if tenant is None else find_tenant(session, id_or_name=tenant)
        made = create_user(
            session,
            email=email,
            password=password,
            tenant_id=owner.id if owner else None,
            role=role,
            is_operator=operator,
            at=now(),
        )
    record = {"user_id": made.id, "email": made.email, "password": made.password}
    print_record(record, as_json=as_json)


@sites.command("add")
def add_place(
    code: Annotated[str, typer.Argument(metavar="CODE", show_default=False)],
    *,
    tenant: ThisTenant,
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a site that usage may name."""
    ready_database()
    with transaction() as session:
        owner = find_tenant(session, id_or_name=tenant)
        site = add_site(session, tenant_id=owner.id, code=code, name=name, at=now())
    print_record({"tenant_id": owner.id, "site": site.code}, as_json=as_json)


def check_whose(tenant: str | None, operator: bool) -> None:
    if operator == (tenant is not None):
        raise typer.BadParameter("give one of --tenant and --operator", param_hint="--tenant")


def _restores(session: Session, subscription: Subscription) -> str | None:
    """The plan that it was moved from because it is unpaid."""
    former = former_plan(session, subscription=subscription)
    return None if former is None else former.qualified_code


def _currency_of(session: Session, plan: str | None) -> str:
    return book_in_force(session).currency if plan is None else plan_in_force(session, plan_code=plan).currency


def _password(*, from_input: bool) -> str | None:
    """The password to set, or None to have one generated."""
    if from_input:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        return None
    typed: str = typer.prompt(
        "Password (empty: generate one)", default="", show_default=False, hide_input=True, err=True
    )
    if typed and typer.prompt("Again", hide_input=True, err=True) != typed:
        raise typer.BadParameter("they differ", param_hint="password")
    return typed or None
