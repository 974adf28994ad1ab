"""What is logged, and what never is."""

import json
import logging

import pytest
import structlog

from app.logs import REDACTED, TEXT_MAX, configure_logging, redact, redact_text
from services.settings import settings

API_KEY = "tally_ab12cd34_" + "Zz0_-" * 8 + "Zz0"
CARD = "4242 4242 4242 4242"


@pytest.mark.parametrize(
    "secret",
    [
        API_KEY,
        "sk_live_51HAbCdEfGhIjKlMnOp",
        "sk_test_51HAbCdEfGhIjKlMnOp",
        "rk_live_51HAbCdEfGhIjKlMnOp",
        "whsec_abcDEF0123456789/+=",
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA",
        "4242424242424242",
        CARD,
        "5555-5555-5555-4444",
        "378282246310005",
        "eyJhbGciOiJIUzI1NiJ9.e30.abc",
        "tallystick_session=HtHPTang4zJWhq0MkUhJ3kRAaP6ZmoV8K4ozqGa4ieI; theme=dark",
        "__Host-tallystick_session=HtHPTang4zJWhq0MkUhJ3kRAaP6ZmoV8K4ozqGa4ieI",
        "Event(headers={'host': 'x', 'cookie': 'sso=HtHPTang4zJWhq0MkUhJ3kRAaP6Z', 'origin': ''})",
    ],
)
def test_secrets_are_taken_out_of_any_text(secret: str) -> None:
    text = redact_text(f"before Bearer {secret} after" if secret.startswith("eyJ") else f"before {secret} after")
    assert secret not in text
    assert "HtHPTang4zJW" not in text
    assert text.startswith("before ")
    assert text.endswith(" after")


def test_credentials_in_an_address_are_taken_out() -> None:
    assert redact_text("postgresql://ann:s3cret@db/x") == f"postgresql://{REDACTED}@db/x"


@pytest.mark.parametrize(
    "text",
    ["2026-11-20T12:34:56.789012Z", "4242424242424241", "0.418", "1000000000000", "sub_0123456789abcdef", "inv_1 paid"],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


def test_a_text_beyond_measure_is_cut_in_its_middle_after_secrets_are_taken_out() -> None:
    said = redact(None, "info", {"event": "a" * 9_000 + f" {API_KEY} " * 5_000 + "b" * 300_000 + " TypeError"})["event"]
    assert len(said) < TEXT_MAX + 40
    assert said.startswith("aaa")
    assert said.endswith("b TypeError")
    assert API_KEY[-20:] not in said


def test_fields_named_like_secrets_are_taken_out_at_any_depth() -> None:
    entry = {
        "event": "call",
        "Authorization": "x",
        "cookie": "y",
        "Set-Cookie": "z",
        "password": "p",
        "api_key": "k",
        "X-SIGNET-API-Key": "k",
        "nested": {"deep": [{"client_secret": "s", "fine": 1}], "card": 4242424242424242},
        "text": f"key {API_KEY}",
        "raw": b"whsec_abcdefghijk",
        "count": 12,
        "ok": True,
        "none": None,
    }
    assert redact(None, "info", dict(entry)) == {
        "event": "call",
        "Authorization": REDACTED,
        "cookie": REDACTED,
        "Set-Cookie": REDACTED,
        "password": REDACTED,
        "api_key": REDACTED,
        "X-SIGNET-API-Key": REDACTED,
        "nested": {"deep": [{"client_secret": REDACTED, "fine": 1}], "card": REDACTED},
        "text": f"key {REDACTED}",
        "raw": REDACTED,
        "count": 12,
        "ok": True,
        "none": None,
    }


def test_what_is_nested_without_end_is_cut() -> None:
    loop: dict[str, object] = {}
    loop["again"] = loop
    assert REDACTED in repr(redact(None, "info", {"event": "x", "loop": loop}))


@pytest.fixture
def as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "log_format", "json")
    configure_logging()


@pytest.mark.usefixtures("as_json")
def test_our_lines_and_those_of_libraries_are_json_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    structlog.contextvars.bind_contextvars(request_id="r-1")
    try:
        structlog.get_logger("tallystick.test").info("signed", token="abc", note=f"card {CARD}")
        logging.getLogger("some.library").warning("took %s from %s", API_KEY, "ann")
    finally:
        structlog.contextvars.clear_contextvars()
    ours, theirs = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["token"], ours["note"], ours["request_id"]) == (
        "signed",
        REDACTED,
        f"card {REDACTED}",
        "r-1",
    )
    assert (ours["level"], ours["logger"]) == ("info", "tallystick.test")
    assert theirs["event"] == f"took {REDACTED} from ann"
    assert theirs["timestamp"].endswith("Z")


@pytest.mark.usefixtures("as_json")
def test_a_traceback_is_logged_without_the_secret_in_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    try:
        raise ValueError(f"bad key {API_KEY}")
    except ValueError:
        structlog.get_logger("tallystick.test").exception("failed")
    logged = capsys.readouterr().err
    assert "Traceback" in logged
    assert "ValueError: bad key" in logged
    assert API_KEY not in logged


def test_a_terminal_gets_lines_for_a_person(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings(), "log_format", "console")
    configure_logging()
    structlog.get_logger("tallystick.test").info("hello", password="hunter2")
    logged = capsys.readouterr().err
    assert "hello" in logged
    assert "hunter2" not in logged
    assert not logged.startswith("{")


def test_the_level_is_the_settings_own(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "log_level", "WARNING")
    configure_logging()
    structlog.get_logger("tallystick.test").info("quiet")
    assert capsys.readouterr().err == ""
    monkeypatch.undo()
    configure_logging()
