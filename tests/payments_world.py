"""A seller's books beside a Stripe sandbox: what tests of payments begin with.

`payments_world` has the sandbox set up from a price book, one customer, and one clock for both sides. Deliveries are
taken from the sandbox's list of events, so that a test decides in which order they arrive. `served_world` has the API
on a port as well, and the sandbox delivers to it over HTTP.

Whatever loads Stripe's package is imported by what uses it: every run of pytest loads this file.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import SQLModel, select

from models import Checkout, EventSource, Interval, Invoice, StripeCall, StripeEvent, Subscription, Tenant
from services.database import reading, transaction
from tests.given import owner_of
from tests.payments_copies import ToldOnce
from tests.sandbox_server import START_SECONDS_MAX, SandboxServer, _free_port

if TYPE_CHECKING:
    from app.payments import Worked
    from services.gateways.stripe.client import Stripe
    from services.gateways.stripe.facts import EventFacts
    from tests.hosted_pages import Visitor

SECRET = "whsec_of_the_tests"
_MARKS = {
    "customer": ("tallystick_tenant",),
    "subscription": ("tallystick_call",),
    "invoice": ("tallystick_invoice", "tallystick_part"),
    "invoiceitem": ("tallystick_invoice", "tallystick_line"),
    "credit_note": ("tallystick_credit_note",),
    "refund": ("tallystick_refund",),
}
TURNS_MAX = 60


@dataclass
class PaymentsWorld:
    """Everything a test of payments uses."""

    sandbox: SandboxServer
    stripe: "Stripe"
    tenant_id: str
    _last_delivered: str = ""
    _visitors: "list[Visitor]" = field(default_factory=list)

    def now(self) -> datetime:
        """The time, as the sandbox has it."""
        world = self.sandbox.sandbox.world
        with world.lock:
            return datetime.fromtimestamp(world.clock.now(), UTC)

    def pass_time(self, **span: float) -> None:
        """Let time go by, on both sides. Nothing is worked on meanwhile."""
        self.sandbox.advance(int(timedelta(**span).total_seconds()), deliver=False)

    def pass_until(self, moment: datetime) -> None:
        """Let time go by until then."""
        self.sandbox.control("advance", to=int(moment.timestamp()), deliver=False)

    def reach(self, moment: datetime) -> None:
        """Let time go by until then, unless it is later already."""
        if self.now() < moment:
            self.pass_until(moment)

    def live(self, *, until: datetime, step: timedelta = timedelta(hours=1)) -> None:
        """Let time go by in steps, and do in each what our own clock would have done."""
        while self.now() < until:
            self.pass_until(min(self.now() + step, until))
            self.tick()

    def tick(self) -> None:
        """What runs by itself: events and calls, the closing of periods, reminders."""
        from app import jobs, payments

        self.work()
        assert not jobs.close_due_periods(at=self.now()).failed
        payments.advance_dunnings(at=self.now())
        self.work()

    def events(self, *, after: str = "") -> "list[EventFacts]":
        """What the sandbox has to tell, the oldest first; all of it, or what came after an event."""
        from services.gateways.stripe.events import event_facts

        world = self.sandbox.sandbox.world
        with world.lock:
            documents = list(world.store.all("event"))
        ids = [document["id"] for document in documents]
        first = ids.index(after) + 1 if after else 0
        return [event_facts(document) for document in documents[first:]]

    def undelivered(self) -> "list[EventFacts]":
        """What happened since the last time that was asked; the caller delivers it."""
        new = self.events(after=self._last_delivered)
        self._last_delivered = new[-1].id if new else self._last_delivered
        return new

    def deliver(self, events: "Sequence[EventFacts]") -> int:
        """Put events into the inbox in this order; answers how many were new there."""
        from services.payments import inbox

        with transaction() as session:
            return inbox.keep_events(
                session, account=self.stripe.account, events=events, source=EventSource.WEBHOOK, at=self.now()
            )

    def work(self) -> "Worked":
        """Deliver all that happened and work until nothing is due, as often as the one leads to the other."""
        from app import payments

        done = payments.Worked()
        while True:
            new = self.undelivered()
            self.deliver(new)
            round_ = payments.work_until_done(self.stripe, clock=self.now)
            done += round_
            if not new and round_.is_nothing:
                return done

    def work_deaf(self) -> "Worked":
        """Work until nothing is due, though nothing that happens is told."""
        from app import payments

        return payments.work_until_done(self.stripe, clock=self.now)

    def transact(self, act: Callable[..., Any], **arguments: Any) -> Any:
        """Run a use case in a transaction."""
        with transaction() as session:
            return act(session, **arguments)

    def rows(self, model: type[SQLModel], **equal: Any) -> list[Any]:
        """All rows of a table with these values, by their keys."""
        keys = [column.name for column in model.__table__.primary_key]  # type: ignore[attr-defined]
        with reading() as session:
            found = session.exec(select(model).filter_by(**equal)).all()
        return sorted(found, key=lambda row: [str(getattr(row, key)) for key in keys])

    def row(self, model: type[SQLModel], **equal: Any) -> Any:
        """The only row of a table with these values."""
        (found,) = self.rows(model, **equal)
        return found

    def invoices(self, tenant_id: str | None = None) -> list[Invoice]:
        """A customer's invoices, in the order of their numbers."""
        return sorted(self.rows(Invoice, tenant_id=tenant_id or self.tenant_id), key=lambda each: each.number or 0)

    def subscription(self, tenant_id: str | None = None) -> Subscription:
        """A customer's only subscription."""
        found: Subscription = self.row(Subscription, tenant_id=tenant_id or self.tenant_id)
        return found

    def add_customer(self, name: str, timezone: str = "America/Toronto") -> str:
        """One more customer billed in CAD."""
        from services.identity import create_tenant

        made: Tenant = self.transact(create_tenant, name=name, currency="CAD", timezone=timezone, at=self.now())
        return made.id

    def at_stripe(self, kind: str, **equal: Any) -> list[dict[str, Any]]:
        """What the sandbox itself holds of a kind, the oldest first; `__` in a name stands for a dot."""
        world = self.sandbox.sandbox.world
        with world.lock:
            documents = [dict(document) for document in world.store.all(kind)]
        return [each for each in documents if all(_within(each, path) == value for path, value in equal.items())]

    def ask(self, method: str, path: str, form: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What somebody else does at Stripe, who is not us; it must succeed."""
        answer = self.sandbox.call(method, path, dict(form or {}))
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def use(self, units: str, event_type: str = "LLM_token_usage", tenant_id: str | None = None) -> None:
        """Meter an event now; it must be accepted."""
        from tests.given import event, metered

        with transaction() as session:
            metered(session, tenant_id or self.tenant_id, event(units, event_type), at=self.now())

    def assert_all_agrees(self) -> None:
        """Nothing waits or failed, each of ours is at Stripe once, and every invoice comes to the same on all sides."""
        from app import reconciling
        from tests.given import assert_books_agree

        assert [(row.type, row.status, row.error) for row in self.rows(StripeEvent) if not row.done_at] == []
        assert [(row.key, row.status, row.error) for row in self.rows(StripeCall) if not row.done_at] == []
        found = reconciling.check_all(self.stripe, at=self.now())
        assert [each.differences for each in found.differing] == []
        assert [(row.stripe_id, row.status, row.total_minor) for row in found.unknown] == []
        self.assert_nothing_doubled()
        for tenant in self.rows(Tenant):
            with transaction() as session:
                assert_books_agree(session, tenant.id)

    def assert_nothing_doubled(self) -> None:
        """What we made at Stripe is marked with what it is for: no mark is on two things, no line on two drafts."""
        for kind, names in _MARKS.items():
            marked = [
                (
                    *(each.get("metadata", {}).get(name) for name in names),
                    each.get("invoice") if kind == "credit_note" else kind,
                )
                for each in self.at_stripe(kind)
            ]
            counted = Counter(mark for mark in marked if all(mark))
            assert {mark: count for mark, count in counted.items() if count > 1} == {}, kind

    def visitor(self) -> "Visitor":
        """A person with a browser of their own."""
        from tests.hosted_pages import Visitor

        self._visitors.append(Visitor())
        return self._visitors[-1]

    def open_checkout(
        self,
        plan_code: str = "PRO",
        *,
        interval: Interval = Interval.MONTH,
        tenant_id: str | None = None,
        **named: str,
    ) -> Checkout:
        """Begin a purchase, up to where the hosted page is open."""
        from app import checkout
        from services.payments.checkouts import ask_checkout

        tenant = tenant_id or self.tenant_id
        asked = self.transact(
            ask_checkout,
            tenant_id=tenant,
            plan_code=plan_code,
            interval=interval,
            account=self.stripe.account,
            at=self.now(),
            **named,
        )
        return asyncio.run(checkout.open_checkout(tenant_id=tenant, checkout_id=asked.id))

    def pay(self, opened: Checkout, *, code: str | None = None, **card: str) -> "Visitor":
        """Pay on the hosted page of a checkout, with a card that works unless another is given."""
        from tests.hosted_pages import CARD

        person = self.visitor().open(str(opened.url))
        if code is not None:
            person.press("apply_code", code=code)
        return person.press("pay", email="ada@acme.example", **{**CARD, **card})

    def buy(
        self, plan_code: str = "PRO", *, tenant_id: str | None = None, code: str | None = None, **named: str
    ) -> Checkout:
        """Buy a plan and let the news of it arrive; under a name of its own, or for a site."""
        opened = self.open_checkout(plan_code, tenant_id=tenant_id, **named)
        self.pay(opened, code=code)
        self.work()
        return opened

    def close(self) -> None:
        """Close the browsers."""
        for visitor in self._visitors:
            visitor.close()


def _within(document: dict[str, Any], path: str) -> Any:
    value: Any = document
    for name in path.split("__"):
        value = value.get(name) if isinstance(value, dict) else None
    return value


@pytest.fixture
def begins_at(zone: str) -> datetime | None:
    """The moment a world begins at; None for now. Parametrize a test with it to begin at another.

    In the last hours of a short month, while it is the next in UTC, Stripe renews a day after us what is bought then
    (docs/decisions/0015-collecting.md). `test_hard_dates` is about such moments; other worlds begin some hours before.
    """
    now = datetime.now(UTC)
    is_apart = now.day == 1 and now.astimezone(ZoneInfo(zone)).day in {28, 29, 30}
    return now - timedelta(hours=6) if is_apart else None


@pytest.fixture
def zone() -> str:
    """Where a world's first customer lives. Parametrize a test with it to have it elsewhere."""
    return "America/Toronto"


@pytest.fixture
def payments_world(
    engine: Engine,
    sandbox: SandboxServer,
    told_once: ToldOnce,
    monkeypatch: pytest.MonkeyPatch,
    begins_at: datetime | None,
    zone: str,
) -> Iterator[PaymentsWorld]:
    """One customer billed in CAD, and a sandbox that offers what the price book does; on both databases."""
    with _world(sandbox, monkeypatch, begins_at) as world:
        if begins_at is None and engine.dialect.name == "sqlite":
            told_once.tell(world, open_shop, zone)
        else:
            open_shop(world, zone)
        yield world


@pytest.fixture
def sqlite_payments_world(
    sqlite_engine: Engine,
    sandbox: SandboxServer,
    told_once: ToldOnce,
    monkeypatch: pytest.MonkeyPatch,
    begins_at: datetime | None,
    zone: str,
) -> Iterator[PaymentsWorld]:
    """The same on SQLite alone."""
    with _world(sandbox, monkeypatch, begins_at) as world:
        if begins_at is None:
            told_once.tell(world, open_shop, zone)
        else:
            open_shop(world, zone)
        yield world


def open_shop(world: PaymentsWorld, zone: str) -> None:
    """Load the price books, offer one of them at Stripe, and add a customer."""
    from services.payments.stripe_setup import set_up
    from services.price_books.books import load_shipped_books

    world.transact(load_shipped_books, at=world.now())
    world.tenant_id = world.add_customer("Acme", zone)
    set_up(world.stripe, at=world.now(), book_code="reliability")


@contextmanager
def _world(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, begins_at: datetime | None
) -> Iterator[PaymentsWorld]:
    from app import unit_of_work
    from app.cli import payments as commands
    from services.gateways.stripe.client import stripe
    from services.settings import settings

    monkeypatch.setenv("TALLYSTICK_STRIPE_SECRET_KEY", sandbox.secret_key)
    monkeypatch.setenv("TALLYSTICK_STRIPE_ADDRESS", sandbox.address)
    monkeypatch.setenv("TALLYSTICK_STRIPE_WEBHOOK_SECRET", SECRET)
    settings.cache_clear()
    if begins_at is not None:
        sandbox.begin_at(begins_at)
    world = PaymentsWorld(sandbox, stripe(), tenant_id="")
    monkeypatch.setattr(unit_of_work, "now", world.now)
    monkeypatch.setattr(commands, "now", world.now)
    try:
        yield world
    finally:
        world.close()


class ServedPortal:
    """The API on a port of this machine, and a caller of it with a key."""

    def __init__(self, key: str) -> None:
        from granian.constants import Interfaces
        from granian.server.embed import Server

        from app.api import create_api

        self.port = _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._http = httpx.Client(base_url=self.address, timeout=30, headers={"Authorization": f"Bearer {key}"})
        self._loop = asyncio.new_event_loop()
        self._server = Server(
            create_api(),
            address="127.0.0.1",
            port=self.port,
            interface=Interfaces.ASGI,
            websockets=False,
            log_enabled=False,
        )
        self._thread = threading.Thread(target=self._serve, name="portal", daemon=True)

    def start(self) -> None:
        """Serve, and return once it answers."""
        self._thread.start()
        until = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < until:
            try:
                if self._http.get("/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
        raise AssertionError(f"the portal did not answer at {self.address} in {START_SECONDS_MAX:.0f} s")

    def stop(self) -> None:
        """End the server and its thread."""
        self._http.close()
        self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(10)

    def call(self, method: str, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
        """One call that must be answered with this status; the answer's document."""
        answer = self._http.request(method, path, json=body, headers=headers)
        assert answer.status_code == status, f"{method} {path} answered {answer.status_code}: {answer.text}"
        return answer.json()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._server.serve())


@dataclass
class ServedWorld:
    """The world with the API on a port. The sandbox delivers to it over HTTP, and nothing else brings the news."""

    world: PaymentsWorld
    portal: ServedPortal

    def work(self) -> None:
        """Deliver and work until nothing is left of either."""
        from app import payments

        for _ in range(TURNS_MAX):
            before = len(self.world.at_stripe("event"))
            self.world.sandbox.settle()
            done = payments.work_until_done(self.world.stripe, clock=self.world.now)
            if done.is_nothing and len(self.world.at_stripe("event")) == before and not self._owed():
                return
        raise AssertionError(f"deliveries and work did not come to an end in {TURNS_MAX} turns")

    def live(self, *, until: datetime, step: timedelta = timedelta(hours=1)) -> None:
        """Let time go by in steps, and do in each what our own clock would have done."""
        from app import jobs, payments

        while self.world.now() < until:
            self.world.pass_until(min(self.world.now() + step, until))
            self.work()
            assert not jobs.close_due_periods(at=self.world.now()).failed
            payments.advance_dunnings(at=self.world.now())
            self.work()

    def _owed(self) -> int:
        return len(self.world.at_stripe("_delivery"))


@pytest.fixture
def served_world(payments_world: PaymentsWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedWorld]:
    """The API on a port, with a key of the customer's that may do everything; on both databases."""
    from app.api import stripe_webhook
    from services.api_keys import TENANT_SCOPES, create_api_key
    from services.settings import settings
    from services.stripe_sandbox.deliveries import signature

    world = payments_world
    made = world.transact(
        create_api_key, tenant_id=world.tenant_id, scopes=TENANT_SCOPES, maker=owner_of(world.tenant_id), at=world.now()
    )
    portal = ServedPortal(made.key)
    secret = world.sandbox.webhooks(f"{portal.address}{stripe_webhook.PATH}")
    monkeypatch.setenv("TALLYSTICK_STRIPE_WEBHOOK_SECRET", secret)
    settings.cache_clear()
    stripe_webhook.forget_secrets()
    deliveries = world.sandbox.sandbox.deliveries
    post = deliveries.post

    def post_at_our_time(url: str, body: bytes, headers: Mapping[str, str], seconds_max: float) -> int:
        """Signed when our clock says, which may be months ahead of this machine's."""
        signed = signature(secret, body, int(world.now().timestamp()))
        return post(url, body, {**headers, "Stripe-Signature": signed}, seconds_max)

    monkeypatch.setattr(deliveries, "post", post_at_our_time)
    portal.start()
    yield ServedWorld(world, portal)
    portal.stop()
