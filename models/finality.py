"""What cannot change any more, in the tables themselves: triggers that refuse it on SQLite and on PostgreSQL.

A final invoice keeps all it says; only how it is paid is noted on it, and its state goes forward only. Its lines and
taxes add up to it and cannot be added to, changed or taken away. Credit notes, receipts and entries of credit are
written once, as are versions of billing details and tax rates, and what a gain-share rests on but for what is noted
on it later. A refusal is an IntegrityError.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import MetaData

DIALECTS: Final = ("sqlite", "postgresql")
NOTED: Final = frozenset({"status", "paid_at", "given_up_at", "payment_reference", "payment_salt", "stripe_hosted_url"})
"""Columns of a final invoice that say how it is paid; all others stay."""

WRITTEN_ONCE: Final = (
    "credit_note", "credit_note_line", "credit_note_tax", "receipt", "receipt_signature", "credit_entry",
    "billing_profile", "seller_profile", "tax_rate",
)  # fmt: skip
NOTED_LATER: Final = {
    "api_key": ("last_used_at", "revoked_at"),
    "evidence_file": (),
    "kpi_baseline": ("status", "decided_by", "decided_party", "decided_at", "reason", "receipt_seq", "salt"),
    "kpi_measurement": ("replaced_at",),
    "maintenance_import": (),
    "maintenance_row": (),
    "gainshare_run": ("status", "decided_by", "decided_at", "decision_seq"),
    "gainshare_step": ("salt",),
}
"""Keys and what a gain-share rests on, and the columns of each that are filled in after."""

PARTS: Final = ("invoice_line", "invoice_tax")
STATES: Final = {
    "draft": ("open", "paid"),
    "open": ("paid", "void", "uncollectible"),
    "uncollectible": ("paid", "void"),
}
"""Which states an invoice may go to from each; from the others it goes nowhere."""


class Trigger(NamedTuple):
    """A refusal with its reason: `event` of a row of `table` where `when` holds, in SQL that both databases read."""

    name: str
    table: str
    event: str
    when: str
    reason: str


def triggers(metadata: MetaData) -> list[Trigger]:
    """All of them, for the columns as the tables have them. What stands in them is ours, none of it is given."""
    columns = [column.name for column in metadata.tables["invoice"].columns]
    return [*_once(), *_parts(), *_invoice(columns), *_noted(metadata), *_baseline(), *_run(), *_signed()]


def statements(metadata: MetaData, dialect: str) -> list[str]:
    """The statements that make them in a database of that kind."""
    written = {"sqlite": _sqlite, "postgresql": _postgresql}[dialect]
    return [statement for trigger in triggers(metadata) for statement in written(trigger)]


def _once() -> Iterable[Trigger]:
    for table in WRITTEN_ONCE:
        for event in ("UPDATE", "DELETE"):
            yield Trigger(f"{table}_once_{event.lower()}", table, event, "1 = 1", f"{table} is written once")


def _parts() -> Iterable[Trigger]:
    for table in PARTS:
        for event, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")):
            of_it = f"invoice.tenant_id = {row}.tenant_id AND invoice.id = {row}.invoice_id"
            final = f"EXISTS (SELECT 1 FROM invoice WHERE {of_it} AND invoice.status <> 'draft')"  # noqa: S608
            yield Trigger(f"{table}_final_{event.lower()}", table, event, final, "a final invoice does not change")


def _invoice(columns: Sequence[str]) -> Iterable[Trigger]:
    changed = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in columns if name not in NOTED)
    allowed = " OR ".join(
        f"(OLD.status = '{before}' AND NEW.status IN ({', '.join(repr(state) for state in after)}))"
        for before, after in STATES.items()
    )
    of_it = "part.tenant_id = NEW.tenant_id AND part.invoice_id = NEW.id"
    sums = " OR ".join(
        f"NEW.{column} <> COALESCE((SELECT SUM(part.amount_minor) FROM {table} AS part WHERE {of_it}), 0)"  # noqa: S608
        for column, table in (("subtotal_minor", "invoice_line"), ("tax_minor", "invoice_tax"))
    )
    final = "OLD.status <> 'draft'"
    yield Trigger(
        "invoice_final_update", "invoice", "UPDATE", f"{final} AND ({changed})", "a final invoice does not change"
    )
    yield Trigger("invoice_final_delete", "invoice", "DELETE", final, "a final invoice does not go away")
    moved = f"OLD.status <> NEW.status AND NOT ({allowed})"
    yield Trigger("invoice_state", "invoice", "UPDATE", moved, "an invoice does not go back to that state")
    summed = f"OLD.status = 'draft' AND NEW.status <> 'draft' AND ({sums})"
    yield Trigger("invoice_sums", "invoice", "UPDATE", summed, "the lines and taxes do not add up to the invoice")


def _noted(metadata: MetaData) -> Iterable[Trigger]:
    for table, noted in NOTED_LATER.items():
        kept = [column.name for column in metadata.tables[table].columns if column.name not in noted]
        changed = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in kept)
        reason = f"{table} is written once"
        yield Trigger(f"{table}_kept_update", table, "UPDATE", changed, reason)
        yield Trigger(f"{table}_kept_delete", table, "DELETE", "1 = 1", reason)


def _baseline() -> Iterable[Trigger]:
    """A decision on a baseline is final; only the salt of what its receipt commits to may go."""
    noted = [name for name in NOTED_LATER["kpi_baseline"] if name != "salt"]
    changed = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in noted)
    when = f"OLD.status <> 'proposed' AND ({changed})"
    yield Trigger("kpi_baseline_decided", "kpi_baseline", "UPDATE", when, "a decision on a baseline is final")


def _run() -> Iterable[Trigger]:
    """A decision on a run is final; one that is disputed, or was taken back with its invoice, may still be replaced by
    a revised one. No two that stand share a day: a saving is charged once."""
    noted = [name for name in NOTED_LATER["gainshare_run"] if name != "status"]
    changed = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in noted)
    credited = (
        "SELECT COALESCE(SUM(note.total_minor), 0) FROM credit_note AS note"
        " WHERE note.tenant_id = bill.tenant_id AND note.invoice_id = bill.id"
    )
    taken_back = (
        "EXISTS (SELECT 1 FROM pending_line AS line JOIN invoice AS bill"  # noqa: S608
        " ON bill.tenant_id = line.tenant_id AND bill.id = line.invoice_id"
        " WHERE line.tenant_id = OLD.tenant_id AND line.key = 'gainshare:' || OLD.id AND (bill.status = 'void'"
        f" OR (bill.total_minor > 0 AND bill.total_minor + ({credited}) <= 0)))"
    )
    revisable = f"(OLD.status = 'disputed' OR (OLD.status = 'approved' AND {taken_back}))"
    replaced = f"{revisable} AND NEW.status = 'replaced'"
    moved = f"OLD.status <> NEW.status AND NOT ({replaced})"
    when = f"OLD.status <> 'pending_approval' AND ({changed} OR ({moved}))"
    yield Trigger("gainshare_run_decided", "gainshare_run", "UPDATE", when, "a decision on a run is final")
    standing = (
        "EXISTS (SELECT 1 FROM gainshare_run AS other WHERE other.tenant_id = NEW.tenant_id"
        " AND other.status IN ('pending_approval', 'approved', 'disputed')"
        " AND other.period_start < NEW.period_end AND other.period_end > NEW.period_start)"
    )
    yield Trigger("gainshare_run_once", "gainshare_run", "INSERT", standing, "another run covers some of these days")


def _signed() -> Iterable[Trigger]:
    """A key that our own side made signs nothing for a customer: proposals and their answers, steps, decisions."""
    for table, event, by, party in (
        ("kpi_baseline", "INSERT", "proposed_by", "NEW.proposed_party = 'customer'"),
        ("kpi_baseline", "UPDATE", "decided_by", "NEW.decided_party = 'customer'"),
        ("gainshare_step", "INSERT", "taken_by", "NEW.party = 'customer'"),
        ("gainshare_run", "UPDATE", "decided_by", "NEW.decided_by IS NOT NULL"),
    ):
        ours = f"EXISTS (SELECT 1 FROM api_key WHERE api_key.id = NEW.{by} AND api_key.created_party = 'seller')"  # noqa: S608
        reason = "a key that the seller made signs nothing for the customer"
        yield Trigger(f"{table}_signed_{event.lower()}", table, event, f"{party} AND {ours}", reason)


def _sqlite(trigger: Trigger) -> list[str]:
    """Older SQLite says IS NOT where others say IS DISTINCT FROM."""
    return [
        f"CREATE TRIGGER {trigger.name} BEFORE {trigger.event} ON {trigger.table}"
        f" WHEN {trigger.when.replace('IS DISTINCT FROM', 'IS NOT')}"
        f" BEGIN SELECT RAISE(ABORT, '{trigger.reason}'); END"
    ]


def _postgresql(trigger: Trigger) -> list[str]:
    """PostgreSQL's WHEN holds no subquery, so the function asks."""
    function = f"refuse_{trigger.name}"
    back = "OLD" if trigger.event == "DELETE" else "NEW"
    return [
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {trigger.when} THEN"
        f" RAISE EXCEPTION '{trigger.reason}' USING ERRCODE = '23000'; END IF; RETURN {back}; END $$",
        f"CREATE TRIGGER {trigger.name} BEFORE {trigger.event} ON {trigger.table}"
        f" FOR EACH ROW EXECUTE FUNCTION {function}()",
    ]
