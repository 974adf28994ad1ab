"""Where the master key comes from, and when its absence is refused."""

import base64
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from services.errors import KeysUnavailable
from services.gateways import master_key
from services.settings import settings

KEY = bytes(range(32))
WRITTEN = base64.urlsafe_b64encode(KEY).decode()
POSTGRESQL = make_url("postgresql://host/tallystick")
Set = Callable[..., None]


@pytest.fixture(autouse=True)
def _none_given(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("TALLYSTICK_MASTER_KEY", raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()
    master_key._read_file.cache_clear()


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Set:
    def configure(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"TALLYSTICK_{name.upper()}", value)
        settings.cache_clear()

    return configure


@pytest.fixture
def sqlite(tmp_path: Path) -> URL:
    return make_url(f"sqlite:///{tmp_path / 'data' / 'tallystick.db'}")


@pytest.mark.parametrize("text", [WRITTEN, WRITTEN.rstrip("=")])
def test_the_setting_wins_and_no_file_is_made(configure: Set, sqlite: URL, tmp_path: Path, text: str) -> None:
    configure(master_key=text)
    assert master_key.create_master_key(sqlite) == master_key.read_master_key(POSTGRESQL) == KEY
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("text", ["short", WRITTEN[:-4], WRITTEN + "AAAA", "=", "é" * 43, "!" * 43, "0" * 64])
def test_a_setting_that_is_no_key_is_refused_and_not_repeated(configure: Set, text: str) -> None:
    configure(master_key=text)
    with pytest.raises(KeysUnavailable, match="TALLYSTICK_MASTER_KEY must be 32 random bytes") as refused:
        master_key.read_master_key(POSTGRESQL)
    assert text == "=" or text not in refused.value.detail


def test_in_development_a_file_is_made_for_its_owner_alone_and_then_kept(
    configure: Set, sqlite: URL, tmp_path: Path
) -> None:
    configure(master_key="")
    with capture_logs() as said:
        made = master_key.create_master_key(sqlite)
    path = tmp_path / "data" / "master.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(made) == 32
    master_key._read_file.cache_clear()
    with capture_logs() as said_again:
        assert master_key.create_master_key(sqlite) == master_key.read_master_key(sqlite) == made
    assert [(entry["log_level"], entry["event"]) for entry in said] == [("warning", "development_master_key_created")]
    assert said_again == []
    assert path.read_text().strip() not in str(said)


def test_reading_never_makes_a_file(sqlite: URL, tmp_path: Path) -> None:
    with pytest.raises(KeysUnavailable, match=r"master\.key is missing"):
        master_key.read_master_key(sqlite)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff\xfe" * 20])
def test_a_file_that_holds_no_key_is_refused(sqlite: URL, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "master.key").write_bytes(content)
    with pytest.raises(KeysUnavailable, match=r"master\.key"):
        master_key.create_master_key(sqlite)


@pytest.mark.parametrize("url", [POSTGRESQL, make_url("sqlite://"), make_url("sqlite:///:memory:")])
def test_without_a_file_beside_the_database_the_setting_is_required(url: URL) -> None:
    for ask in (master_key.create_master_key, master_key.read_master_key):
        with pytest.raises(KeysUnavailable, match="TALLYSTICK_MASTER_KEY is required with this database"):
            ask(url)


def test_with_a_public_address_the_setting_is_required(configure: Set, sqlite: URL, tmp_path: Path) -> None:
    configure(public_url="https://billing.example")
    with pytest.raises(KeysUnavailable, match=r"required with an https:// address.*Make one with"):
        master_key.create_master_key(sqlite)
    assert list(tmp_path.rglob("*")) == []


def test_who_goes_public_is_told_of_the_key_they_have(configure: Set, sqlite: URL) -> None:
    master_key.create_master_key(sqlite)
    configure(public_url="https://billing.example")
    with pytest.raises(KeysUnavailable, match=r"Use the one in .*master\.key"):
        master_key.read_master_key(sqlite)


def test_the_settings_do_not_show_it(configure: Set) -> None:
    configure(master_key=WRITTEN)
    assert WRITTEN not in repr(settings())
