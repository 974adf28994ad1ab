"""What a report calls things, in each language it is written in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from models import Party, StepKind
from services.gain_share import words as english
from services.gain_share.report import french
from services.gain_share.working import DAYS, FAILURES, HOURS
from services.rules.added_savings import GAINED, OWN_PREFIX


@dataclass(frozen=True, slots=True)
class Words:
    """One language. `units` are the singular and plural of units, `steps` those of the working by their name."""

    labels: Mapping[str, str]
    kpis: Mapping[str, str]
    rates: Mapping[str, str]
    parts: Mapping[str, str]
    steps: Mapping[str, str]
    bars: Mapping[str, str]
    methods: Mapping[str, str]
    statuses: Mapping[str, str]
    kinds: Mapping[StepKind, str]
    parties: Mapping[Party, str]
    units: Mapping[str, tuple[str, str]]
    sides: Mapping[str, str]

    def kpi(self, calculation: Mapping[str, Any], code: str) -> str:
        """A KPI of the plan's own is called what the plan calls it, in every language."""
        own = calculation["own"]
        return str(own[code]["name"]) if code in own else self.kpis[code]

    def part(self, calculation: Mapping[str, Any], name: str) -> str:
        if name.startswith(OWN_PREFIX):
            return self.kpi(calculation, name.removeprefix(OWN_PREFIX))
        return self.parts[name]

    def step(self, calculation: Mapping[str, Any], name: str) -> str:
        if name.startswith("part "):
            return self.labels["saved"].format(self.part(calculation, name.removeprefix("part ")))
        if name.startswith(OWN_PREFIX):
            return self.labels["gained"].format(self.part(calculation, name.removesuffix(GAINED)))
        return self.steps[name]


ENGLISH: Final = Words(
    labels={
        "title": "Gain-share report", "seller": "Seller", "customer": "Customer", "run": "Run", "period": "Period",
        "method": "Method", "submitted": "Submitted", "deadline": "To be decided by", "status": "Status",
        "fee": "Fee", "fee_of": "{share} of documented savings of {savings}",
        "no_fee": "Nothing was saved, so there is no fee",
        "compared": "Baseline beside what was measured", "baseline": "Baseline", "measured": "Measured",
        "agreed": "Agreed in", "receipt": "Receipt", "arose": "How each amount arose",
        "steps": "Every step", "step": "Step", "worked_out": "Worked out", "result": "Result",
        "rates": "Rates both sides agreed on", "charts": "The KPIs in time",
        "charts_note": "Filled: in the period of the run. Dashed: the baseline.",
        "effects": "What moves the fee",
        "effects_note": "The fee if one input were a tenth lower or higher and all others as they are.",
        "no_effects": "None does: a tenth less or more of any one of them leaves the fee as it is.",
        "input": "Input", "lower": "A tenth less", "higher": "A tenth more", "none": "cannot be worked out",
        "history": "Who signed what", "amounts": "All amounts in {0}. Numbers that have no end are shown to a "
        "millionth and kept exactly; amounts are rounded once.",
        "overlap": "These KPIs overlap: a failure avoided is availability gained too. This way of counting was agreed; "
        "it adds both.",
        "calculation": "SHA-256 of the calculation", "nothing_failed": "Nothing failed", "not_given": "Not given",
        "saved": "Saved: {0}", "gained": "{0} gained", "disputed": "Disputed: {0}", "file": "File {0}, SHA-256 {1}",
        "code": "Verification code", "verify": "Check it at", "page": "Page ", "of": " of ",
        "share": "Share of the savings", "unit_value": "{0}, what a unit is worth",
        "unsettable": "Letters shown as “?” are in no font at hand.",
    },
    kpis=english.KPI_WORDS,
    rates=english.RATE_WORDS,
    parts=english.PART_WORDS,
    steps=english.STEP_WORDS,
    bars=english.BAR_WORDS,
    methods=english.METHOD_WORDS,
    statuses={status.value: words for status, words in english.STATUS_WORDS.items()}
    | {english.TAKEN_BACK: "Approved, billed, and taken back with its invoice"},
    kinds={
        StepKind.SUBMITTED: "Submitted", StepKind.EVIDENCE: "Showed a file", StepKind.APPROVED: "Approved",
        StepKind.REJECTED: "Rejected", StepKind.DISPUTED: "Disputed", StepKind.REPLACED: "Replaced by a revised run",
    },
    parties={Party.SELLER: "seller", Party.CUSTOMER: "customer"},
    units={HOURS: ("hour", "hours"), FAILURES: ("failure", "failures"), DAYS: ("day", "days")},
    sides={"baseline": "baseline", "actual": "measured"},
)  # fmt: skip
FRENCH: Final = Words(
    labels=french.LABELS,
    kpis=french.KPIS,
    rates=french.RATES,
    parts=french.PARTS,
    steps=french.STEPS,
    bars=french.BARS,
    methods=french.METHODS,
    statuses=french.STATUSES,
    kinds=french.KINDS,
    parties=french.PARTIES,
    units={HOURS: ("heure", "heures"), FAILURES: ("panne", "pannes"), DAYS: ("jour", "jours")},
    sides={"baseline": "référence", "actual": "mesuré"},
)
WORDS: Final = {"en": ENGLISH, "fr": FRENCH}
