"""What gets killed: API servers in process groups of their own, and a PostgreSQL server with all its processes."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

from bench.servers import ROOT, environment_for, free_port, wait_until_it_answers

DEAD_SECONDS_MAX = 10
REPLACED_SECONDS_MAX = 15
LOG_CHARACTERS_MAX = 3_000


class ApiVictim:
    """`tallystick api` on a port it keeps over all its lives. What it says goes to a file."""

    def __init__(self, database_url: str, log: Path, *, workers: int = 1) -> None:
        self.port = free_port()
        self.log = log
        self._workers = workers
        self._environment = environment_for(database_url)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; `wait` says when it answers."""
        command = [sys.executable, "-m", "app.cli", "api", "--port", str(self.port), "--workers", str(self._workers)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> None:
        assert self._process is not None
        wait_until_it_answers(self._process, self.port, "/healthz")

    def kill(self) -> None:
        """SIGKILL to every process of it at once. They get no chance to do anything."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def kill_a_worker(self, index: int) -> bool:
        """SIGKILL to one of its worker processes; whether it was replaced."""
        assert self._process is not None
        main = psutil.Process(self._process.pid)
        victim = sorted(main.children(), key=psutil.Process.create_time)[index]
        victim.kill()
        ends = time.monotonic() + REPLACED_SECONDS_MAX
        while time.monotonic() < ends and self._process.poll() is None:
            workers = [child for child in main.children() if child != victim]
            if len(workers) == self._workers:
                return True
            time.sleep(0.05)
        return False

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-LOG_CHARACTERS_MAX:] if self.log.exists() else ""


class PostgresqlVictim:
    """The processes of a PostgreSQL server of our own."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def kill(self) -> None:
        """SIGKILL to the postmaster and all its processes; it is stopped first, so that it starts no more of them."""
        postmaster = self._postmaster()
        postmaster.suspend()
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=DEAD_SECONDS_MAX)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def kill_a_backend(self, index: int) -> None:
        """SIGKILL to one connection's process: PostgreSQL then ends all the others and recovers by itself."""
        processes = self._postmaster().children()
        backends = [process for process in processes if "[local]" in _title(process)]
        backends[index % len(backends)].kill()
        psutil.wait_procs(processes, timeout=DEAD_SECONDS_MAX)
        ends = time.monotonic() + DEAD_SECONDS_MAX
        while time.monotonic() < ends:
            with suppress(psycopg.OperationalError), psycopg.connect(self._server.get_uri()):
                return
            time.sleep(0.05)
        raise RuntimeError("the database did not recover from the end of one of its processes")

    def _postmaster(self) -> psutil.Process:
        return psutil.Process(int((self._server.pgdata / "postmaster.pid").read_text().split("\n", 1)[0]))


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
