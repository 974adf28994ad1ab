"""Servers in processes of their own, on a free port of this machine."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS_MAX = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tallystick(database_url: str, *arguments: str) -> str:
    """What a command prints on its standard output."""
    command = [sys.executable, "-m", "app.cli", *arguments]
    environment = environment_for(database_url)
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode()


@contextmanager
def api_server(database_url: str, *, workers: int, port: int | None = None) -> Iterator[int]:
    """The port of `tallystick api`: a free one, unless one is given."""
    port = port or free_port()
    command = [sys.executable, "-m", "app.cli", "api", "--port", str(port), "--workers", str(workers)]
    with _running(command, environment_for(database_url), port, path="/healthz"):
        yield port


@contextmanager
def worker(database_url: str) -> Iterator[int]:
    """`tallystick worker`, by its process id, once it works on jobs."""
    command = [sys.executable, "-m", "app.cli", "worker"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment_for(database_url), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()  # it says so
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def echo_server() -> Iterator[int]:
    """The port of an endpoint that reads the request and answers at once."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "granian"), "--interface", "asginl", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--log-level", "critical", "bench.echo:application"]
    with _running(command, dict(os.environ), port, path="/"):
        yield port


@contextmanager
def _running(command: list[str], environment: dict[str, str], port: int, *, path: str) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until_it_answers(process, port, path)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_it_answers(process: "subprocess.Popen[bytes]", port: int, path: str, seconds_max: float = 0) -> None:
    """Ask until the answer is 200. Raises RuntimeError where the process ends or the time is up."""
    ends = time.monotonic() + (seconds_max or START_SECONDS_MAX)
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with exit code {process.returncode}")
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise RuntimeError(f"nothing answered on port {port}")


def environment_for(database_url: str) -> dict[str, str]:
    """What a process of ours needs to know to work on a database."""
    return os.environ | {"TALLYSTICK_DATABASE_URL": database_url, "TALLYSTICK_LOG_LEVEL": "WARNING"}
