"""Webhooks: every event owed to an endpoint is a record first, then a signed POST, tried again until it is taken.

Waiting between tries is in real time, not on the sandbox's clock: the receiver is a real program that is really down.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from services.gateways import http_egress
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.world import API_VERSION, World, listens

TRIES_MAX = 10
BACKOFF_SECONDS = (1, 5, 25, 60, 120, 300)
TIMEOUT_SECONDS = 20.0
CONCURRENT_MAX = 8
REORDER_WINDOW = 16
MODES = ("normal", "drop", "duplicate", "reorder", "hold")

Post = Callable[[str, bytes, Mapping[str, str], float], int]


def signature(secret: str, body: bytes, at: int) -> str:
    """The Stripe-Signature header: HMAC-SHA256 of `{at}.{body}`."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Deliveries:
    """Owes, sends and retries. `mode` says what becomes of an event that is told from now on."""

    def __init__(self, world: World, post: Post = http_egress.post) -> None:
        self.world = world
        self.post = post
        self.mode = "normal"
        self._threads = ThreadPoolExecutor(CONCURRENT_MAX, thread_name_prefix="webhook")
        self._ready: list[str] = []
        self._retry_at: dict[str, float] = {}
        for record in world.store.all("_delivery"):
            self._ready.append(record["id"])
        world.on_emit = self.owe

    def owe(self, event: Document, endpoints: list[Document]) -> None:
        """Record that these endpoints are owed this event. In `drop` mode the event is lost on its way."""
        if self.mode == "drop":
            return
        for endpoint in endpoints:
            for _ in range(2 if self.mode == "duplicate" else 1):
                self._add(event["id"], endpoint["id"], held=self.mode == "hold")

    def _add(self, event_id: str, endpoint_id: str, *, held: bool) -> None:
        record: Document = {
            "id": self.world.new_id("_delivery"),
            "object": "_delivery",
            "event": event_id,
            "endpoint": endpoint_id,
            "tries": 0,
            "held": held,
        }
        self.world.store.put("_delivery", record)
        self._ready.append(record["id"])

    def resend(self, event: Document) -> int:
        """Owe an event again to every endpoint that listens to it; the count of those."""
        endpoints = [we for we in self.world.store.all("webhook_endpoint") if listens(we, event["type"])]
        for endpoint in endpoints:
            self._add(event["id"], endpoint["id"], held=False)
        return len(endpoints)

    def release(self) -> int:
        """Let go what was held; the count of it."""
        held = [record for record in self.world.store.all("_delivery") if record["held"]]
        for record in held:
            self.world.change("_delivery", record, {"held": False})
            self._ready.append(record["id"])
        return len(held)

    def forget(self) -> None:
        self._ready.clear()
        self._retry_at.clear()
        self.mode = "normal"

    async def deliver_pending(self) -> int:
        """Try everything that is due now, at most eight at once (one by one if turned round); the count of tries."""
        loop = asyncio.get_running_loop()
        batch = await loop.run_in_executor(self._threads, self._take_batch)
        if self.mode == "reorder":
            for identifier in batch:
                await loop.run_in_executor(self._threads, self._deliver, identifier)
        else:
            await asyncio.gather(*(loop.run_in_executor(self._threads, self._deliver, one) for one in batch))
        return len(batch)

    def close(self) -> None:
        """Wait for what is under way; the rest is sent after the next start."""
        self._threads.shutdown(cancel_futures=True)

    def _take_batch(self) -> list[str]:
        with self.world.lock:
            now = time.monotonic()
            due_again = [identifier for identifier, at in self._retry_at.items() if at <= now]
            for identifier in due_again:
                del self._retry_at[identifier]
            batch, self._ready = due_again + self._ready, []
            if self.mode == "reorder":
                windows = (batch[start : start + REORDER_WINDOW] for start in range(0, len(batch), REORDER_WINDOW))
                batch = [identifier for window in windows for identifier in reversed(window)]
            return batch

    def _deliver(self, identifier: str) -> None:
        with self.world.lock:
            prepared = self._prepare(identifier)
        if prepared is None:
            return
        url, body, headers = prepared
        try:
            taken = 200 <= self.post(url, body, headers, TIMEOUT_SECONDS) < 300
        except http_egress.EgressFailed:
            taken = False
        with self.world.lock:
            self._settle(identifier, taken=taken)
            self.world.store.commit()

    def _prepare(self, identifier: str) -> tuple[str, bytes, dict[str, str]] | None:
        store = self.world.store
        record = store.find("_delivery", identifier)
        if record is None or record["held"]:
            return None
        endpoint, event = store.find("webhook_endpoint", record["endpoint"]), store.find("event", record["event"])
        if endpoint is None or event is None or endpoint["status"] != "enabled":
            store.remove("_delivery", identifier)
            return None
        body = json.dumps(event).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": f"Stripe/1.0 (+https://stripe.com/docs/webhooks) sandbox {API_VERSION}",
            "Stripe-Signature": signature(endpoint["_secret"], body, int(time.time())),
        }
        return endpoint["url"], body, headers

    def _settle(self, identifier: str, *, taken: bool) -> None:
        store = self.world.store
        record = store.find("_delivery", identifier)
        if record is None:
            return
        tries = record["tries"] + 1
        if not taken and tries < TRIES_MAX:
            self.world.change("_delivery", record, {"tries": tries})
            self._retry_at[identifier] = time.monotonic() + BACKOFF_SECONDS[min(tries, len(BACKOFF_SECONDS)) - 1]
            return
        store.remove("_delivery", identifier)
        event = store.find("event", record["event"])
        if taken and event is not None:
            self.world.change("event", event, {"pending_webhooks": max(0, event["pending_webhooks"] - 1)})
