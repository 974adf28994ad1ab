"""Every event handler of every page is a public call: anybody can send any of them, with any arguments.

Handlers are found by walking the States, so one written tomorrow is covered without a line here.
"""

import asyncio
import atexit
import hashlib
import inspect
import json
import shutil
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_origin

import pytest
import reflex as rx
from sqlalchemy import Engine, Table, select

from app import pages
from app.pages.plan_start import PlanStart
from app.session import COOKIE
from app.state_owner import StateOwner, forget_for_others
from models import Invoice, Role, Tenant, metadata, table_of
from services.assets.snapshots import add_site, record_snapshot
from services.database import reading, transaction
from services.identity import create_tenant, create_user
from services.metering import UsageInput, record_usage
from services.price_books.books import load_shipped_books
from services.rules.quantities import MICRO
from services.sign_in import choose_tenant, open_session
from services.subscriptions.starting import create_subscription
from tests.gain_share_given import accepted_baseline

AT = datetime.now(UTC).replace(microsecond=0)
SECRET = "marker7f3a9c"
PASSWORD = "a long enough password"


@dataclass(frozen=True)
class Customer:
    tenant_id: str
    subscription_id: str
    user_id: str
    invoice_id: str
    cookie: str

    @property
    def ids(self) -> tuple[str, ...]:
        """What a thief could know of a customer, and words that are no id at all."""
        return (self.tenant_id, self.subscription_id, self.user_id, self.invoice_id, f"{SECRET}-event", "PRO", "\x00")


def page_states(state: type[rx.State] = rx.State) -> Iterator[type[rx.State]]:
    """Every State the application defines."""
    for substate in sorted(state.get_substates(), key=lambda found: found.get_full_name()):
        if substate.__module__.startswith("app."):
            yield substate
        yield from page_states(substate)


def handlers_of(state: type[rx.State]) -> dict[str, Any]:
    """What the application itself wrote; Reflex's own handlers touch only the caller's state."""
    return {name: one.fn for name, one in state.event_handlers.items() if one.fn.__module__.startswith("app.")}


assert pages.MODULES, "importing the pages is what registers their States"
HANDLERS = [
    pytest.param(state, name, id=f"{state.__name__}.{name}") for state in page_states() for name in handlers_of(state)
]


@dataclass(frozen=True)
class Books:
    """One customer with the marker in everything a person could write, another who looks for it, and their database."""

    path: Path
    customers: tuple[Customer, Customer]
    rows: str


@pytest.fixture(scope="module")
def books(sqlite_template: Callable[[Callable[[], None]], Path]) -> Books:
    made: list[Any] = []

    def write() -> None:
        with transaction() as session:
            load_shipped_books(session, at=AT)
        made.extend((customer(SECRET, SECRET), customer("Other", "other")))
        made.append(rows_of(made[0].tenant_id))

    path = sqlite_template(write)
    return Books(path, (made[0], made[1]), made[2])


@pytest.fixture
def customers(books: Books, sqlite_engine: Engine) -> tuple[Customer, Customer]:
    """Both, in a copy of their database that is this test's own."""
    assert sqlite_engine.url.database is not None
    shutil.copyfile(books.path, sqlite_engine.url.database)
    return books.customers


def customer(name: str, word: str) -> Customer:
    start = (AT - timedelta(days=10)).date()
    with transaction() as session:
        tenant = create_tenant(session, name=f"{name} Ltd", currency="CAD", timezone="America/Toronto", at=AT)
        subscription = create_subscription(
            session, tenant_id=tenant.id, plan_code="ENTERPRISE", start_date=start, at=AT
        )
        user = create_user(
            session, email=f"{word}@example.com", password=PASSWORD, tenant_id=tenant.id, role=Role.OWNER, at=AT
        )
        add_site(session, tenant_id=tenant.id, code=f"{word}-site", name=f"{word} site", at=AT)
        used = UsageInput(
            None, "LLM_token_usage", 6_000_000 * MICRO, event_id=f"{word}-event", site=f"{word}-site",
            trace_id=f"{word}-trace", meta={word: word},
        )  # fmt: skip
        assert not isinstance(record_usage(session, tenant_id=tenant.id, events=[used], at=AT)[0], Exception)
        record_snapshot(session, tenant_id=tenant.id, asset_count=3_100, site_breakdown={f"{word}-site": 3_100}, at=AT)
        accepted_baseline(session, tenant.id, "mtbf_hours", "92", at=AT, document=f"{word}.pdf")
        opened = open_session(session, user_id=user.id, at=AT)
        invoice_id = session.execute(select(Invoice.id).where(Invoice.tenant_id == tenant.id)).scalar_one()
    return Customer(tenant.id, subscription.id, user.id, invoice_id, opened.cookie)


def connected(cookie: str = "", *, looking_at: str = "") -> rx.State:
    """A browser tab's whole state, as the websocket would have filled in what it knows of the request."""
    root = rx.State(_reflex_internal_init=True)
    look(root, cookie, looking_at=looking_at)
    return root


def look(root: rx.State, cookie: str, *, looking_at: str = "") -> None:
    headers = {"cookie": f"{COOKIE}={cookie}"} if cookie else {}
    query = {"invoice_id": looking_at, "tenant_id": looking_at, "seq": "2"} if looking_at else {}
    before = root.router_data
    root.router_data = {"headers": headers, "pathname": "/", "asPath": f"/?q={looking_at}", "query": query}
    root._update_router_vars(root.router_data, before)


def send(root: rx.State, state: type[rx.State], name: str, said: str = "") -> list[Any]:
    """Call a handler as a stranger could, with `said` wherever it takes text; what it answered, in order."""
    substate = root.get_substate(state.get_full_name().split("."))
    handler = handlers_of(state)[name]
    parameters = list(inspect.signature(handler).parameters.values())[1:]
    arguments = {one.name: value_for(one.annotation, said) for one in parameters}
    return wait_for(answers_of(handler(substate, **arguments)))


def wait_for(work: Coroutine[Any, Any, Any]) -> Any:
    """As `asyncio.run`, on one loop for all: making one takes longer than most handlers do."""
    return _runner.run(work)


_runner = asyncio.Runner()
atexit.register(_runner.close)


def value_for(annotation: Any, said: str) -> Any:
    kind = get_origin(annotation) or annotation
    named = str(annotation)
    if kind is dict or "dict" in named:
        return dict.fromkeys(("tenant_id", "invoice_id", "text", "units", "event_type", "plan_code"), said)
    if kind is list or "list" in named:
        return [said]
    if kind is bool or named == "bool":
        return True
    if kind in (int, float) or named in ("int", "float"):
        return 1
    return said


async def answers_of(called: Any) -> list[Any]:
    if inspect.isasyncgen(called):
        return [answer async for answer in called]
    return [await called if inspect.isawaitable(called) else called]


def everything_in(root: rx.State) -> str:
    """All the state holds, what the browser is not sent included; not what the browser itself said of the request.

    A field that nothing has touched has no value yet, and would be given what its class says, the same for everybody.
    """
    held: dict[str, Any] = {}
    for substate in walk(root):
        computed = {name: substate.get_value(name) for name in substate.computed_vars}
        touched = {name: value for name, value in vars(substate).items() if name in type(substate).__fields__}
        held[substate.get_full_name()] = {
            name: value for name, value in (touched | computed).items() if "router" not in name
        }
    return repr(held)


def walk(state: Any) -> Iterator[Any]:
    yield state
    for substate in state.substates.values():
        yield from walk(substate)


def rows_of(tenant_id: str) -> str:
    """A digest of every row the customer owns."""
    digest = hashlib.sha256()
    with reading() as session:
        for read in ROWS_OF_ONE:
            digest.update(repr((read, session.connection().exec_driver_sql(read, (tenant_id,)).all())).encode())
    return digest.hexdigest()


def rows_of_one(table: Table) -> str:
    """The statement that reads them, on SQLite; "" where a table has none of any customer's."""
    key = "id" if table is table_of(Tenant) else "tenant_id"
    order = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
    return f'SELECT * FROM "{table.name}" WHERE "{key}" = ? ORDER BY {order}' if key in table.c else ""


ROWS_OF_ONE = [read for table in metadata.sorted_tables if (read := rows_of_one(table))]


def is_way_to_sign_in(answer: Any) -> bool:
    return isinstance(answer, rx.event.EventSpec) and "/sign-in/" in str(answer.args)


def test_there_are_handlers_to_look_at() -> None:
    assert {"OverviewPage.load", "PlanStart.start", "AdminPage.find"} <= {str(one.id) for one in HANDLERS}


@pytest.mark.parametrize(("state", "name"), HANDLERS)
def test_nobody_signed_in_is_sent_to_sign_in_and_sees_nothing(
    books: Books, customers: tuple[Customer, Customer], state: type[rx.State], name: str
) -> None:
    owner, _ = customers
    for cookie in ("", "no-such-session"):
        for said in owner.ids:
            root = connected(cookie, looking_at=owner.invoice_id)
            answers = send(root, state, name, said)
            assert is_way_to_sign_in(answers[-1]), answers
            assert SECRET not in everything_in(root).replace(f"{SECRET}-event", "")
    assert rows_of(owner.tenant_id) == books.rows


@pytest.mark.parametrize(("state", "name"), HANDLERS)
def test_a_member_of_another_customer_sees_and_changes_nothing(
    books: Books, customers: tuple[Customer, Customer], state: type[rx.State], name: str
) -> None:
    owner, stranger = customers
    for said in owner.ids:
        root = connected(stranger.cookie, looking_at=owner.invoice_id)
        if "load" in handlers_of(state):
            send(root, state, "load", said)
        answers = send(root, state, name, said)
        assert SECRET not in everything_in(root).replace(f"{SECRET}-event", "")
        assert SECRET not in repr([str(answer and answer.args) for answer in answers]).replace(f"{SECRET}-event", "")
    assert rows_of(owner.tenant_id) == books.rows


def test_the_marker_is_found_where_it_may_be_seen(customers: tuple[Customer, Customer]) -> None:
    owner, _ = customers
    seen = set()
    for state in page_states():
        if "load" in handlers_of(state):
            root = connected(owner.cookie, looking_at=owner.invoice_id)
            send(root, state, "load")
            seen |= {state.__name__} if SECRET in everything_in(root) else set()
    assert {"OverviewPage", "PlansPage", "UsagePage", "ReceiptPage", "VerifyPage"} <= seen


@pytest.mark.parametrize("next_one", ["stranger", "nobody"])
def test_a_tab_forgets_the_one_who_signed_out_before_another_is_shown_anything(
    customers: tuple[Customer, Customer], next_one: str
) -> None:
    owner, stranger = customers
    root = connected(owner.cookie, looking_at=owner.invoice_id)
    wait_for(forget_for_others(root))
    for state in page_states():
        if "load" in handlers_of(state):
            send(root, state, "load")
    assert SECRET in everything_in(root)
    wait_for(forget_for_others(root))
    assert SECRET in everything_in(root), "the same person, whose connection came back"
    look(root, stranger.cookie if next_one == "stranger" else "")
    wait_for(forget_for_others(root))
    assert SECRET not in everything_in(root)


def test_who_owns_a_state_is_not_sent_to_the_browser(customers: tuple[Customer, Customer]) -> None:
    owner, _ = customers
    root = connected(owner.cookie)
    wait_for(forget_for_others(root))
    assert root.get_substate(StateOwner.get_full_name().split("."))._owner.startswith(owner.user_id)
    assert owner.user_id in everything_in(root)
    assert owner.user_id not in json.dumps(root.dict(), default=repr)


def test_what_was_asked_for_one_customer_is_not_started_for_another(
    customers: tuple[Customer, Customer],
) -> None:
    """An operator, or a member of several customers, chooses another one in a second tab."""
    with transaction() as session:
        shown, chosen = (
            create_tenant(session, name=name, currency="CAD", timezone="UTC", at=AT).id for name in ("Shown", "Chosen")
        )
        user = create_user(session, email="us@example.com", password=PASSWORD, is_operator=True, at=AT)
        cookie = open_session(session, user_id=user.id, at=AT).cookie
        choose_tenant(session, cookie_token=cookie, tenant_id=shown, at=AT)
    root = connected(cookie)
    send(root, PlanStart, "load")
    page = root.get_substate(PlanStart.get_full_name().split("."))
    wait_for(answers_of(handlers_of(PlanStart)["ask"](page, "PRO", "month")))
    assert page.asked.plan_code != ""
    with transaction() as session:
        choose_tenant(session, cookie_token=cookie, tenant_id=chosen, at=AT)
    before = rows_of(chosen)
    send(root, PlanStart, "start")
    assert rows_of(chosen) == before
