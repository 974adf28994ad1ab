"""What the log says of what two sides agree on: baselines, gain-share runs, a customer's own limits.

Each receipt commits to a document, and tells none of what people wrote in it. Whoever has the row can write the
document again and, with its salt, show that it is the one.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlmodel import Session

from models import GainShareRun, KpiBaseline, Party, SpendControlChange, StepKind
from services.receipts.log import Written, open_log
from services.rules.canonical import canonical_bytes
from services.rules.decimals import text_of
from services.rules.money import Money
from services.rules.periods import day_bounds
from services.rules.receipts import SALT_BYTES, commitment, written_time

SPEND_CAP, ALERT_THRESHOLDS, RUN_METRIC = "spend_cap", "alert_thresholds", "gainshare_fee"


class StepSaid(NamedTuple):
    """A step of a run before it has a receipt: what was said, and by whom for which party.

    `made_by` is who made the key, where it was said by one.
    """

    number: int
    kind: StepKind
    text: str
    disputed: Sequence[str]
    file_sha256: str | None
    party: Party
    by: str
    made_by: str | None = None


class Attested(NamedTuple):
    """The number of a receipt, and the salt of what it commits to."""

    seq: int
    salt: bytes


def write_baseline_receipt(
    session: Session, *, baseline: KpiBaseline, source_sha256: str, makers: Mapping[str, str], at: datetime
) -> Attested:
    """Append the receipt of a baseline that was accepted; `makers` are those of the keys that signed.

    The caller holds the lock on the tenant's head, as for all of these.
    """
    return _write(
        session,
        tenant_id=baseline.tenant_id,
        typ="baseline",
        document=baseline_document(baseline, source_sha256, makers),
        at=at,
        idem=baseline.id,
        metric=baseline.kpi,
        units=text_of(baseline.value),
    )


def write_step_receipt(
    session: Session, *, run: GainShareRun, step: StepSaid, timezone: str, at: datetime
) -> tuple[Written, bytes]:
    """Append the receipt of a step of a run, and tell where it stands and its salt: `policy` is what was done, and
    `calculation` how savings and fee were worked out."""
    starts, ends = (day_bounds(day, timezone)[0] for day in (run.period_start, run.period_end))
    salt = os.urandom(SALT_BYTES)
    receipt = open_log(session, tenant_id=run.tenant_id, at=at).append(
        typ="approval",
        idem=f"run:{run.id}:{step.number}",
        req=run.id,
        cid=commitment(salt, canonical_bytes(step_document(run, step, at))),
        metric=RUN_METRIC,
        policy=step.kind.value,
        period={"start": written_time(starts), "end": written_time(ends)},
        amount=Money(run.fee_minor, run.currency).plain(),
        currency=run.currency,
        calculation=f"sha256:{run.calculation_sha256}",
    )
    return receipt, salt


def write_control_receipt(
    session: Session,
    *,
    change: SpendControlChange,
    metric: str,
    currency: str,
    at: datetime,
    key_made_by: str | None = None,
) -> Attested:
    """Append the receipt of a change of the customer's own limits; `metric` says which, SPEND_CAP or ALERT_THRESHOLDS.
    `key_made_by` is who made the key, where one changed it.

    A cap is told as it is from here on, also where it was not what changed.
    """
    amount: dict[str, str] = {}
    if change.cap_minor is not None:
        amount = {"amount": Money(change.cap_minor, currency).plain(), "currency": currency}
    return _write(
        session,
        tenant_id=change.tenant_id,
        typ="approval",
        document=control_document(change, currency, key_made_by),
        at=at,
        idem=f"control:{change.subscription_id}:{change.version}",
        req=change.subscription_id,
        metric=metric,
        **amount,
    )


def baseline_document(baseline: KpiBaseline, source_sha256: str, makers: Mapping[str, str]) -> dict[str, Any]:
    """All of an accepted baseline with who proposed and who accepted it, as its receipt commits to it. `makers` tells
    who made the keys that did.

    Raises ValueError for one that nobody decided on.
    """
    if baseline.decided_at is None or baseline.decided_party is None or baseline.decided_by is None:
        raise ValueError("only an accepted baseline has a document")
    return {
        "id": baseline.id,
        "kpi": baseline.kpi,
        "value": text_of(baseline.value),
        "unit": baseline.unit,
        "currency": baseline.currency,
        "rates": baseline.rates,
        "period_start": baseline.period_start.isoformat(),
        "period_end": baseline.period_end.isoformat(),
        "source_sha256": source_sha256,
        "effective_from": baseline.effective_from.isoformat(),
        "proposed": _signed(baseline.proposed_party, baseline.proposed_by, baseline.proposed_at, makers),
        "accepted": _signed(baseline.decided_party, baseline.decided_by, baseline.decided_at, makers),
    }


def step_document(run: GainShareRun, step: StepSaid, at: datetime) -> dict[str, Any]:
    """All of a step, as its receipt commits to it: what was said, by whom, for which party, of which run."""
    return {
        "run": run_document(run),
        "number": step.number,
        "kind": step.kind.value,
        "text": step.text,
        "disputed": list(step.disputed),
        "file_sha256": step.file_sha256,
        "signed": _signed(step.party, step.by, at, {} if step.made_by is None else {step.by: step.made_by}),
    }


def run_document(run: GainShareRun) -> dict[str, Any]:
    """A run as it was submitted, with the hash of its calculation."""
    return {
        "id": run.id,
        "method": run.method,
        "period_start": run.period_start.isoformat(),
        "period_end": run.period_end.isoformat(),
        "share_pct": text_of(run.share_pct),
        "currency": run.currency,
        "savings": Money(run.savings_minor, run.currency).plain(),
        "fee": Money(run.fee_minor, run.currency).plain(),
        "calculation_sha256": run.calculation_sha256,
        "submitted_at": written_time(run.submitted_at),
        "submitted_by": run.submitted_by,
        "deadline_on": run.deadline_on.isoformat(),
        "replaces_run_id": run.replaces_run_id,
    }


def control_document(change: SpendControlChange, currency: str, key_made_by: str | None = None) -> dict[str, Any]:
    """All of a change of limits, as its receipt commits to it."""
    made_by = {} if key_made_by is None else {"key_made_by": key_made_by}
    return {
        "subscription_id": change.subscription_id,
        "version": change.version,
        "cap": None if change.cap_minor is None else Money(change.cap_minor, currency).plain(),
        "currency": currency,
        "thresholds_pct": change.thresholds_pct,
        "changed_at": written_time(change.changed_at),
        "changed_by": change.changed_by,
    } | made_by


def _signed(party: Party, by: str, at: datetime, makers: Mapping[str, str]) -> dict[str, str]:
    """Who signed for which side; of a key also who made it."""
    signed = {"party": party.value, "by": by, "at": written_time(at)}
    return signed | ({"key_made_by": makers[by]} if by in makers else {})


def _write(
    session: Session, *, tenant_id: str, typ: str, document: dict[str, Any], at: datetime, **fields: Any
) -> Attested:
    salt = os.urandom(SALT_BYTES)
    log = open_log(session, tenant_id=tenant_id, at=at)
    receipt = log.append(typ=typ, cid=commitment(salt, canonical_bytes(document)), **fields)
    return Attested(receipt.seq, salt)
