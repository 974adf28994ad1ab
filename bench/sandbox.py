"""The Stripe sandbox in a process of its own, and the settings under which ours talks to it."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bench.servers import ROOT, free_port, wait_until_it_answers
from services import database
from services.settings import settings

READINGS_MAX = 20


@dataclass(frozen=True, slots=True)
class BenchSandbox:
    """A sandbox that answers, and what opens it."""

    address: str
    http: httpx.Client

    def control(self, name: str, **given: Any) -> dict[str, Any]:
        """What a control of the sandbox answers; it must succeed."""
        method = "GET" if name in {"clock", "counters"} else "POST"
        answer = self.http.request(method, f"/_control/{name}", json=given)
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document

    def call(self, method: str, path: str, form: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What somebody who is not us does at Stripe; it must succeed, a reading at the latest after some tries."""
        sent = {"data": dict(form or {})} if method == "POST" else {"params": dict(form or {})}
        for _ in range(READINGS_MAX):
            answer = self.http.request(method, path, **sent)
            if method != "GET" or answer.is_success:
                break
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document


@contextmanager
def stripe_sandbox() -> Iterator[BenchSandbox]:
    """An empty sandbox. Until it ends, this process and those it starts talk to it."""
    port, key = free_port(), f"sk_sandbox_{secrets.token_hex(16)}"
    address = f"http://127.0.0.1:{port}"
    os.environ["TALLYSTICK_STRIPE_SECRET_KEY"], os.environ["TALLYSTICK_STRIPE_ADDRESS"] = key, address
    command = [sys.executable, "-m", "app.cli", "sandbox", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        wait_until_it_answers(process, port, "/")
        with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=120) as http:
            yield BenchSandbox(address, http)
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def on_database(url: str) -> Iterator[None]:
    """Let this process work on a database."""
    os.environ["TALLYSTICK_DATABASE_URL"], os.environ["TALLYSTICK_LOG_LEVEL"] = url, "ERROR"
    settings.cache_clear()
    database.engine.cache_clear()
    try:
        yield
    finally:
        database.engine().dispose()
        database.engine.cache_clear()
        settings.cache_clear()
