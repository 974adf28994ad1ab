"""What a gain-share's steps do in the product."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlmodel import Session

from models import GainShareRun, MeasurementSource
from services.gain_share.decisions import approve_run, dispute_run, reject_run
from services.gain_share.kpi_counts import NOT_COUNTED, Counts
from services.gain_share.kpi_measurements import Reading, record_measurement
from services.gain_share.runs import revise_run, submit_run
from services.invoices.finding import list_invoices
from services.invoices.transitions import void_invoice
from services.rules.canonical import content_hash
from tests.gain_share_given import OURS, THEIRS, accepted_baseline

Facts = dict[str, Any]
Outcome = tuple[int, int, list[str]] | bool
"""Savings and fee of a run in minor units, and its parts, where a step has one."""


class ProductGainShare:
    """One customer's; runs are known by the numbers of the case."""

    def __init__(self, session: Session, tenant_id: str, *, currency: str, start: date) -> None:
        self.session, self.tenant_id, self.currency, self.start = session, tenant_id, currency, start
        self.runs: dict[int, str] = {}
        self.acts: dict[str, Callable[[Facts, datetime], Outcome]] = {
            "agree": self.agree,
            "measure": self.measure,
            "submit": self.submit,
            "revise": self.revise,
            "approve": self.approve,
            "reject": self.reject,
            "dispute": self.dispute,
            "void": self.void,
        }

    def agree(self, facts: Facts, at: datetime) -> Outcome:
        accepted_baseline(
            self.session,
            self.tenant_id,
            facts["kpi"],
            facts["value"],
            at=at,
            currency=self.currency,
            rates={name: Decimal(rate) for name, rate in facts["rates"].items()},
            period_start=date(self.start.year - 2, 1, 1),
            period_end=date(self.start.year - 1, 1, 1),
            effective_from=facts["from"],
        )
        return True

    def measure(self, facts: Facts, at: datetime) -> Outcome:
        counts = {name: Decimal(facts[name]) for name in ("hours", "up_hours", "repair_hours") if name in facts}
        if "failures" in facts:
            counts["failures"] = int(facts["failures"])  # type: ignore[assignment]
        reading = Reading(
            facts["kpi"],
            facts["start"],
            facts["end"],
            value=Decimal(facts["value"]) if "value" in facts else None,
            counts=Counts(**counts) if counts else NOT_COUNTED,  # type: ignore[arg-type]
        )
        source = MeasurementSource.ENTERED
        record_measurement(self.session, tenant_id=self.tenant_id, reading=reading, source=source, signer=THEIRS, at=at)
        return True

    def submit(self, facts: Facts, at: datetime) -> Outcome:
        run = submit_run(
            self.session,
            tenant_id=self.tenant_id,
            period_start=facts["start"],
            period_end=facts["end"],
            method=facts["method"],
            share_pct=Decimal(facts["share"]),
            signer=OURS,
            at=at,
        )
        return self.told(run, facts)

    def revise(self, facts: Facts, at: datetime) -> Outcome:
        run = revise_run(
            self.session,
            tenant_id=self.tenant_id,
            run_id=self.runs.get(facts["of"], "none"),
            method=facts["method"],
            share_pct=Decimal(facts["share"]),
            signer=OURS,
            at=at,
        )
        return self.told(run, facts)

    def told(self, run: GainShareRun, facts: Facts) -> Outcome:
        self.runs[facts["run"]] = run.id
        assert content_hash(run.calculation) == f"sha256:{run.calculation_sha256}"
        return run.savings_minor, run.fee_minor, sorted(part["name"] for part in run.calculation["parts"])

    def approve(self, facts: Facts, at: datetime) -> Outcome:
        approve_run(self.session, **self.named(facts), signer=THEIRS, at=at)
        return True

    def reject(self, facts: Facts, at: datetime) -> Outcome:
        reject_run(self.session, **self.named(facts), reason="No", signer=THEIRS, at=at)
        return True

    def dispute(self, facts: Facts, at: datetime) -> Outcome:
        run = self.session.get(GainShareRun, (self.tenant_id, self.runs.get(facts["run"], "none")))
        parts = [run.calculation["parts"][0]["name"]] if run is not None else ["none"]
        dispute_run(self.session, **self.named(facts), parts=parts, reason="Not so", signer=THEIRS, at=at)
        return True

    def void(self, facts: Facts, at: datetime) -> Outcome:
        """The newest invoice, if there is one."""
        newest = list_invoices(self.session, tenant_id=self.tenant_id, limit=1)
        if not newest:
            return False
        return void_invoice(self.session, tenant_id=self.tenant_id, invoice_id=newest[0].id, at=at).total_minor, 0, []

    def named(self, facts: Facts) -> dict[str, str]:
        return {"tenant_id": self.tenant_id, "run_id": self.runs.get(facts["run"], "none")}
