"""Which Stripe we talk to, and the settings under which nothing may start."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services import database
from services.errors import PaymentsUnavailable
from services.gateways.stripe.connection import check_settings, connection, delivery_address, local_address
from services.settings import Settings, settings

LIVE = "sk_live_0123456789abcdef"
TEST = "sk_test_0123456789abcdef"
OURS = "sk_sandbox_0123456789abcdef"
Given = Callable[..., None]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Given]:
    """Call it with settings by their short names."""

    def set_them(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"TALLYSTICK_{name.upper()}", value)
        settings.cache_clear()
        database.engine.cache_clear()

    set_them(database_url=f"sqlite:///{tmp_path}/test.db")
    yield set_them
    settings.cache_clear()
    database.engine.cache_clear()


def test_without_a_key_there_is_the_sandbox_beside_us(given: Given) -> None:
    found = connection()
    assert (found.account, found.address) == ("sandbox", "http://127.0.0.1:3000/sandbox")
    assert found.secret_key.startswith("sk_sandbox_")


def test_the_sandbox_is_where_this_process_listens(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_PORT", "3456")
    assert connection().address == "http://127.0.0.1:3456/sandbox"


def test_every_process_with_one_master_key_has_one_sandbox_key_and_no_other_has_it(given: Given) -> None:
    first = connection().secret_key
    assert connection().secret_key == first
    given(master_key="E" * 43)
    assert connection().secret_key != first


def test_the_sandbox_key_does_not_tell_the_master_key(given: Given) -> None:
    assert "A" * 8 not in connection().secret_key


def test_without_a_master_key_there_is_no_sandbox(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TALLYSTICK_MASTER_KEY")
    given(database_url="postgresql://localhost/none")
    with pytest.raises(PaymentsUnavailable, match="TALLYSTICK_MASTER_KEY"):
        connection()


def test_an_address_given_without_a_key_is_a_sandboxs(given: Given) -> None:
    given(stripe_address="http://127.0.0.1:4242/")
    assert (connection().account, connection().address) == ("sandbox", "http://127.0.0.1:4242")


@pytest.mark.parametrize(
    ("key", "account"),
    [(TEST, "test"), (LIVE, "live"), ("rk_test_0123456789", "test"), ("rk_live_0123456789", "live")],
)
def test_a_key_opens_stripe_itself(given: Given, key: str, account: str) -> None:
    given(stripe_secret_key=key, stripe_webhook_secret="whsec_given")
    found = connection()
    assert (found.account, found.secret_key, found.address) == (account, key, "https://api.stripe.com")
    assert found.webhook_secret == "whsec_given"
    check_settings()


def test_nothing_that_prints_a_connection_or_the_settings_shows_a_key(given: Given) -> None:
    given(stripe_secret_key=LIVE, stripe_webhook_secret="whsec_given")
    shown = repr(connection()) + repr(settings())
    assert LIVE not in shown
    assert "whsec_given" not in shown


def test_empty_settings_are_none(given: Given) -> None:
    given(stripe_secret_key="", stripe_webhook_secret=" ", stripe_address="")
    found = Settings()
    assert (found.stripe_secret_key, found.stripe_webhook_secret, found.stripe_address) == (None, None, None)


def test_in_public_without_a_key_there_are_no_payments_and_the_rest_starts(given: Given) -> None:
    given(public_url="https://portal.example.com")
    check_settings()
    with pytest.raises(PaymentsUnavailable, match="TALLYSTICK_STRIPE_SECRET_KEY is not set"):
        connection()


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ("live key", {"stripe_secret_key": LIVE, "stripe_address": "http://127.0.0.1:3000/sandbox"}),
        ("live key", {"stripe_secret_key": LIVE, "stripe_address": "https://localhost/sandbox"}),
        ("live key", {"stripe_secret_key": LIVE, "stripe_address": "https://10.0.0.7"}),
        ("live key", {"stripe_secret_key": LIVE, "stripe_address": "https://[::1]:3000"}),
        ("live key", {"stripe_secret_key": LIVE, "stripe_address": "https://127.1"}),
        ("live key", {"stripe_secret_key": LIVE, "stripe_address": "https://0x7f.0.0.0x1:3000"}),
        ("live key", {"stripe_secret_key": LIVE, "stripe_address": "https://localhost."}),
        ("live key", {"stripe_secret_key": LIVE, "stripe_address": "https://127.0.0.1."}),
        ("live key", {"stripe_secret_key": LIVE, "stripe_address": "http://api.stripe.com"}),
        ("sandbox's", {"stripe_secret_key": LIVE, "stripe_webhook_secret": "whsec_sandbox_abc"}),
        ("sandbox's", {"stripe_secret_key": TEST, "stripe_webhook_secret": "whsec_sandbox_abc"}),
        ("customers pay with nothing", {"stripe_secret_key": OURS, "public_url": "https://portal.example.com"}),
        ("names a sandbox", {"stripe_address": "http://127.0.0.1:1", "public_url": "https://portal.example.com"}),
        ("publishable", {"stripe_secret_key": "pk_live_0123456789"}),
        ("not a key", {"stripe_secret_key": "whatever"}),
        ("not a key", {"stripe_secret_key": f"'{TEST}'"}),
        ("not a key", {"stripe_secret_key": "sk_test_short"}),
        ("must be an address", {"stripe_address": "127.0.0.1:4242"}),
        ("must be an address", {"stripe_address": "ftp://stripe.example.com"}),
        ("must be an address", {"stripe_address": "https://user:secret@stripe.example.com"}),
        ("must be an address", {"stripe_address": "http://[oops"}),
        ("must be an address", {"stripe_address": "http://stripe.example.com/?a=b"}),
    ],
)
def test_settings_that_could_send_money_astray_are_refused(given: Given, said: str, values: dict[str, str]) -> None:
    given(**values)
    with pytest.raises(PaymentsUnavailable, match=said) as refused:
        check_settings()
    assert values.get("stripe_secret_key", "no key given").strip("'") not in refused.value.detail


def test_a_sandbox_delivers_to_this_machine_and_stripe_to_an_address_people_can_reach(given: Given) -> None:
    assert delivery_address("sandbox") == local_address()
    assert delivery_address("test") is None
    given(public_url="https://portal.example.com")
    assert delivery_address("live") == "https://portal.example.com"


def test_a_sandbox_elsewhere_delivers_to_where_people_reach_us(given: Given) -> None:
    given(stripe_address="http://127.0.0.1:4242", public_url="http://localhost:3009")
    assert delivery_address("sandbox") == "http://localhost:3009"


def test_no_command_sends_a_live_key_to_this_machine(given: Given) -> None:
    given(stripe_secret_key=LIVE, stripe_address="http://127.0.0.1:3000/sandbox")
    with pytest.raises(PaymentsUnavailable, match="live key"):
        connection()
