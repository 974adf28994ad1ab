"""Keys for programs: made once by somebody who is named on them, shown once, kept as a digest."""

import re
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from string import ascii_lowercase, digits

from sqlalchemy import bindparam, func, or_, select, update
from sqlmodel import Session, col

from models import ApiKey, Party, Tenant, table_of
from models.base import NAME_MAX
from services.database import after_commit
from services.errors import Conflict, Forbidden, NotFound, NotSignedIn, Unprocessable
from services.identifiers import digest, new_id, new_secret

OPERATOR_SCOPE = "operator"
TENANT_SCOPES = (
    "usage:write",
    "billing:read",
    "billing:write",
    "gainshare:write",
    "receipts:read",
    "exchange:write",
)
PREFIX_LENGTH = 8
KEYS_MAX = 200
"""Of one customer, those that were not revoked."""

USE_NOTED_EVERY = timedelta(minutes=1)
"""How exact `last_used_at` is: a key in constant use costs one write a minute, never one a call."""

BAD_KEY = "This API key is not valid. Send a key that has not been revoked as `Authorization: Bearer <key>`."

_KEY = re.compile(r"tally_[a-z0-9]{8}_[A-Za-z0-9_-]{43}")
_PREFIX_LETTERS = ascii_lowercase + digits
_table = table_of(ApiKey)
_BY_DIGEST = select(
    _table.c.id,
    _table.c.tenant_id,
    _table.c.is_operator,
    _table.c.scopes,
    _table.c.last_used_at,
    _table.c.revoked_at,
    _table.c.created_party,
).where(_table.c.digest == bindparam("digest"))
"""Built once: it runs before everything else, on every call."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes a key, for which side: a person (usr_), or `cli:` and the account of who is at the command line.

    `scopes` are those they hold themselves. `tenant_id` is the one customer they make keys for; None is any.
    """

    party: Party
    by: str
    scopes: frozenset[str]
    tenant_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `key` cannot be shown again."""

    id: str
    key: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a key speaks for. An operator's key has no tenant. `last_used_at` is as of this authentication.

    `made_for` is the side of who made it: one of the seller's making signs nothing for a customer.
    """

    key_id: str
    tenant_id: str | None
    is_operator: bool
    scopes: frozenset[str]
    last_used_at: datetime | None = None
    made_for: Party = Party.SELLER

    def may(self, *scopes: str) -> bool:
        """Whether the key has any of these scopes. An operator's has all of them."""
        return self.is_operator or not self.scopes.isdisjoint(scopes)


def create_api_key(
    session: Session,
    *,
    scopes: Iterable[str],
    maker: Maker,
    at: datetime,
    tenant_id: str | None = None,
    is_operator: bool = False,
    name: str = "",
) -> NewKey:
    """Make `tally_<8 characters to recognise it by>_<43 secret ones>`, for a customer or for an operator.

    Raises NotFound for an unknown customer, Unprocessable for a scope there is not, for none, or for a key that
    would belong to both or to neither, Forbidden where `maker` does not hold what the key would, and Conflict where
    the customer has KEYS_MAX.
    """
    if is_operator == (tenant_id is not None):
        raise Unprocessable("A key belongs to a customer or to an operator, not to both.", field="tenant_id")
    if len(name) > NAME_MAX or not name.isprintable():
        raise Unprocessable(f"A key's name has at most {NAME_MAX} printable characters.", field="name")
    wanted = _check_scopes(scopes, is_operator)
    _check_held(maker, wanted, tenant_id)
    if tenant_id is not None:
        if session.get(Tenant, tenant_id) is None:
            raise NotFound("There is no such customer.", field="tenant_id")
        _check_room(session, tenant_id)
    prefix = f"tally_{_new_prefix()}"
    key = f"{prefix}_{new_secret()}"
    made = ApiKey(
        id=new_id("key"),
        tenant_id=tenant_id,
        is_operator=is_operator,
        name=name,
        prefix=prefix,
        digest=digest(key),
        scopes=wanted,
        created_at=at,
        created_by=maker.by,
        created_party=maker.party,
    )
    session.add(made)
    session.flush()
    return NewKey(made.id, key)


def authenticate_key(session: Session, *, key: str) -> Principal:
    """Who the key speaks for. Only reads: see `key_uses` for how its use is noted. Raises NotSignedIn."""
    if _KEY.fullmatch(key) is None:
        raise NotSignedIn(BAD_KEY)
    row = session.connection().execute(_BY_DIGEST, {"digest": digest(key)}).first()
    if row is None or row.revoked_at is not None:
        raise NotSignedIn(BAD_KEY)
    scopes = frozenset(row.scopes)
    return Principal(row.id, row.tenant_id, row.is_operator, scopes, row.last_used_at, row.created_party)


def note_key_use(session: Session, *, key_id: str, at: datetime) -> None:
    """Write down that a key was used, unless that was done within USE_NOTED_EVERY."""
    stale = or_(col(ApiKey.last_used_at).is_(None), col(ApiKey.last_used_at) <= at - USE_NOTED_EVERY)
    session.execute(update(ApiKey).where(col(ApiKey.id) == key_id, stale).values(last_used_at=at))


def revoke_api_key(session: Session, *, key_id: str, at: datetime, tenant_id: str | None = None) -> ApiKey:
    """End a key at once. With `tenant_id`, only one of that customer's. Revoking again changes nothing.

    Raises NotFound.
    """
    key = session.get(ApiKey, key_id)
    if key is None or (tenant_id is not None and key.tenant_id != tenant_id):
        raise NotFound("There is no such key.", field="key_id")
    if key.revoked_at is None:
        key.revoked_at = at
        session.add(key)
        session.flush()
    recent_keys.forget()
    after_commit(session, recent_keys.forget)  # whoever looked it up before then still found it
    return key


def list_api_keys(session: Session, *, tenant_id: str | None) -> list[ApiKey]:
    """A customer's keys, newest first, the revoked ones too; the operators' where `tenant_id` is None."""
    mine = select(ApiKey).where(col(ApiKey.tenant_id) == tenant_id)
    return list(session.scalars(mine.order_by(col(ApiKey.created_at).desc(), col(ApiKey.id))))


class RecentKeys:
    """Who the keys used within REMEMBERED_SECONDS speak for, so that a busy one is not looked up for each call.

    A key revoked by another process is refused after that time, and a lookup, at the latest; here at once. When a key
    is due one caller looks it up, and the others go on with what is known.
    """

    REMEMBERED_SECONDS = 1.0
    REMEMBERED_MAX = 10_000

    def __init__(self) -> None:
        self._known: dict[str, tuple[Principal, float]] = {}

    def find(self, key: str, *, now: float) -> Principal | None:
        """The principal of a key looked up a moment before `now` (seconds of a monotonic clock).

        None where the caller should look it up, then `keep` it or `drop` it.
        """
        name = digest(key)
        principal, until = self._known.get(name, (None, 0.0))
        if principal is None or now < until:
            return principal
        self._known[name] = (principal, now + self.REMEMBERED_SECONDS)
        return None

    def peek(self, key: str, *, now: float) -> Principal | None:
        """The same for who leaves the lookup to somebody else: None where one is due, which it stays."""
        principal, until = self._known.get(digest(key), (None, 0.0))
        return principal if now < until else None

    def drop(self, key: str) -> None:
        """The key does not speak for anybody any more."""
        self._known.pop(digest(key), None)

    def keep(self, key: str, principal: Principal, *, now: float) -> None:
        if len(self._known) >= self.REMEMBERED_MAX:
            self._known.clear()
        self._known[digest(key)] = (principal, now + self.REMEMBERED_SECONDS)

    def forget(self) -> None:
        self._known.clear()


recent_keys = RecentKeys()


class KeyUses:
    """Which keys this process has asked to be noted, so that one in constant use asks once a minute."""

    REMEMBERED_MAX = 10_000

    def __init__(self) -> None:
        self._asked: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def is_due(self, principal: Principal, at: datetime) -> bool:
        """Whether the caller should run `note_key_use`, in a transaction of its own and out of the way."""
        last = principal.last_used_at
        if last is not None and at - last < USE_NOTED_EVERY:
            return False
        with self._lock:
            asked = self._asked.get(principal.key_id)
            if asked is not None and timedelta() <= at - asked < USE_NOTED_EVERY:
                return False
            if len(self._asked) >= self.REMEMBERED_MAX:
                self._asked.clear()
            self._asked[principal.key_id] = at
            return True


key_uses = KeyUses()


def _check_scopes(scopes: Iterable[str], is_operator: bool) -> list[str]:
    allowed = (OPERATOR_SCOPE,) if is_operator else TENANT_SCOPES
    wanted = list(dict.fromkeys(scopes)) or ([OPERATOR_SCOPE] if is_operator else [])
    unknown = [scope for scope in wanted if scope not in allowed]
    if unknown or not wanted:
        said = f"{', '.join(unknown)} cannot be given to this key" if unknown else "A key needs a scope"
        raise Unprocessable(f"{said}; choose from {', '.join(allowed)}.", field="scopes")
    return wanted


def _check_held(maker: Maker, wanted: list[str], tenant_id: str | None) -> None:
    """That nobody gives away more than they hold. Raises Forbidden."""
    if maker.tenant_id is not None and maker.tenant_id != tenant_id:
        raise Forbidden("You make keys for your own account only.", field="tenant_id")
    lacking = [scope for scope in wanted if scope not in maker.scopes]
    if lacking:
        raise Forbidden(f"You do not hold {', '.join(lacking)} yourself, so no key of yours can.", field="scopes")


def _check_room(session: Session, tenant_id: str) -> None:
    alive = select(func.count()).where(col(ApiKey.tenant_id) == tenant_id, col(ApiKey.revoked_at).is_(None))
    if session.execute(alive).scalar_one() >= KEYS_MAX:
        raise Conflict(f"There are {KEYS_MAX} keys already; revoke one that is not used any more.")


def _new_prefix() -> str:
    return "".join(secrets.choice(_PREFIX_LETTERS) for _ in range(PREFIX_LENGTH))
