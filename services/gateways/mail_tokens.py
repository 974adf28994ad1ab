"""What stands in a link to unsubscribe: whom it is for, and that we wrote it. It opens nothing else."""

import hashlib
import hmac
from typing import Final, NamedTuple

from services.errors import NotFound
from services.gateways.signing import base64url

LABEL: Final = b"tallystick unsubscribe v1"
SEPARATOR: Final = "."
TOKEN_MAX: Final = 300


class Subscriber(NamedTuple):
    """One kind of letter that one member of a customer gets."""

    tenant_id: str
    user_id: str
    kind: str


def sign_subscriber(subscriber: Subscriber, *, master_key: bytes) -> str:
    """The token for a link. It is always the same, so that every copy of a letter carries the same link."""
    assert not any(SEPARATOR in part for part in subscriber)
    return SEPARATOR.join((*subscriber, _signature(subscriber, master_key)))


def read_subscriber(token: str, *, master_key: bytes) -> Subscriber:
    """Whom a token is for. Raises NotFound for one that was not written here."""
    parts = token.split(SEPARATOR) if len(token) <= TOKEN_MAX and token.isascii() else []
    if len(parts) == 4:
        subscriber = Subscriber(*parts[:3])
        if hmac.compare_digest(parts[3], _signature(subscriber, master_key)):
            return subscriber
    raise NotFound("This link is not one of ours, or a part of it was lost. Sign in and choose under Notifications.")


def _signature(subscriber: Subscriber, master_key: bytes) -> str:
    key = hmac.new(master_key, LABEL, hashlib.sha256).digest()
    return base64url(hmac.new(key, "\0".join(subscriber).encode(), hashlib.sha256).digest())
