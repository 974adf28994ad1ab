"""What a newcomer meets first: the settings that are explained, the locks, the targets of make."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from services.settings import Settings

TARGETS = ("help", "setup", "run", "test", "test-all", "lint", "bench", "lock", "clean")


def explained_settings(project_root: Path) -> dict[str, str]:
    lines = (project_root / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_setting_is_explained_and_none_that_does_not_exist(project_root: Path) -> None:
    assert list(explained_settings(project_root)) == [f"TALLYSTICK_{name.upper()}" for name in Settings.model_fields]


def test_the_example_shows_the_defaults(project_root: Path) -> None:
    shown = explained_settings(project_root)
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else str(field.default)
        value = shown[f"TALLYSTICK_{name.upper()}"]
        assert value == (default.lower() if isinstance(field.default, bool) else default)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_is_pinned_with_hashes_and_without_an_address(project_root: Path, name: str) -> None:
    text = (project_root / name).read_text()
    packages = re.split(r"\n(?=\S)", text.strip())
    assert all(re.match(r"[a-z0-9._-]+==[^ ]+ .*--hash=sha256:[0-9a-f]{64}", one, re.DOTALL) for one in packages)
    assert "://" not in text


def test_the_locks_hold_every_direct_dependency(project_root: Path) -> None:
    project = tomllib.loads((project_root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for lock, wanted in {
        "requirements.lock": project["dependencies"] + extras["build"],
        "requirements-dev.lock": project["dependencies"] + extras["build"] + extras["dev"],
    }.items():
        locked = set(re.findall(r"^([a-z0-9-]+)==", (project_root / lock).read_text(), re.MULTILINE))
        names = {re.split(r"[\[<>=~ ]", one, maxsplit=1)[0] for one in wanted}
        assert names <= locked


def test_make_alone_lists_the_targets(project_root: Path) -> None:
    done = subprocess.run(["make"], cwd=project_root, capture_output=True, text=True, check=True)
    listed = [line.split()[0] for line in done.stdout.splitlines()[1:]]
    assert set(TARGETS) <= set(listed)


def test_make_says_what_is_needed_where_no_python_will_do(project_root: Path, tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text((project_root / "Makefile").read_text())
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "make"):
        found = subprocess.run(["sh", "-c", f"command -v {tool}"], capture_output=True, text=True, check=True)
        (tools / tool).symlink_to(found.stdout.strip())
    done = subprocess.run(
        [str(tools / "make"), ".venv/bin/python"],
        cwd=tmp_path, env={"PATH": str(tools)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_page_states_stay_in_memory_because_each_holds_the_cookie_it_came_with() -> None:
    from reflex.istate.manager import StateManager

    assert type(StateManager.create()).__name__ == "StateManagerMemory"
