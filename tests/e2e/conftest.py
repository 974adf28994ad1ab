"""The product as people run it: `tallystick run --demo` in a process of its own, and a real browser."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

START_SECONDS_MAX = 300
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


@pytest.fixture(scope="session")
def portal(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a portal with the demonstration in a database of its own."""
    folder = tmp_path_factory.mktemp("portal")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://localhost:{port}"
    environment = os.environ | {
        "TALLYSTICK_DATABASE_URL": f"sqlite:///{folder / 'portal.db'}",
        "TALLYSTICK_PUBLIC_URL": address,
    }
    command = [sys.executable, "-m", "app.cli", "run", "--demo", "--port", str(port)]
    with (folder / "log").open("w+") as log:
        server = subprocess.Popen(command, cwd=project_root, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_ready(server, address, folder / "log")
            yield address
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one module: while it is open this thread has a running loop, in which no other test could run."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("needs Chromium; `.ci/run` installs it")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=list(CHROMIUM_OPTIONS))
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser, portal: str) -> Iterator[Callable[..., Page]]:
    """Open a page in a fresh context; the test fails on any error the browser reports."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_one(*, width: int = 1440, dark: bool = False, errors_expected: bool = False) -> Page:
        context = browser.new_context(
            base_url=portal,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        page = context.new_page()
        if errors_expected:
            return page
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


def _wait_until_ready(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until:
        if server.poll() is not None:
            pytest.fail(f"the portal did not start:\n{log.read_text()}")
        try:
            if httpx.get(f"{address}/readyz", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    pytest.fail(f"the portal was not ready in {START_SECONDS_MAX} seconds:\n{log.read_text()}")
