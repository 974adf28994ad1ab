"""When the pages are built, and when the build on disk is good enough."""

import threading
from pathlib import Path

import pytest

from app import serve


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project, and an export that only notes that it ran."""
    for name, text in {
        "app/pages/page.py": "one",
        "app/api/route.py": "one",
        "assets/style.css": "one",
        "reflex.lock/package.json": "{}",
        "rxconfig.py": "one",
        "requirements.lock": "one",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    build = tmp_path / ".web" / "build"
    monkeypatch.setattr(serve, "ROOT", tmp_path)
    monkeypatch.setattr(serve, "BUILD_DIR", build)
    monkeypatch.setattr(serve, "STAMP", build / "sources.sha256")
    monkeypatch.setattr(serve, "sources_digest", lambda: serve._digest(tmp_path, serve._sources(tmp_path)))
    monkeypatch.setattr(serve, "lock_digest", lambda: serve._digest(tmp_path, (tmp_path / "reflex.lock").glob("*")))
    monkeypatch.setattr(serve, "_settle_lock", lambda: None)
    return tmp_path


@pytest.fixture
def exports(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    ran: list[int] = []

    def export() -> None:
        serve.BUILD_DIR.mkdir(parents=True, exist_ok=True)
        ran.append(1)

    monkeypatch.setattr(serve, "_export", export)
    return ran


def build() -> bool:
    return serve.build_pages(say=lambda _: None).reused


def test_unchanged_sources_reuse_the_build(project: Path, exports: list[int]) -> None:
    assert [build(), build(), build()] == [False, True, True]
    assert len(exports) == 1


@pytest.mark.parametrize("name", ["app/pages/page.py", "assets/style.css", "rxconfig.py", "reflex.lock/package.json"])
def test_a_source_of_the_pages_that_changed_builds_again(project: Path, exports: list[int], name: str) -> None:
    build()
    (project / name).write_text("two")
    assert build() is False


def test_what_no_page_is_made_of_changes_nothing(project: Path, exports: list[int]) -> None:
    build()
    (project / "app/api/route.py").write_text("two")
    (project / "app/pages/__pycache__").mkdir()
    (project / "app/pages/__pycache__/page.pyc").write_text("two")
    assert build() is True


def test_a_build_that_failed_is_tried_again(project: Path, exports: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise serve.PagesNotBuiltError("no")

    with monkeypatch.context() as broken:
        broken.setattr(serve, "_export", fail)
        with pytest.raises(serve.PagesNotBuiltError):
            build()
    assert build() is False


def test_of_two_that_start_at_once_one_builds(project: Path, exports: list[int]) -> None:
    outcomes: list[bool] = []
    threads = [threading.Thread(target=lambda: outcomes.append(build())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False, True, True, True]
    assert len(exports) == 1
