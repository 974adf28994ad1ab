"""Sixteen clients that never give up: whatever is not acknowledged is sent again until it is."""

import asyncio
import json
import random
from collections import deque
from collections.abc import Sequence
from itertools import islice

from bench.crashes.customers import RATES, Customer
from bench.crashes.memory import MICRO, Call, Event, Memory
from bench.http_load import HOST, post, read_answer

CLIENTS = 16
BATCH_MAX = 24
UNITS_MICRO_MAX = 3 * MICRO
TRACES = 40
KEPT_MAX = 200
CALL_SECONDS_MAX = 45
AWAY_SECONDS = 0.01
UNAVAILABLE_SECONDS = 0.1

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Crowd:
    """The clients of all customers, at servers that share one database. `ports` may change while they send."""

    def __init__(self, memory: Memory, customers: Sequence[Customer], ports: list[int], *, seed: int) -> None:
        self._memory = memory
        self._ports = ports
        self._customers = customers
        self._weights = [6 if customer.credits_micro_max is None else 1 for customer in customers]
        self._random = random.Random(seed)
        self._events = 0
        self._is_over = False
        self._clients: list[asyncio.Task[None]] = []
        self.slowest_seconds = 0.0

    def start(self) -> None:
        self._clients = [asyncio.create_task(self._client()) for _ in range(CLIENTS)]

    async def finish(self) -> None:
        """Send nothing new, and wait until everything sent is answered."""
        self._is_over = True
        await asyncio.gather(*self._clients)

    async def stop(self) -> None:
        """Leave at once."""
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _client(self) -> None:
        connection: Connection | None = None
        to_send: deque[Call] = deque()
        while to_send or not self._is_over:
            if not to_send:
                to_send.append(self._next_call())
            try:
                connection = connection or await self._connect()
                is_answered = await self._send(connection, to_send[0])
            except (OSError, asyncio.IncompleteReadError):
                if connection is not None:
                    self._memory.lose(to_send[0])
                    self._send_again(to_send)
                connection = _closed(connection)
                await asyncio.sleep(AWAY_SECONDS)
            except TimeoutError:
                connection = _closed(connection)
                self._memory.find(f"no answer in {CALL_SECONDS_MAX} seconds to {to_send[0].events[0].event_id}")
            else:
                if is_answered:
                    to_send.popleft()
                else:
                    self._send_again(to_send)
                    await asyncio.sleep(UNAVAILABLE_SECONDS)
        _closed(connection)

    async def _connect(self) -> Connection:
        """A connection to one of the servers: whichever is up."""
        for port in self._random.sample(self._ports, len(self._ports)):
            try:
                return await asyncio.open_connection(HOST, port)
            except OSError:
                continue
        raise ConnectionRefusedError

    async def _send(self, connection: Connection, call: Call) -> bool:
        reader, writer = connection
        documents = [event.document() for event in call.events]
        body = json.dumps(documents if call.is_batch else documents[0]).encode()
        headers = {"Authorization": f"Bearer {call.customer.key}"}
        if call.key is not None:
            headers["Idempotency-Key"] = call.key
        for event in call.events:
            self._memory.sent[event.event_id] = event
        begun = asyncio.get_running_loop().time()
        writer.write(post("/v1/usage/events" if call.is_batch else "/v1/usage/track", body, headers))
        async with asyncio.timeout(CALL_SECONDS_MAX):
            status, answer = await read_answer(reader)
        self.slowest_seconds = max(self.slowest_seconds, asyncio.get_running_loop().time() - begun)
        return self._memory.settle(call, status, json.loads(answer))

    def _next_call(self) -> Call:
        """Half are single events, half batches; some under an Idempotency-Key, a few once more after they were kept."""
        chance = self._random
        (customer,) = chance.choices(self._customers, self._weights)
        is_batch = chance.random() < 0.5
        events = tuple(self._new_event(customer) for _ in range(chance.randint(2, BATCH_MAX) if is_batch else 1))
        key = events[0].event_id if chance.random() < 0.15 else None
        if not is_batch and key is None and chance.random() < 0.1:
            events = (self._kept_event(customer) or events[0],)
        return Call(customer, events, is_batch, key)

    def _new_event(self, customer: Customer) -> Event:
        self._events += 1
        chance = self._random
        return Event(
            tenant_id=customer.tenant_id,
            event_id=f"{customer.plan.lower()}-{self._events}",
            event_type=chance.choice(tuple(RATES)),
            units_micro=chance.randint(1, UNITS_MICRO_MAX),
            trace_id=f"trace-{chance.randrange(TRACES)}" if chance.random() < 0.2 else None,
            meta={"run": self._events} if chance.random() < 0.1 else None,
        )

    def _kept_event(self, customer: Customer) -> Event | None:
        """One that was acknowledged: sent again, it must get its first answer."""
        for event_id in islice(reversed(self._memory.acknowledged), KEPT_MAX):
            event = self._memory.sent[event_id]
            if event.tenant_id == customer.tenant_id:
                return event
        return None

    def _send_again(self, to_send: deque[Call]) -> None:
        """A batch goes as it was or, sometimes, as single events: their answers tell the place of each."""
        call = to_send[0]
        self._memory.retried += len(call.events)
        if call.is_batch and call.key is None and self._random.random() < 0.2:
            to_send.popleft()
            to_send.extendleft(Call(call.customer, (event,), is_batch=False) for event in reversed(call.events))


def _closed(connection: Connection | None) -> None:
    if connection is not None:
        connection[1].close()
