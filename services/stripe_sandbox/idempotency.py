"""Idempotency keys: the first answer to a key is given again for 24 hours of the sandbox's clock."""

import hashlib
from dataclasses import dataclass

from services.stripe_sandbox.clock import DAY
from services.stripe_sandbox.errors import IdempotencyMismatch
from services.stripe_sandbox.world import World

KEY_MAX = 255


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    request_id: str


def fingerprint(method: str, path: str, form: str) -> str:
    return hashlib.sha256(f"{method} {path}\n{form}".encode()).hexdigest()


def replay(world: World, key: str, asked: str) -> Answer | None:
    """The answer already given to this key. Raises IdempotencyMismatch where it was given to another request."""
    if len(key) > KEY_MAX:
        raise IdempotencyMismatch(f"Idempotency keys must be at most {KEY_MAX} characters long.")
    record = world.store.find("_answer", key)
    if record is None:
        return None
    if record["created"] + DAY <= world.clock.now():
        world.store.remove("_answer", key)
        return None
    if record["asked"] != asked:
        raise IdempotencyMismatch(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try "
            f"using a key other than '{key}' if you meant to execute a different request."
        )
    return Answer(record["status"], record["body"], record["request_id"])


def keep(world: World, key: str, asked: str, answer: Answer) -> None:
    record = {"id": key, "created": world.clock.now(), "asked": asked, **vars(answer)}
    world.store.put("_answer", record)


def forget_old(world: World) -> None:
    """Drop answers older than a day; the oldest come first."""
    table = world.store.tables["_answer"]
    horizon = world.clock.now() - DAY
    while table.order and table.documents[table.order[0]]["created"] <= horizon:
        world.store.remove("_answer", table.order[0])
