"""What a receipt attests, in a sentence and as facts, from nothing but its own document and the plan it names."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from services import wording
from services.invoices.credit_notes import NUMBER_DIGITS as NOTE_DIGITS
from services.invoices.line_facts import Fact, version_name
from services.invoices.numbers import NUMBER_DIGITS as INVOICE_DIGITS
from services.price_books.plans import Plan
from services.rules.quantities import from_micro
from services.usage.wording import counted, counted_micro

KIND_WORDS: Final = {
    "usage": "Usage",
    "correction": "Correction of usage",
    "exchange": "Step of an exchange",
    "invoice": "Invoice",
    "credit_note": "Credit note",
    "payment": "Payment",
    "baseline": "Gain-share baseline",
    "approval": "Agreement",
    "key": "Change of signing key",
}


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a receipt is worded: the customer's clock, and the plan version it names, where it names one."""

    timezone: str
    plan: Plan | None

    def metered(self, document: Mapping[str, Any]) -> str:
        """The meter's name; its code where the plan does not know it."""
        meter = self.plan.meters.get(document["metric"]) if self.plan else None
        return meter.name if meter else str(document["metric"])

    def units(self, document: Mapping[str, Any]) -> str:
        """How much, without its sign."""
        meter = self.plan.meters.get(document["metric"]) if self.plan else None
        quantity = abs(Decimal(document["units"]))
        return counted(quantity, meter.unit) if meter else wording.number(quantity)

    def burned(self, document: Mapping[str, Any], credits_micro: int) -> str:
        """Credits of the meter's pool, without their sign."""
        meter = self.plan.meters.get(document["metric"]) if self.plan else None
        unit = self.plan.pools[meter.pool].unit if self.plan and meter else "credit"
        return counted_micro(abs(credits_micro), unit)

    def moment(self, written: str) -> str:
        return wording.moment(datetime.fromisoformat(written), self.timezone)

    def span(self, period: Mapping[str, str]) -> str:
        starts_at, ends_at = (datetime.fromisoformat(period[end]) for end in ("start", "end"))
        return wording.span(starts_at, ends_at, self.timezone)


def sentence_of(document: Mapping[str, Any], reader: Reader) -> str:
    """What this receipt says happened."""
    return _SENTENCES[document["typ"]](document, reader)


def facts_of(document: Mapping[str, Any], reader: Reader) -> tuple[Fact, ...]:
    """The same as names and values, as far as it has them."""
    return (
        *(_usage_facts(document, reader) if "metric" in document and "credits_micro" in document else ()),
        *_money_facts(document, reader),
        *_reference_facts(document, reader),
    )


def _usage(document: Mapping[str, Any], reader: Reader) -> str:
    beyond = document.get("overage_micro", 0)
    of_them = f", {_plain(beyond)} of them beyond the allowance" if beyond else ", all within the allowance"
    site = f" at {document['site']}" if "site" in document else ""
    when = reader.moment(document.get("occurred_at", document["ts"]))
    burned = reader.burned(document, document["credits_micro"])
    return f"{reader.metered(document)}: {reader.units(document)} used on {when}{site}. This burned {burned}{of_them}."


def _correction(document: Mapping[str, Any], reader: Reader) -> str:
    way = "fewer" if document["units"].startswith("-") else "more"
    sign = "gives back" if document["credits_micro"] < 0 else "burns"
    beyond = document.get("overage_micro", 0)
    of_them = f", {_plain(beyond)} of them beyond the allowance" if beyond else ""
    burned = reader.burned(document, document["credits_micro"])
    return (
        f"{reader.metered(document)}: an earlier record should have been {reader.units(document)} {way}."
        f" This {sign} {burned}{of_them}."
    )


def _invoice(document: Mapping[str, Any], reader: Reader) -> str:
    lines, usage = len(document["lines"]), document.get("usage")
    rests = "It sums no use."
    if usage:
        count, first, last = (wording.number(usage[name]) for name in ("count", "first_seq", "last_seq"))
        rests = (
            f"It rests on {count} {_plural(usage['count'], 'record')} of use, receipts {first} to {last} of this log."
        )
    return (
        f"Invoice {_number('INV', document, INVOICE_DIGITS)} for {reader.span(document['period'])} charges"
        f" {_amount(document)} in {lines:,} {_plural(lines, 'line')}. {rests}"
    )


def _credit_note(document: Mapping[str, Any], _reader: Reader) -> str:
    gone_back = document["amount"].startswith("-")
    what = f"takes {_amount(document, signed=False)} {'back from' if gone_back else 'on top of'} an invoice"
    return f"Credit note {_number('CN', document, NOTE_DIGITS)} {what}, which itself stays as it is."


def _payment(document: Mapping[str, Any], _reader: Reader) -> str:
    return f"{_amount(document)} was paid on an invoice."


def _baseline(document: Mapping[str, Any], _reader: Reader) -> str:
    measured = document["metric"].replace("_", " ")
    return (
        f"A gain-share baseline was sealed: {measured}, {wording.number(Decimal(document['units']))}."
        " The document agreed on is held here by its fingerprint."
    )


_RUN_STEPS: Final = {
    "submitted": "A gain-share run was submitted for approval",
    "comment": "Somebody commented on a gain-share run",
    "evidence": "A file was shown as evidence for a gain-share run",
    "approved": "The customer approved a gain-share run",
    "rejected": "The customer rejected a gain-share run; it is not billed",
    "disputed": "The customer disputed parts of a gain-share run; it is not billed",
    "replaced": "A gain-share run was replaced by a revised one; it is not billed",
}


def _approval(document: Mapping[str, Any], _reader: Reader) -> str:
    """A receipt of this kind tells of a gain-share run, or of a limit the customer set."""
    match document.get("metric"):
        case "gainshare_fee":
            done = _RUN_STEPS.get(document.get("policy", ""), "A step was taken on a gain-share run")
            return f"{done}. Its fee is {_amount(document)}." if "amount" in document else f"{done}."
        case "spend_cap" if "amount" in document:
            return f"The customer's own spending limit was set to {_amount(document)} a period."
        case "spend_cap":
            return "The customer's own spending limit was taken away."
        case "alert_thresholds":
            return "The customer changed at which shares of the allowance to be told."
    return "A decision was recorded. The document decided on is held here by its fingerprint."


def _exchange(document: Mapping[str, Any], _reader: Reader) -> str:
    return f"A step of an exchange was carried out under the id {document['idem']}."


def _key(_document: Mapping[str, Any], _reader: Reader) -> str:
    return "From this receipt on another key signs the log. The old key and the new one both signed that."


_SENTENCES: Final[Mapping[str, Callable[[Mapping[str, Any], Reader], str]]] = {
    "usage": _usage,
    "correction": _correction,
    "exchange": _exchange,
    "invoice": _invoice,
    "credit_note": _credit_note,
    "payment": _payment,
    "baseline": _baseline,
    "approval": _approval,
    "key": _key,
}


def _usage_facts(document: Mapping[str, Any], reader: Reader) -> Iterable[Fact]:
    sign = "−" if document.get("units", "").startswith("-") else ""
    less = "−" if document["credits_micro"] < 0 else ""
    yield Fact("What", reader.metered(document))
    if "units" in document:
        yield Fact("Used", f"{sign}{reader.units(document)}")
    yield Fact("Burned", f"{less}{reader.burned(document, document['credits_micro'])}")
    beyond = document.get("overage_micro", 0)
    yield Fact("Beyond the allowance", f"{'−' if beyond < 0 else ''}{_plain(beyond)}")
    if "site" in document:
        yield Fact("Site", document["site"])
    if reader.plan is not None:
        yield Fact("Rated with", f"{reader.plan.name}, version {version_name(document['price'])}")


def _money_facts(document: Mapping[str, Any], reader: Reader) -> Iterable[Fact]:
    if "period" in document:
        yield Fact("Period", reader.span(document["period"]))
    for name, label in (("subtotal", "Subtotal"), ("tax", "Tax"), ("total", "Total")):
        if "totals" in document:
            yield Fact(label, wording.rate(Decimal(document["totals"][name]), document["currency"]))
    if "amount" in document and "totals" not in document:
        yield Fact("Amount", _amount(document))


def _reference_facts(document: Mapping[str, Any], reader: Reader) -> Iterable[Fact]:
    if "occurred_at" in document:
        yield Fact("Happened", reader.moment(document["occurred_at"]))
    if "day" in document:
        yield Fact("Counted on the day", document["day"])
    yield Fact("Written", reader.moment(document["ts"]))
    if "idem" in document:
        yield Fact("Id", document["idem"])
    if "trace_id" in document:
        yield Fact("Trace", f"{document['trace_id']}, step {document['hop']:,}")
    if document["typ"] == "usage" and "req" in document:
        yield Fact("Finalises the reservation", document["req"])


def _amount(document: Mapping[str, Any], *, signed: bool = True) -> str:
    value = Decimal(document["amount"])
    return wording.rate(value if signed else abs(value), document["currency"])


def _number(prefix: str, document: Mapping[str, Any], digits: int) -> str:
    return f"{prefix}-{document['number']:0{digits}d}"


def _plain(value_micro: int) -> str:
    return wording.number(from_micro(abs(value_micro)))


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
