"""A seller's books beside a Stripe sandbox: what tests of payments begin with.

`payments_world` has the sandbox set up from a price book, one customer, and a clock of its own that moves with the
sandbox's. Deliveries are taken from the sandbox's list of events, so that a test decides in which order they arrive.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sandbox_server import SandboxServer

from app import payments
from app.payments import Worked
from models import EventSource
from services.database import Engine, transaction
from services.gateways.stripe import connection as connections
from services.gateways.stripe.client import Stripe, open_stripe
from services.gateways.stripe.connection import Connection
from services.gateways.stripe.events import event_facts
from services.gateways.stripe.facts import EventFacts
from services.identity import create_tenant
from services.payments import inbox
from services.price_books import load_shipped_books
from services.stripe_setup import set_up


@dataclass
class PaymentsWorld:
    """Everything a test of payments uses."""

    sandbox: SandboxServer
    stripe: Stripe
    tenant_id: str
    _last_delivered: str = ""

    def now(self) -> datetime:
        """The time, as the sandbox has it."""
        return datetime.fromtimestamp(int(self.sandbox.control("clock")["now"]), UTC)

    def pass_time(self, **span: float) -> None:
        """Let time go by, on both sides."""
        self.sandbox.advance(int(timedelta(**span).total_seconds()), deliver=False)

    def events(self, *, after: str = "") -> list[EventFacts]:
        """What the sandbox has to tell, the oldest first; all of it, or what came after an event."""
        found: list[EventFacts] = []
        while True:
            page = self._page(found[-1].id if found else after)
            found += page
            if not page:
                return found

    def _page(self, after: str) -> list[EventFacts]:
        """Up to a hundred events after one. Stripe lists the newest first, so the first page is looked for from the end."""
        if after:
            listed = self.sandbox.call("GET", "/v1/events", {"limit": 100, "ending_before": after}).json()
            return [event_facts(document) for document in reversed(listed["data"])]
        oldest: list[dict[str, Any]] = []
        form: dict[str, Any] = {"limit": 100}
        while True:
            listed = self.sandbox.call("GET", "/v1/events", form).json()
            oldest += listed["data"]
            if not listed["has_more"]:
                return [event_facts(document) for document in reversed(oldest)]
            form["starting_after"] = listed["data"][-1]["id"]

    def deliver(self, events: Sequence[EventFacts]) -> int:
        """Put events into the inbox in this order; answers how many were new there."""
        with transaction() as session:
            return inbox.keep_events(
                session, account=self.stripe.account, events=events, source=EventSource.WEBHOOK, at=self.now()
            )

    def work(self) -> Worked:
        """Deliver all that happened and work until nothing is due, as often as the one leads to the other."""
        done = Worked()
        while True:
            new = self.events(after=self._last_delivered)
            self._last_delivered = new[-1].id if new else self._last_delivered
            self.deliver(new)
            round_ = payments.work_until_done(self.stripe, clock=self.now)
            done += round_
            if not new and round_.is_nothing:
                return done

    def transact(self, act: Callable[..., Any], **arguments: Any) -> Any:
        """Run a use case in a transaction."""
        with transaction() as session:
            return act(session, **arguments)


@pytest.fixture
def payments_world(
    engine: Engine, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PaymentsWorld]:
    """One customer billed in CAD, and a sandbox that offers what the price book does."""
    connected = Connection("sandbox", sandbox.secret_key, sandbox.address, "whsec_sandbox_of_the_tests")
    monkeypatch.setattr(connections, "connection", lambda: connected)
    stripe = open_stripe(connected)
    at = datetime.now(UTC)
    with transaction() as session:
        load_shipped_books(session, at=at)
        tenant = create_tenant(session, name="Acme", currency="CAD", timezone="America/Toronto", at=at)
    set_up(stripe, at=at, book_code="reliability")
    yield PaymentsWorld(sandbox, stripe, tenant.id)
