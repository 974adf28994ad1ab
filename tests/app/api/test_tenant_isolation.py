"""One customer's key can neither read nor change what is another's: on every route there is, now or later.

Routes are taken from the application itself. Wherever one takes an id, it is given Acme's, with Borealis' key. A route
with a parameter this file has no value for fails here until one is added.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import Select, Table, bindparam, select
from sqlmodel import col

from app.api import create_api
from app.mailing import prepare_due_mails
from models import ApiKey, Invoice, Role, TenantClock, User, metadata, table_of
from services.api_keys import TENANT_SCOPES, create_api_key
from services.assets.sources import ask_now, set_source
from services.contracts.agreements import Paper, draft_contract
from services.contracts.terms import read_terms
from services.credits.promotions import give_credits
from services.database import Session, reading, transaction
from services.gain_share.baselines import propose_baseline
from services.gain_share.evidence import store_evidence
from services.identity import create_tenant, create_user
from services.invoices.adjustments import adjust_subscription
from services.mails.preferences import set_preference
from services.maintenance.columns import FailureColumns, LogMapping
from services.maintenance.imports import LogRequest, import_maintenance_log
from services.notices import read_notices
from services.rules.verification_codes import verification_code
from services.subscriptions.change_preview import When
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.starting import create_subscription
from services.top_ups.automatic import AutoTopUpTerms, set_auto_top_up
from services.top_ups.buying import buy_top_up
from services.webhooks.replays import ask_test, claim_test
from tests.app.api.conftest import PASSWORD, Client, Customer, World
from tests.gain_share_given import OURS, agree, submit, terms_of
from tests.given import owner_of
from tests.parties_given import billed_in, seller
from tests.payment_rows import write_payment_rows

SECRET = "secret-7f3a9c"
EVENT = {"event_type": "LLM_token_usage", "units": 1}
NOW = datetime.now(UTC)

WITHOUT_ID = {
    "limit", "cursor", "group_by", "from", "to", "event_type", "Idempotency-Key",
    "plan_code", "start_date", "interval", "collection", "force_period_end", "reference", "reason", "expires_in",
    "from_seq", "to_seq", "since", "form", "format", "language", "number", "after", "overlap_hours", "enabled",
    "skip_held", "is_federal", "kind", "quantity", "priority", "expires_at",
    "valid_from", "valid_until", "notes", "when", "preview",
    "method", "deadline_on",
    "status", "outcome", "with_replaced", "hours", "up_hours", "repair_hours", "failures", "dry_run", "unit",
}  # fmt: skip
"""Parameters that name nothing of a customer; left out where they may be."""

SAMPLES: dict[str, Any] = {
    "kpi": "mtbf_hours",
    "value": "5",
    "currency": "CAD",
    "rates": {"operating_hours": 1},
    "period_start": "2025-01-01",
    "period_end": "2025-02-01",
    "effective_from": "2025-02-01",
    "repairs": None,
    "machines": None,
    "timezone": "UTC",
    "share_pct": "15",
    "parts": ["shorter_repairs"],
    "text": "Taken over",
    "plan_code": "STARTER",
    "event_type": "LLM_token_usage",
    "units": 1,
    "reason": "No reason",
    "asset_count": 5,
    "cap": "1.00",
    "amount": "1.00",
    "way": "elsewhere",
    "thresholds_pct": [50],
    "title": "Taken over",
    "terms": {},
    "seq": 1,
    "sheet": "invoices",
    "pool": "credits",
    "pack": "credits-250k",
    "credits": "5",
    "threshold": "5",
    "month_count_max": 1,
    "month_amount_max": "9.00",
    "from_size": 1,
    "position": 1,
    "token": "taken-over",
    "every_hours": 12,
    "url": "https://example.com/hooks",
    "description": "Taken over",
    "event_types": ["invoice.paid"],
}

PUBLIC_BY_ID = {"/.well-known/tallystick/{tenant_id}/checkpoint"}
"""What anyone may see who has a customer's id; it repeats the id, and tells a size and a hash."""


BY_COOKIE = {
    "/session", "/session/end", "/session/tenant",
    "/session/invoices/{invoice_id}/proof", "/session/receipts/{seq}/proof",
    "/session/evidence", "/session/evidence/{file_id}", "/session/exports/{sheet}", "/session/credits.csv",
    "/session/invoices/{invoice_id}/pdf", "/session/credit-notes/{credit_note_id}/pdf",
    "/session/gain-share/{run_id}/pdf",
}  # fmt: skip
"""What takes a browser's cookie and no key: tried in test_browser_session.py, test_browser_downloads.py,
test_browser_evidence.py and test_gain_share_reports_api.py."""

BY_LINK = {"/unsubscribe/{token}"}
"""What takes a signed token out of a letter and nothing else: tried in test_unsubscribe.py."""


@pytest.fixture
def marked(world: World, client: Client) -> dict[str, Any]:
    """The secret in everything of Acme that takes free text, and Acme's own ids and names by parameter name."""
    acme, headers = world.acme, world.acme.headers
    with transaction() as session:
        seller(session, at=NOW)
        billed_in(session, acme.tenant_id, "ON", at=NOW, legal_name=SECRET, purchase_order=SECRET)
    event = EVENT | {"units": 900_000, "event_id": "acme-event", "site": "acme-site", "trace_id": "acme-trace"}
    sent = [
        client.post("/v1/sites", json={"code": "acme-site", "name": SECRET}, headers=headers),
        client.post("/v1/sites", json={"code": SECRET, "name": SECRET}, headers=headers),
        client.post(
            "/v1/usage/track",
            json=event | {"meta": {SECRET: SECRET}},
            headers=headers | {"Idempotency-Key": "acme-key"},
        ),
        client.post("/v1/usage/track", json=EVENT | {"event_id": SECRET, "trace_id": SECRET}, headers=headers),
        client.post("/v1/assets/snapshots", json={"asset_count": 5, "site_breakdown": {SECRET: 5}}, headers=headers),
        client.request("PUT", "/v1/spend-cap", json={"cap": "1000.00"}, headers=headers),
    ]
    assert [answer.status_code for answer in sent] == [201, 201, 200, 200, 201, 200]
    hook = {"url": f"https://example.com/{SECRET}", "description": SECRET}
    endpoint_id = client.post("/v1/webhook-endpoints", json=hook, headers=headers).json()["endpoint_id"]
    client.request("PATCH", f"/v1/webhook-endpoints/{endpoint_id}", json={"enabled": False}, headers=headers)
    with transaction() as session:
        delivery_id = ask_test(session, tenant_id=acme.tenant_id, endpoint_id=endpoint_id, at=NOW).id
        set_source(session, tenant_id=acme.tenant_id, url=f"https://example.com/{SECRET}", token=SECRET, at=NOW)
        ask_now(session, tenant_id=acme.tenant_id, at=NOW)
        claim_test(session, tenant_id=acme.tenant_id, delivery_id=delivery_id, at=NOW)
        notice_id = read_notices(session, tenant_id=acme.tenant_id)[0].id
    held = EVENT | {"reservation_id": "acme-reservation"}
    assert client.post("/v1/usage/reservations", json=held, headers=headers).status_code == 201
    credit_note_id = credited(world, client)
    invoice = client.get("/v1/invoices", headers=headers).json()["invoices"][-1]
    path = f"/v1/admin/invoices/{invoice['invoice_id']}/mark-paid"
    assert client.post(path, json={"reference": SECRET}, headers=world.operator_headers).status_code == 200
    with transaction() as session:
        bought = buy_top_up(session, tenant_id=acme.tenant_id, pack="credits-250k", by=SECRET, at=NOW)
        terms = AutoTopUpTerms(pack="credits-1m", threshold="5", month_count_max=1, month_amount_max="5000.00")
        set_auto_top_up(session, tenant_id=acme.tenant_id, pool="credits", terms=terms, by=SECRET, at=NOW)
        gift = give_credits(
            session, tenant_id=acme.tenant_id, pool="credits", credits="5", reason=SECRET, by=SECRET, at=NOW
        )
        contract = draft_contract(
            session,
            tenant_id=acme.tenant_id,
            plan_code="ENTERPRISE",
            terms=read_terms({}),
            paper=Paper(SECRET, NOW.date(), notes=SECRET),
            by="usr_1",
            at=NOW,
        )
        create_api_key(
            session,
            tenant_id=acme.tenant_id,
            scopes=["billing:read"],
            name=SECRET,
            maker=owner_of(acme.tenant_id),
            at=NOW,
        )
        mine: Any = {"tenant_id": acme.tenant_id, "subscription_id": acme.subscription_id, "at": datetime.now(UTC)}
        adjust_subscription(session, **mine, amount_minor=1, reason=SECRET, by=SECRET)
        change_plan(session, **mine, plan_code="ENTERPRISE", when=When.PERIOD_END, by=SECRET)
        of_bill = {"tenant_id": acme.tenant_id, "invoice_id": invoice["invoice_id"]}
        checkout_id = write_payment_rows(session, **of_bill, said=SECRET, at=NOW)
        member = create_user(session, email=f"{SECRET}@acme.example", tenant_id=acme.tenant_id, role=Role.OWNER, at=NOW)
        set_preference(session, tenant_id=acme.tenant_id, user_id=member.id, kind="plan", is_wanted=False, at=NOW)
        session.add(TenantClock(tenant_id=acme.tenant_id, started_at=NOW))
        measured = measured_rows(session, acme.tenant_id)
    prepare_due_mails(at=datetime.now(UTC))
    return measured | {
        "tenant_id": acme.tenant_id,
        "subscription_id": acme.subscription_id,
        "invoice_id": invoice["invoice_id"],
        "event_id": "acme-event",
        "corrects": "acme-event",
        "reservation_id": "acme-reservation",
        "credit_note_id": credit_note_id,
        "checkout_id": checkout_id,
        "verification_code": code_of(acme.tenant_id, invoice["invoice_id"]),
        "endpoint_id": endpoint_id,
        "delivery_id": delivery_id,
        "notice_id": notice_id,
        "contract_id": contract.id,
        "lot_id": bought.grant_id,
        "grant_id": gift.id,
        "site": "acme-site",
        "trace_id": "acme-trace",
        "code": "acme-site",
        "name": "Taken over",
        "meta": {},
        "occurred_at": NOW.isoformat(),
        "captured_at": NOW.isoformat(),
        "site_breakdown": {"acme-site": 5},
        "legal_name": "Taken over",
        "address_lines": ["1 King Street"],
        "city": "Toronto",
        "region": "ON",
        "country": "CA",
        "postal_code": "M5H 1A1",
        "email": "taken@over.example",
        "emails": ["taken@over.example"],
        "tax_ids": [],
        "registrations": [],
        "bank_details": [{"label": "Account", "value": "taken over"}],
        "purchase_order": "Taken over",
        "language": "fr",
        "terms": None,
        "percentage": "50",
        "since": "2030-01-01",
    }


def measured_rows(session: Session, tenant_id: str) -> dict[str, Any]:
    """A file, a baseline, a log, what it measured and a run over it, all of Acme's, with the secret in them."""
    content = f"machine,failed,repaired\n{SECRET},2025-01-02,2025-01-03\n".encode()
    mine: Any = {"tenant_id": tenant_id, "signer": OURS, "at": NOW}
    file_id = store_evidence(session, name=f"{SECRET}.csv", content=content, **mine).id
    baseline = propose_baseline(session, terms=terms_of(session, tenant_id, "mtbf_hours", "92", at=NOW), **mine)
    mapping = LogMapping(FailureColumns("machine", "failed", repaired_at="repaired"))
    request = LogRequest(file_id, mapping, date(2025, 1, 1), date(2025, 2, 1))
    kept = import_maintenance_log(session, request=request, **mine).kept
    assert kept is not None
    create_subscription(session, tenant_id=tenant_id, plan_code="ENTERPRISE", name="plant", at=NOW)
    agree(
        session, tenant_id, at=NOW, period_start=date(2024, 1, 1), period_end=date(2025, 1, 1),
        effective_from=date(2025, 1, 1),
    )  # fmt: skip
    days = {"period_start": request.period_start, "period_end": request.period_end}
    run = submit(session, tenant_id, at=NOW, text=SECRET, **days)
    columns = {"file_id": file_id, "machine": "machine", "failed_at": "failed", "repaired_at": "repaired"}
    return {"file_id": file_id, "baseline_id": baseline.id, "import_id": kept.id, "failures": columns, "run_id": run.id}


def credited(world: World, client: Client) -> str:
    """A credit note of Acme's, for a bill with more on it than was used."""
    event = EVENT | {"units": 400_000, "event_id": "acme-too-much"}
    bill = {"tenant_id": world.acme.tenant_id, "force_period_end": True}
    wrong = {"corrects": "acme-too-much", "units": 1, "reason": SECRET}
    sent = [
        client.post("/v1/usage/track", json=event, headers=world.acme.headers),
        client.post("/v1/invoices/generate", json=bill, headers=world.operator_headers),
        client.post("/v1/usage/corrections", json=wrong, headers=world.acme.headers),
        client.post("/v1/usage/track", json=EVENT | {"event_id": "acme-next"}, headers=world.acme.headers),
    ]
    assert [answer.status_code for answer in sent] == [200, 200, 200, 200]
    return str(sent[2].json()["credit_note"]["credit_note_id"])


def code_of(tenant_id: str, invoice_id: str) -> str:
    """What is printed at the foot of Acme's invoice."""
    with reading() as session:
        invoice = session.get_one(Invoice, (tenant_id, invoice_id))
        return verification_code(invoice.receipt_seq, invoice.receipt_hash)


def rows_of(customer: Customer) -> dict[str, str]:
    """A hash of everything each table holds of a customer."""
    found = {}
    owner = {"owner": customer.tenant_id, "address": f"%@{customer.name.lower()}.example"}
    with reading() as session:
        connection = session.connection()
        for name, owned in OWNED.items():
            rows = sorted(map(repr, connection.execute(owned, owner)))
            found[name] = hashlib.sha256("\n".join(rows).encode()).hexdigest() if rows else ""
    return found


def _owned(table: Table) -> Select[Any] | None:
    """The rows of a table that are the `owner`'s, or their people's, whose e-mail is at `address`."""
    if table.name in ("users", "web_session"):
        users = table_of(User).c
        people = select(users.id).where(users.email.like(bindparam("address")))
        return select(table).where((table.c.id if table.name == "users" else table.c.user_id).in_(people))
    column = table.c.id if table.name == "tenant" else table.c.get("tenant_id")
    return None if column is None else select(table).where(column == bindparam("owner"))


OWNED = {table.name: owned for table in metadata.sorted_tables if (owned := _owned(table)) is not None}
"""Built once: building them takes longer than running them, thousands of times."""


class Attack:
    """A request for one route, filled with the ids of somebody else."""

    def __init__(self, method: str, path: str, operation: dict[str, Any], ids: dict[str, Any]) -> None:
        self.method, self.ids = method, ids
        self.query: dict[str, Any] = {}
        self.path = path
        for parameter in operation.get("parameters", ()):
            name = parameter["name"]
            if parameter["in"] == "path":
                self.path = self.path.replace("{%s}" % name, str(self.value(name)))  # noqa: UP031
            elif name not in WITHOUT_ID:
                self.query[name] = self.value(name)
        self.bodies = list(self._bodies(operation))

    def value(self, name: str) -> Any:
        known = self.ids | SAMPLES
        assert name in known, f"{self.method} {self.path} takes {name}: add a value for it here, one of Acme's"
        return known[name]

    def _bodies(self, operation: dict[str, Any]) -> Iterator[Any]:
        content = operation.get("requestBody", {}).get("content", {})
        for media_type, described in content.items():
            if media_type == "application/json":
                yield self._filled(described["schema"])
        if not content:
            yield None

    def _filled(self, schema: dict[str, Any]) -> Any:
        schema = self._resolved(schema)
        if schema.get("type") == "array":
            return [self._filled(schema["items"])]
        required = set(schema.get("required", ()))
        names = [name for name in schema["properties"] if name in required or name not in WITHOUT_ID]
        return {name: self.value(name) for name in names}

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "anyOf" in schema:
            schema = next(option for option in schema["anyOf"] if option.get("type") != "null")
        name = schema.get("$ref", "").rpartition("/")[2]
        return OPENAPI["components"]["schemas"][name] if name else schema

    def variants(self) -> Iterator[tuple[dict[str, Any], Any]]:
        """With Acme's tenant_id, without it, and with nothing but what names the thing itself."""
        for body in self.bodies:
            yield self.query, body
            yield _without_tenant(self.query), _without_tenant(body)
            yield {}, _without_tenant(body)


def _without_tenant(document: Any) -> Any:
    if isinstance(document, list):
        return [_without_tenant(item) for item in document]
    if isinstance(document, dict):
        return {name: value for name, value in document.items() if name != "tenant_id"}
    return document


OPENAPI = create_api().openapi()
OPERATIONS = [
    (method.upper(), path, operation)
    for path, operations in OPENAPI["paths"].items()
    for method, operation in operations.items()
]


def test_every_route_of_the_application_is_walked() -> None:
    walked = {(method, path) for method, path, _ in OPERATIONS}
    served = {
        (method, route.path_format)
        for route in create_api().routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert {path for _, path in served - walked} == BY_COOKIE | BY_LINK


def test_every_table_a_customer_owns_holds_something_of_acme(world: World, marked: dict[str, Any]) -> None:
    empty = {name for name, fingerprint in rows_of(world.acme).items() if not fingerprint}
    assert empty <= {"web_session"}


def test_no_route_shows_or_changes_what_is_anothers(world: World, client: Client, marked: dict[str, Any]) -> None:
    before = rows_of(world.acme)
    secrets = (SECRET, world.acme.tenant_id, world.acme.subscription_id, marked["invoice_id"])
    for name, headers in credentials(world):
        for method, path, operation in OPERATIONS:
            attack = Attack(method, path, operation, marked)
            for number, (query, body) in enumerate(attack.variants()):
                extra = {"Idempotency-Key": "acme-key"} if method == "POST" and number == 0 else {}
                answer = client.request(method, attack.path, params=query, json=body, headers=headers | extra)
                said = f"{name}: {method} {attack.path} {query} {body}: {answer.status_code} {answer.text[:300]}"
                assert answer.status_code < 500, said
                known = {world.acme.tenant_id} if path in PUBLIC_BY_ID else set()
                assert not any(secret in answer.text for secret in secrets if secret not in known), said
            assert rows_of(world.acme) == before, f"{name}: {method} {path} changed what is Acme's"


def credentials(world: World) -> Iterator[tuple[str, dict[str, str]]]:
    yield "no key", {}
    with transaction() as session:
        keys = {
            scope: create_api_key(
                session,
                tenant_id=world.borealis.tenant_id,
                scopes=[scope],
                maker=owner_of(world.borealis.tenant_id),
                at=NOW,
            ).key
            for scope in TENANT_SCOPES
        }
    for scope, key in keys.items():
        yield scope, {"Authorization": f"Bearer {key}"}
    yield "every scope", world.borealis.headers


def test_the_same_idempotency_key_of_another_customer_is_another_key(world: World, client: Client) -> None:
    headers = {"Idempotency-Key": "shared-word"}
    first = client.post("/v1/usage/track", json=EVENT, headers=world.acme.headers | headers)
    second = client.post("/v1/usage/track", json=EVENT | {"units": 5}, headers=world.borealis.headers | headers)
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json()["credits_burned"] == "5"
    assert "idempotent-replayed" not in second.headers


def test_a_browser_cannot_choose_anothers_customer(world: World, client: Client) -> None:
    signed_in = client.post("/session", data={"email": world.borealis.email, "password": PASSWORD})
    assert signed_in.status_code == 303
    before = rows_of(world.acme) | rows_of(world.borealis)
    with transaction() as session:
        bare = create_tenant(session, name="Bare", currency="CAD", timezone="UTC", at=NOW)
        create_subscription(session, tenant_id=bare.id, plan_code="STARTER", at=NOW)
    for tenant_id in (world.acme.tenant_id, bare.id, "ten_none", "", "x" * 500, "\x00"):
        answer = client.post("/session/tenant", data={"tenant_id": tenant_id})
        assert answer.status_code in (303, 403)
        assert answer.headers.get("location", "") in ("", "/sign-in/?ended=expired")
        assert rows_of(world.acme) | rows_of(world.borealis) == before


def test_nobody_elses_key_or_invoice_can_be_reached_by_a_service_either(world: World) -> None:
    from services.api_keys import list_api_keys, revoke_api_key
    from services.errors import NotFound
    from services.invoices.finding import read_invoice

    with transaction() as session:
        (key_id,) = session.exec(select(col(ApiKey.id)).where(col(ApiKey.tenant_id) == world.acme.tenant_id)).one()
        (invoice_id,) = session.exec(
            select(col(Invoice.id)).where(col(Invoice.tenant_id) == world.acme.tenant_id)
        ).one()
        with pytest.raises(NotFound):
            revoke_api_key(session, key_id=key_id, tenant_id=world.borealis.tenant_id, at=NOW)
        with pytest.raises(NotFound):
            read_invoice(session, tenant_id=world.borealis.tenant_id, invoice_id=invoice_id)
        assert key_id not in {key.id for key in list_api_keys(session, tenant_id=world.borealis.tenant_id)}
