"""Thousands of requests made from the OpenAPI document: whatever is sent, no 5xx and nothing the document denies."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import Engine

from app.api import create_api
from services.api_keys import TENANT_SCOPES, create_api_key
from services.database import transaction
from services.identity import create_tenant
from services.price_books.books import load_shipped_books
from services.subscriptions.starting import create_subscription
from tests.given import OPERATOR, owner_of

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
EXAMPLES = 30
SAYS_WHAT_IS_WRONG = {
    "/v1/usage/events": "a batch is taken though an item of it is wrong: the answer says why that one was refused",
    "/v1/receipts/verify": "whatever claims to be a bundle is checked: the answer says what is wrong with it",
}
"""Operations that answer 200 to what the document denies."""

WITHOUT_INPUT = ("/v1/plans", "/.well-known/jwks.json", "/healthz", "/readyz")
TAKES_ANYTHING = {(GenerationMode.NEGATIVE, path) for path in WITHOUT_INPUT}
"""Operations without parameters or a body, to which nothing wrong can be sent."""


OPERATIONS = [(method.upper(), path) for path, methods in create_api().openapi()["paths"].items() for method in methods]


@dataclass(frozen=True)
class Described:
    """The document as schemathesis reads it, and who asks."""

    schema: schemathesis.schemas.BaseSchema
    keys: dict[str, str]


@pytest.fixture
def described(engine: Engine) -> Described:
    now = datetime.now(UTC)
    with transaction() as session:
        load_shipped_books(session, at=now)
        tenant = create_tenant(session, name="Acme", currency="CAD", timezone="America/Toronto", at=now)
        create_subscription(session, tenant_id=tenant.id, plan_code="PRO", at=now)
        keys = {
            "tenant": create_api_key(
                session, tenant_id=tenant.id, scopes=TENANT_SCOPES, maker=owner_of(tenant.id), at=now
            ).key,
            "operator": create_api_key(session, scopes=["operator"], is_operator=True, maker=OPERATOR, at=now).key,
        }
    return Described(schemathesis.openapi.from_asgi("/openapi.json", create_api()), keys)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_one_the_document_describes(
    described: Described, method: str, path: str, mode: GenerationMode
) -> None:
    operation = described.schema[path][method]
    requests = operation.as_strategy(generation_mode=mode)

    @given(case=requests, who=st.sampled_from(sorted(described.keys)))
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    def ask(case: schemathesis.Case, who: str) -> None:
        case.call_and_validate(
            headers={"Authorization": f"Bearer {described.keys[who]}"},
            checks=CHECKS,
            excluded_checks=[negative_data_rejection] if path in SAYS_WHAT_IS_WRONG else [],
        )

    try:
        ask()
    except Unsatisfiable:
        assert (mode, path) in TAKES_ANYTHING
