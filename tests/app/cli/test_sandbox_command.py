"""`tallystick sandbox`: it says how to use it, answers, remembers in its file, and ends when told to."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app.cli.commands import cli
from services.settings import settings

START_SECONDS_MAX = 60


@contextmanager
def running(root: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """The command in a process of its own; its address and its key."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "app.cli", "sandbox", "--port", port, "--state", str(folder / "state.db")]
    environment = os.environ | {"TALLYSTICK_DATABASE_URL": f"sqlite:///{folder / 'portal.db'}", "PYTHONUNBUFFERED": "1"}
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log)
        try:
            yield _wait(f"http://127.0.0.1:{port}", folder / "log", process)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0, (folder / "log").read_text()


def _wait(address: str, log: Path, process: "subprocess.Popen[bytes]") -> tuple[str, str]:
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx.get(f"{address}/", timeout=2)
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        found = re.search(r"TALLYSTICK_STRIPE_SECRET_KEY=(\S+)", log.read_text())
        assert found is not None
        return address, found[1]
    pytest.fail(f"the sandbox did not start:\n{log.read_text()}")


@pytest.mark.slow
def test_it_serves_and_remembers(project_root: Path, tmp_path: Path) -> None:
    with running(project_root, tmp_path) as (address, key):
        headers = {"Authorization": f"Bearer {key}"}
        made = httpx.post(f"{address}/v1/customers", data={"email": "ada@example.com"}, headers=headers).json()
        assert "Stripe sandbox" in httpx.get(f"{address}/").text
    with running(project_root, tmp_path) as (address, again):
        assert again == key
        kept = httpx.get(f"{address}/v1/customers/{made['id']}", headers=headers).json()
        assert kept["email"] == "ada@example.com"


def test_it_refuses_where_customers_pay_for_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_PUBLIC_URL", "https://bills.example")
    settings.cache_clear()
    result = CliRunner().invoke(cli, ["sandbox"])
    settings.cache_clear()
    assert result.exit_code == 1
    assert "there customers pay for real" in result.output


def test_a_port_that_is_taken_is_said_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = CliRunner().invoke(cli, ["sandbox", "--port", str(taken.getsockname()[1])])
    assert result.exit_code == 1
    assert "cannot be listened on" in result.output
