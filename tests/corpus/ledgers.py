"""A customer's log as the rules alone write it, with no database: what bundles for tests are cut from.

It adds up plainly, from lists of all that was used: another way than the verifier's running sums.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from services.bundles.headers import SIGNED_TYPES, origin_of, signature_text, statement_hash
from services.bundles.writing import signed_receipt
from services.gateways.signing import Signer, public_jwk, signer_of
from services.price_books.books import plan_document
from services.price_books.files import read_book
from services.price_books.plans import Plan, plan_from_document
from services.rules import money, pricing
from services.rules.canonical import canonical_bytes, content_hash
from services.rules.merkle import Frontier, consistency_proof, inclusion_proof
from services.rules.notes import NoteSignature, checkpoint_body, format_note, key_id
from services.rules.quantities import credits_for, plain, plain_micro, to_micro
from services.rules.receipts import build_receipt, receipt_bytes, receipt_hash, written, written_time
from services.rules.taxes import shares_taken, taken_with
from services.settings import CATALOGS

ISS = "https://billing.example"
SUBSCRIPTION = "sub_1"
MARCH = (datetime(2026, 3, 1, 5, tzinfo=UTC), datetime(2026, 4, 1, 4, tzinfo=UTC))
APRIL = (MARCH[1], datetime(2026, 5, 1, 4, tzinfo=UTC))
MAY = (APRIL[1], datetime(2026, 6, 1, 4, tzinfo=UTC))
TORONTO = timedelta(hours=-4)
SIGNERS = [signer_of(bytes([number]) * 32) for number in range(1, 5)]
Change = Callable[[dict[str, Any]], None]


def shipped_plan(book: str, code: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    """A plan of a shipped price book as the product stores it: the hash that names it, and its document."""
    entry = read_book(CATALOGS / f"{book}.toml")
    document = next(plan_document(entry, plan) for plan in entry.plans if plan.code == code) | changes
    return content_hash(document), document


@dataclass(frozen=True)
class Use:
    """A usage receipt or a correction, as the bill sees it. Credits are in millionths."""

    seq: int
    price: str
    pool: str
    at: datetime
    credits_micro: int
    overage_micro: int
    hash: bytes
    subscription: str


@dataclass
class Ledger:
    """A log that grows: receipts, what of them was usage, the plans, the keys and how they followed each other."""

    tenant: str = "tnt_1"
    clock: datetime = datetime(2026, 3, 1, 6, tzinfo=UTC)
    step: timedelta = timedelta(minutes=7, microseconds=123)
    signers: list[Signer] = field(default_factory=lambda: SIGNERS[:1])
    receipts: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    plans: dict[str, dict[str, Any]] = field(default_factory=dict)
    signatures: dict[str, dict[str, str]] = field(default_factory=dict)
    rotations: list[dict[str, str]] = field(default_factory=list)
    retired: dict[str, int] = field(default_factory=dict)
    hops: dict[str, list[int]] = field(default_factory=dict)
    billed: dict[tuple[str, str, datetime], int] = field(default_factory=dict)
    taxed: dict[int, tuple[list[dict[str, Any]], Decimal]] = field(default_factory=dict)
    net_taken: dict[int, int] = field(default_factory=dict)
    invoices: int = 0

    @property
    def size(self) -> int:
        return len(self.receipts)

    @property
    def signer(self) -> Signer:
        return self.signers[-1]

    def plan(self, book: str, code: str, **changes: Any) -> str:
        """Take a plan into the log's plans; its name."""
        name, document = shipped_plan(book, code, **changes)
        self.plans[name] = document
        return name

    def typed(self, price: str) -> Plan:
        return plan_from_document(price, self.plans[price])

    def add(self, typ: str, *, signer: Signer | None = None, **fields: Any) -> int:
        """Append a receipt; its number. `trace_id` alone makes it the next hop of its trace."""
        seq = self.size + 1
        self.clock += self.step
        if trace := fields.get("trace_id"):
            hops = self.hops.setdefault(trace, [])
            before = written(self.hashes[hops[-1] - 1]) if hops else None
            fields = {"hop": len(hops) + 1, "trace_prev": before} | fields
            hops.append(seq)
        place = {
            "iss": ISS, "tenant": self.tenant, "seq": seq, "ts": written_time(self.clock),
            "prev": written(self.hashes[-1]) if self.hashes else None,
        }  # fmt: skip
        data = receipt_bytes(build_receipt(typ=typ, **(place | fields)))
        self.receipts.append(data)
        self.hashes.append(receipt_hash(data))
        if typ in SIGNED_TYPES:
            self.signatures[str(seq)] = signed_receipt(data, signer or self.signer)
        return seq

    def use(
        self, price: str, metric: str, units: str, /, *, at: datetime | None = None, correcting: int | None = None,
        subscription: str = SUBSCRIPTION, period: tuple[datetime, datetime] = MARCH, **changes: Any,
    ) -> int:  # fmt: skip
        """Append usage, or the correction of a usage; what the allowance does not cover is overage."""
        plan = self.typed(price)
        meter = plan.meters[metric]
        sign = -1 if units.startswith("-") else 1
        credits_micro = sign * credits_for(to_micro(Decimal(units.lstrip("-"))), meter.credits_per_unit)
        happened = at or self.clock + self.step
        day = (happened + TORONTO).date() if plan.pools[meter.pool].resets_daily else None
        overage_micro = self._overage(plan, meter.pool, subscription, period, day, credits_micro)
        fields: dict[str, Any] = {
            "idem": f"evt_{self.size + 1}", "subscription": subscription, "metric": metric, "units": units,
            "credits_micro": credits_micro, "overage_micro": overage_micro or None, "price": price,
            "occurred_at": None if at is None else written_time(at), "day": None if day is None else str(day),
        }  # fmt: skip
        if correcting is not None:
            fields["req"] = written(self.hashes[correcting - 1])
        fields |= changes
        seq = self.add("usage" if correcting is None else "correction", **fields)
        use = Use(
            seq, price, meter.pool, happened, int(fields["credits_micro"]), int(fields["overage_micro"] or 0),
            self.hashes[-1], subscription,
        )  # fmt: skip
        self.uses.append(use)
        return seq

    def _overage(
        self, plan: Plan, pool: str, subscription: str, period: tuple[datetime, datetime], day: date | None, burned: int
    ) -> int:
        """What a use adds to the overage of its window: a period, or a business day."""
        used = sum(
            use.credits_micro
            for use in self.uses
            if (use.pool, use.subscription) == (pool, subscription) and period[0] <= use.at < period[1]
            and (day is None or (use.at + TORONTO).date() == day)
        )  # fmt: skip
        allowance = plan.allowance_micro(pool)
        return max(0, used + burned - allowance) - max(0, used - allowance)

    def used(
        self, pool: str | None, period: tuple[datetime, datetime], subscription: str = SUBSCRIPTION
    ) -> dict[str, Any] | None:
        """The `usage` of a pool in a period as a line states it; of all pools together where `pool` is None."""
        uses = [
            use for use in self.uses
            if use.subscription == subscription and period[0] <= use.at < period[1] and pool in (None, use.pool)
        ]  # fmt: skip
        if not uses:
            return None
        roots = [root_of([use.hash for use in uses if use.pool == code]) for code in sorted({use.pool for use in uses})]
        root = roots[0] if pool is not None else root_of(roots)
        return {"first_seq": uses[0].seq, "last_seq": uses[-1].seq, "count": len(uses), "root": written(root)}

    def totals(self, pool: str, period: tuple[datetime, datetime], subscription: str = SUBSCRIPTION) -> tuple[int, int]:
        """(credits, overage) of a pool in a period, in millionths."""
        uses = [
            use for use in self.uses
            if (use.subscription, use.pool) == (subscription, pool) and period[0] <= use.at < period[1]
        ]  # fmt: skip
        return sum(use.credits_micro for use in uses), sum(use.overage_micro for use in uses)

    def bill(
        self, lines: list[dict[str, Any]], *, period: tuple[datetime, datetime] = MARCH, currency: str = "CAD",
        tax: str | None = None, invoice: int | None = None, subscription: str = SUBSCRIPTION,
        change: Change | None = None, usage: bool = True, **changes: Any,
    ) -> int:  # fmt: skip
        """Append an invoice, or the credit note for receipt `invoice`. `change` edits its fields: how a seller lies."""
        self.invoices += 1
        subtotal = sum((Decimal(line["amount"]) for line in lines), Decimal(0))
        taxes = self._taxes(subtotal, currency, tax) if invoice is None else self._taken(subtotal, currency, invoice)
        taxed = sum((Decimal(row["amount"]) for row in taxes), Decimal(0))
        amounts = [money.to_money(Fraction(amount), currency).plain() for amount in (subtotal, taxed, subtotal + taxed)]
        fields: dict[str, Any] = {
            "subscription": subscription, "number": self.invoices, "period": period_document(period),
            "currency": currency, "amount": amounts[2], "lines": lines, "tax": taxes,
            "totals": dict(zip(("subtotal", "tax", "total"), amounts, strict=True)),
        }  # fmt: skip
        if invoice is not None:
            fields["req"] = written(self.hashes[invoice - 1])
        elif usage and (used := self.used(None, period, subscription)) is not None:
            fields["usage"] = used
        if change is not None:
            change(fields)
        seq = self.add("credit_note" if invoice is not None else "invoice", **(fields | changes))
        if invoice is None:
            self.taxed[seq] = (taxes, subtotal + taxed)
        return seq

    def _taxes(self, subtotal: Decimal, currency: str, tax: str | None) -> list[dict[str, Any]]:
        """The rows of an invoice: one for each rate in `tax`, such as 0.05+0.09975, or for the reason in it."""
        if tax is None:
            return []
        if not tax[0].isdigit():
            category, _, reason = tax.partition(" ")
            said = {"code": "none", "name": "No tax", "region": "US", "category": category, "reason": reason}
            return [said | {"rate": "0", "amount": "0.00", "base": str(subtotal)}]
        names = ("GST", "QST") if "+" in tax else ("HST",)
        return [
            {
                "name": name, "rate": rate, "region": "CA-ON", "base": str(subtotal), "category": "S",
                "amount": money.to_money(Fraction(subtotal) * Fraction(rate), currency).plain(),
            }
            for name, rate in zip(names, tax.split("+"), strict=True)
        ]  # fmt: skip

    def _taken(self, subtotal: Decimal, currency: str, invoice: int) -> list[dict[str, Any]]:
        """The rows of a credit note: shares of its invoice's, worked out over all notes so far."""
        rows, total = self.taxed.get(invoice, ([], subtotal))
        digits = Decimal(10) ** money.minor_digits(currency)
        amounts = [int(Decimal(row["amount"]) * digits) for row in rows]
        net_before, total_minor = self.net_taken.get(invoice, 0), int(total * digits)
        net_now = net_before - int(subtotal * digits)
        self.net_taken[invoice] = net_now
        before, now = (
            shares_taken(
                amounts, total_minor=total_minor,
                taken_minor=taken_with(amounts, total_minor=total_minor, net_minor=net),
            )
            for net in (net_before, net_now)
        )  # fmt: skip
        shares = [money.Money(then - share, currency).plain() for then, share in zip(before, now, strict=True)]
        return [row | {"base": str(subtotal), "amount": share} for row, share in zip(rows, shares, strict=True)]

    def base_line(
        self, price: str, *, unit: str = "month", period: tuple[datetime, datetime] = APRIL
    ) -> dict[str, Any]:
        plan = self.typed(price)
        amount = (plan.monthly_base() if unit == "month" else plan.annual_base()).plain()
        return {
            "kind": "base", "unit": unit, "quantity": "1", "amount": amount, "description": f"{plan.name}, base fee",
            "period": period_document(period), "price": price, "pricing": {"model": "flat", "amount": amount},
        }  # fmt: skip

    def discount_line(self, base: dict[str, Any], of: str, amount: str, /, **pricing: str) -> dict[str, Any]:
        """What a promotion takes off a base line, of what is left of it."""
        return {
            "kind": "discount", "unit": "discount", "quantity": "1", "amount": amount, "period": base["period"],
            "description": "Promotion LAUNCH: off the base fee", "price": base["price"], "pricing": pricing,
            "sources": {"of": of, "code": "LAUNCH"},
        }  # fmt: skip

    def top_up_line(
        self, price: str, pack: str, purchase: str, *, packs: int = 1, period: tuple[datetime, datetime] = MARCH
    ) -> dict[str, Any]:
        """Packs of credits that were bought."""
        document = next(each for each in self.plans[price]["top_ups"] if each["code"] == pack)
        amount = money.to_money(Fraction(document["price"]) * packs, self.plans[price]["currency"])
        return {
            "kind": "top_up", "unit": "pack", "quantity": str(packs), "amount": amount.plain(), "price": price,
            "description": f"Bought: {document['name']}", "period": period_document(period),
            "pricing": {"model": "per_unit", "unit_price": document["price"]},
            "sources": {
                "pack": pack, "pool": document["pool"], "purchase": purchase,
                "credits": plain(Decimal(document["credits"]) * packs),
            },
        }  # fmt: skip

    def adjustment(self, price: str, amount: str, *, period: tuple[datetime, datetime] = MARCH) -> dict[str, Any]:
        """What somebody decided to take back."""
        return {
            "kind": "adjustment", "unit": "adjustment", "quantity": "-1", "amount": amount, "price": price,
            "description": "Adjustment of invoice INV-000001", "period": period_document(period),
            "pricing": {"model": "flat", "amount": amount},
        }  # fmt: skip

    def asset_line(self, price: str, counted: str, *, period: tuple[datetime, datetime] = MARCH) -> dict[str, Any]:
        plan = self.typed(price)
        assert plan.assets is not None
        rated = pricing.rate(plan.assets.charge, Decimal(counted))
        return {
            "kind": "asset_uplift", "unit": "asset", "quantity": plain(rated.billable_quantity),
            "amount": money.to_money(rated.amount, plan.currency).plain(), "period": period_document(period),
            "price": price, "pricing": pricing.to_document(plan.assets.charge), "steps": steps_document(rated),
            "sources": {"basis": plan.assets.basis, "counted": counted, "snapshot_ids": ["ast_1"]},
        }  # fmt: skip

    def overage_line(
        self, price: str, pool: str, *, period: tuple[datetime, datetime] = MARCH, subscription: str = SUBSCRIPTION
    ) -> dict[str, Any]:
        plan = self.typed(price)
        used_micro, overage_micro = self.totals(pool, period, subscription)
        rated = pricing.rate(plan.overage[pool], Decimal(plain_micro(overage_micro)))
        self.billed[subscription, pool, period[0]] = overage_micro
        return {
            "kind": "overage", "unit": plan.pools[pool].unit, "quantity": plain_micro(overage_micro),
            "amount": money.to_money(rated.amount, plan.currency).plain(), "period": period_document(period),
            "description": f"{plan.pools[pool].name} beyond the included", "price": price,
            "pricing": pricing.to_document(plan.overage[pool]), "steps": steps_document(rated),
            "sources": {"pool": pool, "used_credits": plain_micro(used_micro)},
            "usage": self.used(pool, period, subscription),
        }  # fmt: skip

    def late_line(
        self, price: str, pool: str, *, kind: str = "late_usage", period: tuple[datetime, datetime] = MARCH
    ) -> dict[str, Any]:
        """The difference that late usage or a correction makes to a period already billed."""
        plan = self.typed(price)
        before = self.billed.get((SUBSCRIPTION, pool, period[0]), 0)
        _, overage_micro = self.totals(pool, period)
        self.billed[SUBSCRIPTION, pool, period[0]] = overage_micro
        amounts = [money.to_money(plan.overage_exact(pool, micro), plan.currency) for micro in (overage_micro, before)]
        return {
            "kind": kind, "unit": plan.pools[pool].unit, "quantity": plain_micro(overage_micro - before),
            "amount": (amounts[0] - amounts[1]).plain(), "period": period_document(period), "price": price,
            "pricing": pricing.to_document(plan.overage[pool]), "usage": self.used(pool, period),
            "sources": {"pool": pool, "overage": plain_micro(overage_micro), "billed_before": plain_micro(before)},
        }  # fmt: skip

    def rotate(self) -> int:
        """Let the next key sign from here on. Both sign the statement that says so, and the log keeps its hash."""
        old, new = self.signer, SIGNERS[len(self.signers)]
        at = self.clock + self.step
        document = {
            "v": 1, "typ": "key", "old_kid": old.kid, "new_kid": new.kid,
            "new_public_jwk": public_jwk(new.public_key), "ts": written_time(at),
        }  # fmt: skip
        statement = canonical_bytes(document)
        self.rotations.append(
            {
                "statement": statement.decode(),
                "old_signature": signature_text(old.sign(statement)),
                "new_signature": signature_text(new.sign(statement)),
            }
        )
        self.retired[old.kid] = int(at.timestamp()) + 301
        self.signers = [*self.signers, new]
        return self.add("key", idem=f"key_{len(self.rotations)}", req=new.kid, cid=statement_hash(statement))

    def jwks(self) -> dict[str, Any]:
        """The keys as they are published, with the windows they sign in."""
        return {"keys": [self._jwk(signer) for signer in reversed(self.signers)]}

    def _jwk(self, signer: Signer) -> dict[str, Any]:
        window = {"exp": self.retired[signer.kid]} if signer.kid in self.retired else {}
        return public_jwk(signer.public_key) | {"iat": 1_772_000_000, "nbf": 1_772_000_000} | window

    def checkpoint(self, size: int | None = None, *, signer: Signer | None = None, origin: str | None = None) -> str:
        """The signed head of the first `size` receipts."""
        size = self.size if size is None else size
        signer, origin = signer or self.signer, origin or origin_of(ISS, self.tenant)
        body = checkpoint_body(origin, size, Frontier().extend(self.hashes[:size])[0].root())
        signature = NoteSignature(origin, key_id(origin, signer.public_key), signer.sign(body.encode()))
        return format_note(body, [signature])

    def subtree(self, level: int, index: int) -> bytes:
        return root_of(self.hashes[index << level : (index + 1) << level])

    def inclusion(self, seq: int, size: int) -> list[str]:
        return [written(hashed) for hashed in inclusion_proof(seq - 1, size, self.subtree)]

    def consistency(self, old: int, size: int) -> dict[str, Any]:
        return {"size": old, "hashes": [written(hashed) for hashed in consistency_proof(old, size, self.subtree)]}


def root_of(hashes: list[bytes]) -> bytes:
    """The RFC 9162 root, by its definition."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root_of(hashes[:split]) + root_of(hashes[split:])).digest()


def period_document(period: tuple[datetime, datetime]) -> dict[str, str]:
    return {"start": written_time(period[0]), "end": written_time(period[1])}


def steps_document(rated: pricing.Rated) -> list[dict[str, str]]:
    return [
        {
            "from": plain(step.from_quantity), "to": plain(step.to_quantity), "quantity": plain(step.quantity),
            "unit_price": plain(step.unit_price), "flat_fee": plain(step.flat_fee),
            "amount": plain(Decimal(step.amount.numerator) / Decimal(step.amount.denominator)),
        }
        for step in rated.steps
    ]  # fmt: skip
