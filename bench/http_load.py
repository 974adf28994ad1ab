"""A load generator that costs little: requests written beforehand, one at a time on each kept-alive connection.

It speaks just enough HTTP/1.1 for a server that answers with Content-Length, and only to this machine.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import uvloop

HOST = "127.0.0.1"
CALL_SECONDS_MAX = 60


@dataclass(slots=True)
class Run:
    """What one run measured: seconds from first to last byte of each call, and of the whole."""

    calls: list[float] = field(default_factory=list)
    seconds: float = 0.0
    failures: dict[int, int] = field(default_factory=dict)


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One request, ready to send."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(body)}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def send_all(requests: list[bytes], *, port: int, clients: int, seconds_max: float, rate: float | None = None) -> Run:
    """Send the requests from so many connections until they are spent or the time is.

    Each connection sends its next request as soon as it has an answer or, with a `rate` of calls a second, when its
    turn comes. Then a call's time counts from its turn, so that what a late answer delays counts as delayed.
    """
    return uvloop.run(_send_all(requests, port, clients, seconds_max, rate))


async def _send_all(requests: list[bytes], port: int, clients: int, seconds_max: float, rate: float | None) -> Run:
    run = Run()
    connections = [await asyncio.open_connection(HOST, port) for _ in range(clients)]
    started = time.perf_counter()
    turns = _turns(requests, started, rate)
    await asyncio.gather(*(_client(pair, turns, run, started + seconds_max) for pair in connections))
    run.seconds = time.perf_counter() - started
    for _, writer in connections:
        writer.close()
    return run


def _turns(requests: list[bytes], started: float, rate: float | None) -> Iterator[tuple[bytes, float | None]]:
    """Each request with the time to send it at; None for at once."""
    for number, request in enumerate(requests):
        yield request, None if rate is None else started + number / rate


async def _client(
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    turns: Iterator[tuple[bytes, float | None]],
    run: Run,
    ends: float,
) -> None:
    reader, writer = connection
    for request, turn in turns:
        begun = time.perf_counter() if turn is None else turn
        if begun > ends:
            return
        if turn is not None and (early := turn - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        writer.write(request)
        status, _ = await asyncio.wait_for(read_answer(reader), CALL_SECONDS_MAX)
        run.calls.append(time.perf_counter() - begun)
        if status != 200:
            run.failures[status] = run.failures.get(status, 0) + 1


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next answer on a connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return status, await reader.readexactly(int(rest.partition(b"\r\n")[0]))
