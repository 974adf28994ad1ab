"""How long `make run` takes from a fresh copy of the project, and again; and how much JavaScript a first visit loads.

The copy is in a temporary folder, without a virtual environment, built pages or data. What package managers keep in
their own caches is left as it is, so a first run on another machine also waits for its network.
"""

import argparse
import gzip
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from bench.figures import print_machine, print_table
from bench.servers import ROOT, free_port, wait_until_it_answers

COLD_SECONDS_MAX = 900
FIRST_PAGE = "/sign-in/"
PAGE_SETTLES_MS = 3_000


def main() -> None:
    """Start it cold, start it again, and weigh what the browser fetches."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--page", default=FIRST_PAGE, help="the page whose JavaScript is weighed")
    asked = parser.parse_args()
    print_machine("Starting with `make run`, from the command to the first page served")
    with tempfile.TemporaryDirectory(prefix="tallystick-start-") as folder:
        copy = Path(folder) / "project"
        copy_project(copy)
        rows = []
        with started(copy) as (_, seconds):
            rows.append(["cold: nothing installed, nothing built", f"{seconds:,.1f}"])
        with started(copy) as (port, seconds):
            rows.append(["warm: installed, built, demonstration there", f"{seconds:,.1f}"])
            scripts = scripts_of(port, asked.page)
        print_table(("start", "seconds"), rows)
    raw = sum(len(body) for body in scripts.values())
    zipped = sum(len(gzip.compress(body, 9)) for body in scripts.values())
    print_table(
        (f"JavaScript that {asked.page} loads", "files", "KiB raw", "KiB gzip"),
        [["all of it", str(len(scripts)), f"{raw / 1024:,.0f}", f"{zipped / 1024:,.0f}"]],
    )


def copy_project(to: Path) -> None:
    """The project's own files, committed or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.decode()
    for name in listed.split("\0"):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


@contextmanager
def started(project: Path) -> Iterator[tuple[int, float]]:
    """`make run` in a process group of its own: its port, and the seconds until the first page came."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TALLYSTICK_", "VIRTUAL"))}
    begun = time.perf_counter()
    process = subprocess.Popen(
        ["make", "run", f"PORT={port}"],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until_it_answers(process, port, FIRST_PAGE, COLD_SECONDS_MAX)
        yield port, time.perf_counter() - begun
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def scripts_of(port: int, page: str) -> dict[str, bytes]:
    """Every script a browser with an empty cache asks this server for when it opens the page, by path."""
    from playwright.sync_api import Response, sync_playwright  # noqa: PLC0415 — only this figure needs a browser

    browser_path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser_path is None:
        raise RuntimeError("weighing the JavaScript needs Chromium: apt install chromium")
    paths: dict[str, None] = {}

    def note(response: Response) -> None:
        address = urlsplit(response.url)
        if address.port == port and response.request.resource_type == "script":
            paths[address.path] = None

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=browser_path, args=arguments)
        tab = browser.new_page()
        tab.on("response", note)
        tab.goto(f"http://localhost:{port}{page}", wait_until="load")
        tab.wait_for_timeout(PAGE_SETTLES_MS)
        browser.close()
    return {path: _fetch(port, path) for path in paths}


def _fetch(port: int, path: str) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Accept-Encoding": "identity"})
        return connection.getresponse().read()
    finally:
        connection.close()


if __name__ == "__main__":
    main()
