"""Ask customers' systems for their assets: each slot once, the network outside transactions."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

import structlog
from pydantic import ValidationError

from app.api.schemas.assets import SnapshotBody
from services.assets.sources import Asking, claim_pull, due_sources, keep_count, keep_failure
from services.database import reading, transaction
from services.errors import Refusal
from services.gateways import guarded_egress
from services.gateways.http_egress import EgressFailed
from services.settings import settings

SECONDS_TO_ANSWER: Final = 15.0
ANSWER_BYTES_MAX: Final = 256 * 1024
AT_ONCE: Final = 4
OK: Final = 200

log = structlog.get_logger("tallystick.asset_pulls")


class _NotACount(Exception):
    """What came back says no count of assets; the sentence says what is wrong with it."""


def pull_due_asset_counts(*, at: datetime) -> dict[str, int]:
    """Ask wherever it is due: {recorded, failed, broken}; `broken` is what failed on our side.

    Several processes may run it: each asking is claimed, and recorded once.
    """
    with reading() as session:
        due = due_sources(session, at=at)
    counts = {"recorded": 0, "failed": 0, "broken": 0}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="asset-pulls") as threads:
        for outcome in threads.map(lambda tenant_id: pull_asset_count(tenant_id=tenant_id, at=at), due):
            if outcome:
                counts[outcome] += 1
    return counts


def pull_asset_count(*, tenant_id: str, at: datetime) -> str:
    """Ask one customer's system, where that is due: "recorded", "failed", "broken", or "" for nothing due."""
    try:
        with transaction() as session:
            asking = claim_pull(session, tenant_id=tenant_id, at=at)
        return "" if asking is None else _ask(asking, at)
    except Exception:
        log.exception("asset_pull_failed", tenant_id=tenant_id)
        return "broken"


def _ask(asking: Asking, at: datetime) -> str:
    try:
        body = _answer_of(asking)
        with transaction() as session:
            is_kept = keep_count(
                session,
                asking,
                asset_count=body.asset_count,
                site_breakdown=body.site_breakdown,
                captured_at=body.captured_at,
                at=at,
            )
        return "recorded" if is_kept else ""
    except (EgressFailed, _NotACount) as failure:
        error = str(failure)
    except Refusal as refusal:
        error = refusal.detail
    with transaction() as session:
        keep_failure(session, asking, error=error, at=at)
    return "failed"


def _answer_of(asking: Asking) -> SnapshotBody:
    authorization = {} if asking.token is None else {"authorization": f"Bearer {asking.token}"}
    answered = guarded_egress.call(
        "GET",
        asking.url,
        headers={"accept": "application/json", **authorization},
        timeout_seconds=SECONDS_TO_ANSWER,
        body_max=ANSWER_BYTES_MAX,
        allows_loopback=settings().loopback_calls,
    )
    if answered.status != OK:
        raise _NotACount(f"It answered with status {answered.status} instead of 200.")
    if not answered.is_whole:
        raise _NotACount(f"Its answer is longer than {ANSWER_BYTES_MAX // 1024} kB.")
    try:
        body = SnapshotBody.model_validate(json.loads(answered.body))
    except (ValueError, RecursionError) as error:
        raise _NotACount(_what_is_wrong(error)) from error
    if body.tenant_id not in (None, asking.tenant_id):
        raise _NotACount("Its answer is about another customer.")
    return body


def _what_is_wrong(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return "Its answer is not JSON."
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "the document"
    return f"Its answer is no count of assets: {where[:80]}: {first['msg'][:120]}."
