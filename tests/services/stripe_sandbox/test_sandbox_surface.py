"""What the sandbox offers is Stripe's: every operation, every parameter, every kind of event it tells of."""

import gzip
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from services.stripe_sandbox import parts
from services.stripe_sandbox.operations import Operation

OPERATIONS = parts.operations()
SOURCES = Path(parts.__file__).parent
EVENT_IN_SOURCE = re.compile(r'"((?:[a-z_]+\.)+[a-z_]+)"')
FAMILIES = ("customer.", "invoice.", "invoiceitem.", "charge.", "payment_intent.", "payment_method.", "credit_note.")


@cache
def specification(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress((folder / "stripe" / "spec3.endive.json.gz").read_bytes()))
    return found


def steps(path: str) -> tuple[str, ...]:
    return tuple("" if step.startswith("{") else step for step in path.strip("/").split("/"))


def stripes_operation(spec: dict[str, Any], operation: Operation) -> dict[str, Any]:
    for path, methods in spec["paths"].items():
        if steps(path) == steps(operation.path) and operation.method.lower() in methods:
            found: dict[str, Any] = methods[operation.method.lower()]
            return found
    raise AssertionError(f"Stripe has no {operation.method} {operation.path}")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_an_operation_and_its_parameters_are_stripes(operation: Operation, shared_folder: Path) -> None:
    spec = specification(shared_folder)
    stripes = stripes_operation(spec, operation)
    known = {parameter["name"] for parameter in stripes.get("parameters", []) if parameter["in"] == "query"}
    for body in (stripes.get("requestBody") or {}).get("content", {}).values():
        schema = body["schema"]
        while "$ref" in schema:
            schema = spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        known |= set(schema.get("properties", {}))
    assert set(operation.takes) - known == set()


def test_every_event_that_is_told_is_one_stripe_has(shared_folder: Path) -> None:
    schemas = specification(shared_folder)["components"]["schemas"].values()
    types = {kind for schema in schemas for kind in schema.get("properties", {}).get("type", {}).get("enum", [])}
    named = {
        match
        for path in SOURCES.rglob("*.py")
        for match in EVENT_IN_SOURCE.findall(path.read_text())
        if match.startswith(FAMILIES) and not match.endswith((".html", ".typ"))
    }
    assert len(named) > 25
    assert named - types == set()
