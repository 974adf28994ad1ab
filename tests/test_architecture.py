"""The arrows: app → services → models, rules on the standard library alone. And what no file may hold."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, Table, UniqueConstraint

from models import metadata

ROOT = Path(__file__).resolve().parent.parent
OURS = {"app", "services", "models"}
VENDORS = {
    "stripe", "cryptography", "smtplib", "http.client", "urllib.request", "urllib3", "requests", "httpx", "aiohttp",
    "nacl", "ftplib", "aiosmtplib", "aiosmtpd", "boto3", "redis", "httpcore", "standardwebhooks", "dbos",
}  # fmt: skip
QUERY_BUILDERS = {"sqlalchemy", "sqlmodel", "sqlite3", "psycopg", "alembic"}
WEB = {"reflex", "fastapi", "starlette", "granian", "typer", "app"}
SHAPELESS_NAMES = {"utils", "helpers", "common", "core", "util", "helper", "misc"}
NOT_OURS = {".git", ".venv", ".web", ".states", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "data"}
DIRECTORY_TABLES = {
    "tenant": "is the customer itself",
    "users": "a person is found by e-mail before any customer is known",
    "web_session": "a browser is found by its cookie before any customer is known",
    "api_key": "a program is found by its key before any customer is known",
    "price_book": "belongs to the seller",
    "price_book_version": "belongs to the seller",
    "plan_version": "belongs to the seller",
    "signing_key": "signs for every customer",
    "stripe_account": "is the seller's",
    "stripe_catalog_entry": "is the seller's price book at Stripe",
    "stripe_event": "arrives before it is known whose it is",
    "seller_profile": "is the seller's",
    "tax_rate": "is the law's, for every customer",
    "job_worker": "works for every customer",
    "key_rotation": "is the history of what signs for every customer",
}


def sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Every module a file imports, wherever in it, as (line, dotted name)."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: import by the full name"
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def within(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def wrong_arrows(paths: list[Path], refused: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in paths
        for line, module in imports_of(path)
        if within(module, refused)
    ]


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not NOT_OURS & set(path.relative_to(ROOT).parts)]
    return [path for path in paths if path.is_file()]


def test_rules_import_the_standard_library_and_each_other_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sources("services/rules")
        for line, module in imports_of(path)
        if not within(module, {"services.rules"}) and module.split(".")[0] not in sys.stdlib_module_names
    ]
    assert wrong == []


def test_rules_read_no_clock_and_no_file() -> None:
    names = {"now", "utcnow", "today", "open", "getenv", "environ", "read_text", "read_bytes"}
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} {name}"
        for path in sources("services/rules")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in [getattr(node, "attr", None) or getattr(node, "id", None)]
        if isinstance(node, ast.Attribute | ast.Name) and name in names
    ]
    assert wrong == []


def test_rules_hold_no_float() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources("services/rules")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float)) or is_float_call(node)
    ]
    assert wrong == []


def is_float_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"


def test_models_import_none_of_ours() -> None:
    assert wrong_arrows(sources("models"), {"app", "services"} | WEB | VENDORS) == []


def test_services_know_nothing_of_the_web_or_the_app() -> None:
    sandbox = ROOT / "services" / "stripe_sandbox"
    paths = [path for path in sources("services") if sandbox not in path.parents]
    assert wrong_arrows(paths, WEB) == []
    assert wrong_arrows(sources("services"), {"app", "reflex"}) == []


def test_vendors_and_keys_are_met_in_gateways_only() -> None:
    gateways = ROOT / "services" / "gateways"
    paths = [path for room in OURS for path in sources(room) if gateways not in path.parents]
    assert wrong_arrows(paths, VENDORS) == []


def test_the_app_builds_no_query() -> None:
    assert wrong_arrows(sources("app"), QUERY_BUILDERS) == []


def test_nothing_imports_the_tests_or_the_benchmarks() -> None:
    assert wrong_arrows([path for room in OURS for path in sources(room)], {"tests", "bench", "pytest"}) == []


def test_metering_does_not_load_the_pages() -> None:
    program = (
        "import sys, services.metering; print(sorted({'reflex', 'fastapi', 'starlette', 'app'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def fixtures_of(path: Path) -> set[str]:
    """The names of the fixtures a file of tests defines."""
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    return {one.name for one in functions if any("pytest.fixture" in ast.unparse(mark) for mark in one.decorator_list)}


def test_no_file_of_tests_hides_a_fixture_that_serves_them_all() -> None:
    """One that does breaks what is built on the hidden one, and only where it happens to be asked for first."""
    tests = ROOT / "tests"
    serving = [path for path in tests.glob("*.py") if not path.name.startswith("test_")]
    for_all = set().union(*map(fixtures_of, serving))
    hidden = [
        (str(path.relative_to(ROOT)), sorted(fixtures_of(path) & for_all))
        for path in sorted(tests.rglob("*.py"))
        if path not in serving and fixtures_of(path) & for_all
    ]
    assert hidden == []


def test_no_folder_or_file_has_a_name_that_says_nothing() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if SHAPELESS_NAMES & {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}
    ]
    assert wrong == []


def test_no_file_names_the_host_of_a_package_registry() -> None:
    # Written so that this file does not name one either.
    hosts = re.compile(
        rb"p(y)pi\.org|pythonh(o)sted|registry\.(n)pmjs|(n)pmjs\.org|registry\.(y)arnpkg|(d)eb\.debian"
        rb"|security\.(d)ebian|(c)rates\.io|proxy\.(g)olang|-(-)index-url|e(x)tra-index-url|a(r)tifactory"
        rb"|[a-z0-9.-]+/(s)imple/",
        re.IGNORECASE,
    )
    wrong = {
        str(path.relative_to(ROOT)): found.group().decode()
        for path in tracked_files()
        if (found := hosts.search(path.read_bytes()))
    }
    assert wrong == {}


TENANT_TABLES = sorted(set(metadata.tables) - set(DIRECTORY_TABLES))


def first_column(table: Table, constraint: PrimaryKeyConstraint | UniqueConstraint) -> str:
    return next(iter(constraint.columns)).name if list(constraint.columns) else f"{table.name} has an empty key"


@pytest.mark.parametrize("name", TENANT_TABLES)
def test_the_tenant_comes_first_in_every_key_of_what_a_customer_owns(name: str) -> None:
    table = metadata.tables[name]
    keys = [item for item in table.constraints if isinstance(item, PrimaryKeyConstraint | UniqueConstraint)]
    assert {first_column(table, key) for key in keys} == {"tenant_id"}
    unique = [index for index in table.indexes if index.unique]
    assert {next(iter(index.columns)).name for index in unique} <= {"tenant_id"}


@pytest.mark.parametrize("name", TENANT_TABLES)
def test_a_customers_row_refers_to_rows_of_the_same_customer(name: str) -> None:
    for key in metadata.tables[name].constraints:
        if isinstance(key, ForeignKeyConstraint) and key.referred_table.name in TENANT_TABLES:
            pairs = {element.parent.name: element.column.name for element in key.elements}
            assert pairs.get("tenant_id") == "tenant_id", f"{key.name} could reach another customer's row"


def test_every_directory_table_that_is_excepted_exists() -> None:
    assert set(DIRECTORY_TABLES) <= set(metadata.tables)


@pytest.mark.parametrize("name", sorted(metadata.tables))
def test_names_in_the_database_follow_the_convention(name: str) -> None:
    table = metadata.tables[name]
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", column.name) for column in table.columns)
    assert all(str(index.name).startswith(f"ix_{name}_") for index in table.indexes)
    kinds = {
        "PrimaryKeyConstraint": "pk",
        "UniqueConstraint": "uq",
        "CheckConstraint": "ck",
        "ForeignKeyConstraint": "fk",
    }
    for constraint in table.constraints:
        expected = f"{kinds[type(constraint).__name__]}_{name}"
        assert constraint.name is not None
        assert str(constraint.name).startswith(expected)
