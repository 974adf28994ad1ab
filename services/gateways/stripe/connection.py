"""Which Stripe we talk to: the real one with a key of the operator's, else the local sandbox with a key of our own.

The sandbox's key is derived from the master key, so that every process of one installation has the same and no other.
"""

import hashlib
import hmac
import ipaddress
import os
import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from services.database import engine
from services.errors import KeysUnavailable, PaymentsUnavailable
from services.gateways.master_key import read_master_key
from services.settings import settings

Account = Literal["sandbox", "test", "live"]

REAL_ADDRESS: Final = "https://api.stripe.com"
SANDBOX_PATH: Final = "/sandbox"
LOCAL_PORT: Final = 3000
SANDBOX_LABEL: Final = b"tallystick stripe sandbox"
SANDBOX_KEY_PREFIX: Final = "sk_sandbox_"
SANDBOX_SECRET_PREFIX: Final = "whsec_sandbox_"  # noqa: S105 — a prefix, not a secret

_KEY: Final = re.compile(r"(?:(?:sk|rk)_(?P<account>test|live)|sk_(?P<sandbox>sandbox))_[A-Za-z0-9_]{8,240}")


@dataclass(frozen=True, slots=True)
class Connection:
    """Where Stripe is and what opens it. `account` is whose records these are: sandbox, test or live."""

    account: Account
    secret_key: str = field(repr=False)
    address: str
    webhook_secret: str | None = field(default=None, repr=False)


def connection() -> Connection:
    """The one in the settings. Raises PaymentsUnavailable where there is neither a key nor a sandbox to be had."""
    given = settings()
    if given.stripe_secret_key is None:
        return Connection("sandbox", _sandbox_key(), _sandbox_address(), given.stripe_webhook_secret)
    account = _account_of(given.stripe_secret_key)
    address = given.stripe_address or (_sandbox_address() if account == "sandbox" else REAL_ADDRESS)
    checked = _checked_address(address)
    _check_live_address(account, checked)
    return Connection(account, given.stripe_secret_key, checked, given.stripe_webhook_secret)


def check_settings() -> None:
    """Refuse, before anything is served, settings under which money or a key could go where it must not.

    Raises PaymentsUnavailable that names the setting. That no key is set at all is allowed: then nothing is charged.
    """
    given = settings()
    is_public = given.public_url.startswith("https://")
    if given.stripe_address is not None:
        _checked_address(given.stripe_address)
    if given.stripe_secret_key is None:
        if is_public and given.stripe_address is not None:
            raise PaymentsUnavailable(
                "TALLYSTICK_STRIPE_ADDRESS names a sandbox, for TALLYSTICK_STRIPE_SECRET_KEY is not set; with an "
                "https:// TALLYSTICK_PUBLIC_URL a sandbox would let customers pay with nothing."
            )
        return
    account = _account_of(given.stripe_secret_key)
    if account == "sandbox" and is_public:
        raise PaymentsUnavailable(
            "TALLYSTICK_STRIPE_SECRET_KEY is a sandbox's; with an https:// TALLYSTICK_PUBLIC_URL a sandbox would let "
            "customers pay with nothing."
        )
    _check_live_address(account, given.stripe_address or REAL_ADDRESS)
    if account != "sandbox" and (given.stripe_webhook_secret or "").startswith(SANDBOX_SECRET_PREFIX):
        raise PaymentsUnavailable(
            "TALLYSTICK_STRIPE_WEBHOOK_SECRET is a sandbox's, and TALLYSTICK_STRIPE_SECRET_KEY is Stripe's: events of "
            "the sandbox would be taken for payments."
        )


def local_address() -> str:
    """The address this installation's own server has on this machine, for what never leaves it."""
    return f"http://127.0.0.1:{os.environ.get('TALLYSTICK_PORT') or LOCAL_PORT}"


def delivery_address(account: Account) -> str | None:
    """Where Stripe can reach us to deliver events: the sandbox on this machine, Stripe itself over TLS alone.

    None where the real one cannot, for people reach us on this machine only.
    """
    given = settings()
    if account == "sandbox":
        is_beside_us = given.stripe_address is None or "TALLYSTICK_PORT" in os.environ
        return local_address() if is_beside_us else given.public_url
    return given.public_url if _is_out_there(given.public_url) else None


def _sandbox_address() -> str:
    given = settings()
    if given.public_url.startswith("https://"):
        raise PaymentsUnavailable(
            "Payments are not set up: TALLYSTICK_STRIPE_SECRET_KEY is not set, and there is no sandbox under https://."
        )
    return _checked_address(given.stripe_address or f"{local_address()}{SANDBOX_PATH}")


def _sandbox_key() -> str:
    _sandbox_address()  # where no sandbox may be, the master key is none of its business
    try:
        master_key = read_master_key(engine().url)
    except KeysUnavailable as error:
        raise PaymentsUnavailable(f"The payment sandbox has no key: {error.detail}") from error
    return SANDBOX_KEY_PREFIX + hmac.new(master_key, SANDBOX_LABEL, hashlib.sha256).hexdigest()


def _account_of(key: str) -> Account:
    """Raises PaymentsUnavailable for a publishable key and for what is no key; it never repeats what was given."""
    if key.startswith("pk_"):
        raise PaymentsUnavailable(
            "TALLYSTICK_STRIPE_SECRET_KEY is a publishable key (pk_…). Set the secret key (sk_…), or a restricted one "
            "(rk_…) that may write what docs/guides/stripe.md lists."
        )
    found = _KEY.fullmatch(key)
    if found is None:
        raise PaymentsUnavailable(
            "TALLYSTICK_STRIPE_SECRET_KEY is not a key of Stripe's: it starts with sk_test_, sk_live_, rk_test_ or "
            "rk_live_ and has no spaces or quotes."
        )
    if found["sandbox"]:
        return "sandbox"
    return "live" if found["account"] == "live" else "test"


def _checked_address(address: str) -> str:
    """Without a slash at the end. Raises PaymentsUnavailable unless it is http(s)://host and has no query."""
    try:
        parts = urlsplit(address)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or parts.query or parts.fragment or parts.username is not None or any(c.isspace() for c in address):
        raise PaymentsUnavailable(
            "TALLYSTICK_STRIPE_ADDRESS must be an address such as http://127.0.0.1:4242, without a query or a login."
        )
    return address.rstrip("/")


def _check_live_address(account: Account, address: str) -> None:
    if account == "live" and not _is_out_there(address):
        raise PaymentsUnavailable(
            "TALLYSTICK_STRIPE_SECRET_KEY is a live key, and TALLYSTICK_STRIPE_ADDRESS is on this machine or without "
            "TLS: a live key is for Stripe alone."
        )


def _is_out_there(address: str) -> bool:
    """Whether it is reached over TLS, on a machine that is not this one.

    A name whose last label begins with a digit is an address in another spelling, such as 127.1 or 0x7f.1.
    """
    parts = urlsplit(address)
    host = (parts.hostname or "").rstrip(".")
    try:
        is_local = not ipaddress.ip_address(host).is_global
    except ValueError:
        is_number = host.rpartition(".")[2][:1].isdigit()
        is_local = "." not in host or is_number or host.endswith((".localhost", ".local", ".internal"))
    return parts.scheme == "https" and not is_local
