"""The command line: what it does, what it prints, and how it refuses."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Engine
from sqlmodel import select
from typer.testing import CliRunner

from app.cli.commands import cli
from models import ApiKey, Membership, Role, Site, Subscription, Tenant, User
from services.api_keys import authenticate_key
from services.database import open_engine, reading, transaction
from services.migrations import is_current
from services.passwords import is_password_of
from services.settings import settings
from services.tenant_clocks import set_clock, start_clock

Run = Callable[..., Result]
CSV = "when,tokens,plant\n2026-03-05 10:00:00,1500,\n2026-03-05 10:00:01,2500,\nnever,1,\n"
MAPPING = ("--event-type", "LLM_token_usage", "--time", "when", "--units", "tokens / 1000")


@pytest.fixture
def run(sqlite_engine: Engine) -> Run:
    runner = CliRunner()

    def invoke(*arguments: str, code: int = 0, typed: str | None = None) -> Result:
        result = runner.invoke(cli, [*arguments], input=typed)
        assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
        return result

    return invoke


@pytest.fixture
def northwind(run: Run) -> str:
    start = str(_yesterday())
    made = run("tenant", "create", "Northwind Mills", "--plan", "PRO", "--start", start, "--json")
    return str(json.loads(made.stdout)["tenant_id"])


def _yesterday() -> date:
    """The last day that has surely begun where the customer is."""
    from app.unit_of_work import now

    return now().date() - timedelta(days=1)


def test_a_tenant_is_created_with_its_subscription_in_the_plans_currency(run: Run) -> None:
    made = json.loads(run("tenant", "create", "Acme", "--plan", "memory-cloud/pro", "--json").stdout)
    with reading() as session:
        tenant = session.get_one(Tenant, made["tenant_id"])
        subscription = session.exec(select(Subscription)).one()
        assert (tenant.name, tenant.currency, subscription.id) == ("Acme", "USD", made["subscription_id"])


def test_a_tenant_without_a_plan_has_no_subscription(run: Run) -> None:
    made = json.loads(run("tenant", "create", "Acme", "--timezone", "America/Toronto", "--json").stdout)
    assert made["subscription_id"] is None
    assert "subscription" not in run("tenant", "create", "Other").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tenant", "create", "Acme", "--plan", "PLATINUM"], "There is no plan 'PLATINUM'"),
        (["tenant", "create", "Acme", "--currency", "XXXX"], "currency"),
        (["tenant", "create", "Acme", "--timezone", "Mars/Olympus"], "time zone"),
        (["tenant", "create", "Northwind Mills"], "Northwind Mills already"),
        (["tenant", "create", "Acme", "--plan", "PRO", "--start", "2099-01-01"], "after today"),
        (["apikey", "create", "--tenant", "Nobody", "--scopes", "billing:read"], "no customer with that id or name"),
        (["apikey", "create", "--tenant", "Northwind Mills", "--scopes", "everything"], "everything"),
        (["user", "create", "nonsense", "--operator"], "name@example.com"),
        (["site", "add", "red-lake", "--tenant", "Nobody"], "no customer with that id or name"),
        (["close-periods", "--at", "tomorrow"], "not a time"),
        (["catalog", "load", "missing.toml"], "cannot be read"),
        (["usage", "import", "missing.csv", "--tenant", "Northwind Mills", *MAPPING], "missing.csv cannot be read"),
    ],
)
def test_a_refusal_is_one_sentence_on_stderr_and_exit_code_1(
    run: Run, northwind: str, arguments: list[str], said: str
) -> None:
    refused = run(*arguments, code=1)
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["tenant", "create"],
        ["tenant", "create", "Acme", "--start", "2026-01-01"],
        ["tenant", "create", "Acme", "--start", "soon"],
        ["apikey", "create"],
        ["apikey", "create", "--operator", "--tenant", "Acme"],
        ["apikey", "create", "--tenant", "Acme"],
        ["user", "create", "a@b.example", "--tenant", "Acme"],
        ["user", "create", "a@b.example", "--tenant", "Acme", "--role", "king"],
        ["usage", "import", "x.csv", "--tenant", "Acme"],
        ["usage", "import", "x.csv", "--tenant", "Acme", *MAPPING, "--delimiter", "x"],
        ["api", "--workers", "0"],
        ["run", "--port", "70000"],
    ],
)
def test_what_is_no_command_of_ours_ends_with_exit_code_2(run: Run, arguments: list[str]) -> None:
    assert "Usage:" in run(*arguments, code=2).stderr


def test_a_key_is_printed_once_alone_on_the_last_line_and_works(run: Run, northwind: str) -> None:
    made = run("apikey", "create", "--tenant", northwind, "--scopes", "usage:write", "--scopes", "billing:read")
    key = made.stdout.splitlines()[-1]
    with reading() as session:
        principal = authenticate_key(session, key=key)
        stored = session.exec(select(ApiKey)).one()
        assert key not in (stored.digest, stored.prefix)
    assert (principal.tenant_id, principal.scopes) == (northwind, {"usage:write", "billing:read"})


def test_a_key_says_who_made_it_where_keys_are_listed(
    run: Run, northwind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "deploy")
    run("user", "create", "ops@seller.example", "--operator")
    asked = ("apikey", "create", "--tenant", northwind, "--scopes", "gainshare:write", "--name", "Historian", "--json")
    made = [json.loads(run(*asked, *by).stdout)["key_id"] for by in ((), ("--by", "ops@seller.example"))]
    listed = {row["key_id"]: row for row in json.loads(run("apikey", "list", "--tenant", northwind, "--json").stdout)}
    assert [listed[key]["made_by"] for key in made] == ["deploy at the command line", "ops@seller.example"]
    assert {listed[key]["made_for"] for key in made} == {"seller"}
    assert run("apikey", "list", "--operator").stdout == "The operators have no key yet.\n"
    assert json.loads(run("apikey", "revoke", made[0], "--json").stdout)["key_id"] == made[0]
    rows = json.loads(run("apikey", "list", "--tenant", northwind, "--json").stdout)
    assert [row["key_id"] for row in rows if row["revoked_at"] is not None] == [made[0]]


def test_without_a_name_the_account_is_its_number(run: Run, northwind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1000")

    monkeypatch.setattr("getpass.getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 1000)
    run("apikey", "create", "--tenant", northwind, "--scopes", "usage:write")
    assert "uid 1000 at the command line" in run("apikey", "list", "--tenant", northwind).stdout


def test_an_operators_key_belongs_to_no_tenant(run: Run) -> None:
    key = json.loads(run("apikey", "create", "--operator", "--json").stdout)["key"]
    with reading() as session:
        assert authenticate_key(session, key=key).is_operator


def test_a_generated_password_is_printed_and_is_the_one_that_is_kept(run: Run, northwind: str) -> None:
    made = json.loads(
        run("user", "create", "Ann@Example.com", "--tenant", "Northwind Mills", "--role", "owner", "--json").stdout
    )
    with reading() as session:
        user = session.exec(select(User)).one()
        membership = session.exec(select(Membership)).one()
        assert (user.email, membership.tenant_id, membership.role) == ("ann@example.com", northwind, Role.OWNER)
        assert is_password_of(user.password_hash, made["password"])


def test_a_password_from_input_is_kept_and_not_printed(run: Run) -> None:
    password = "correct horse battery"
    made = run("user", "create", "op@example.com", "--operator", "--password-stdin", typed=f"{password}\n")
    with reading() as session:
        assert is_password_of(session.exec(select(User)).one().password_hash, password)
    assert password not in made.output


def test_a_password_that_is_too_short_is_refused(run: Run) -> None:
    refused = run("user", "create", "op@example.com", "--operator", "--password-stdin", typed="short\n", code=1)
    assert "12 to" in refused.stderr


def test_a_site_is_added(run: Run, northwind: str) -> None:
    run("site", "add", "red-lake", "--tenant", "Northwind Mills", "--name", "Red Lake")
    with reading() as session:
        assert session.get_one(Site, (northwind, "red-lake")).name == "Red Lake"
    assert "exists already" in run("site", "add", "red-lake", "--tenant", northwind, code=1).stderr


def usage_file(tmp_path: Path) -> Path:
    day = _yesterday()
    path = tmp_path / "usage.csv"
    path.write_text(CSV.replace("2026-03-05", str(day)).replace("10:00", "00:00"))
    return path


def test_an_import_sums_up_exactly_and_lists_what_it_refused(run: Run, northwind: str, tmp_path: Path) -> None:
    path = usage_file(tmp_path)
    refused_path = tmp_path / "refused.csv"
    arguments = ("usage", "import", str(path), "--tenant", northwind, *MAPPING, "--json")
    first = run(*arguments, "--refused", str(refused_path))
    assert json.loads(first.stdout) == {
        "rows": 3, "accepted": 2, "duplicates": 0, "refused": 1, "units": "4", "credits": "4", "overage_credits": "0",
    }  # fmt: skip
    assert "line 4: “never” is not a time" in first.stderr
    assert refused_path.read_text().splitlines()[0] == "line,code,reason,when,tokens,plant"
    assert refused_path.read_text().splitlines()[1].startswith("4,invalid_period,")
    again = json.loads(run(*arguments).stdout)
    assert (again["accepted"], again["duplicates"], again["credits"]) == (0, 2, "0")


def test_only_the_first_refused_rows_are_shown(run: Run, northwind: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("when,tokens\n" + "never,1\n" * 30)
    refused = run("usage", "import", str(path), "--tenant", northwind, *MAPPING, code=1)
    assert refused.stderr.count("line ") == 20
    assert "and 10 more refused; --refused FILE writes all" in refused.stderr
    assert "Every row was refused" in refused.stderr


def test_a_file_that_cannot_be_used_names_the_column(run: Run, northwind: str, tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text("moment,tokens\n2026-03-05,1\n")
    refused = run("usage", "import", str(path), "--tenant", northwind, *MAPPING, code=1)
    assert "no column when" in refused.stderr


def test_periods_are_closed_once(run: Run, northwind: str) -> None:
    assert "No period was due" in run("close-periods").stdout
    at = f"{_yesterday() + timedelta(days=33)}T00:00:00Z"
    closed = json.loads(run("close-periods", "--at", at, "--json").stdout)
    assert [invoice["tenant_id"] for invoice in closed] == [northwind]
    assert closed[0]["total"] == "9000.00"
    assert json.loads(run("close-periods", "--at", at, "--json").stdout) == []


def test_the_shipped_books_pass_the_check_and_warnings_do_not_refuse(run: Run, project_root: Path) -> None:
    checked = run("catalog", "check", *map(str, sorted((project_root / "models" / "catalogs").glob("*.toml"))))
    assert checked.stdout.count("can be loaded") == 4
    assert "warning: verified-exchange.toml: prices.vex_overage.tiers" in checked.stderr


def test_mistakes_in_a_book_are_explained_with_file_key_and_reason(run: Run, tmp_path: Path) -> None:
    book = tmp_path / "book.toml"
    book.write_text('code = "x"\nname = "X"\ncurrency = "dollars"\n')
    refused = run("catalog", "check", str(book), code=1)
    assert "error: book.toml: currency:" in refused.stderr


def test_loading_a_book_twice_changes_nothing(run: Run, project_root: Path) -> None:
    path = project_root / "models" / "catalogs" / "reliability.toml"
    first = json.loads(run("catalog", "load", str(path), "--json").stdout)
    again = json.loads(run("catalog", "load", str(path), "--json").stdout)
    assert again == {**first, "new_plan_versions": []}


def test_migrate_loads_the_shipped_books_once(run: Run) -> None:
    assert run("migrate").stdout.count("is loaded") == 4
    assert run("migrate").stdout == "The database is up to date.\n"


@pytest.mark.slow
def test_postgresql_is_migrated_when_somebody_says_so(
    new_postgresql_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch, project_root: Path
) -> None:
    url = new_postgresql_database()
    refused = _in_a_process(project_root, url, "tenant", "create", "Acme")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "tallystick migrate" in refused.stderr
    without_a_key = _in_a_process(project_root, url, "migrate")
    assert (without_a_key.returncode, "TALLYSTICK_MASTER_KEY" in without_a_key.stderr) == (1, True)
    assert _in_a_process(project_root, url, "migrate", TALLYSTICK_MASTER_KEY="A" * 43).returncode == 0
    engine = open_engine(url)
    assert is_current(engine)
    engine.dispose()
    assert json.loads(_in_a_process(project_root, url, "tenant", "create", "Acme", "--json").stdout)["tenant_id"]


def test_an_empty_folder_is_enough_to_begin_on_sqlite(project_root: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'tally.db'}"
    made = _in_a_process(project_root, url, "tenant", "create", "Acme", "--plan", "STARTER", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["subscription_id"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://localhost/x", "sqlite or postgresql"),
        ("postgresql://nobody@127.0.0.1:1/x", "not available"),
        ("nonsense", "TALLYSTICK_DATABASE_URL"),
    ],
)
def test_a_database_that_cannot_be_had_is_refused_without_a_traceback(project_root: Path, url: str, said: str) -> None:
    refused = _in_a_process(project_root, url, "tenant", "create", "Acme")
    assert refused.returncode == 1
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_setting_that_cannot_be_used_is_named(project_root: Path, tmp_path: Path) -> None:
    refused = _in_a_process(project_root, f"sqlite:///{tmp_path / 't.db'}", "migrate", TALLYSTICK_PAYMENT_DAYS="many")
    assert refused.returncode == 1
    assert "TALLYSTICK_PAYMENT_DAYS" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_port_that_is_taken_is_said_before_anything_is_built(run: Run) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = run("run", "--port", str(taken.getsockname()[1]), code=1)
    assert "choose another with --port" in refused.stderr


def _in_a_process(root: Path, url: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=root, env={"PATH": "/usr/bin:/bin", "TALLYSTICK_DATABASE_URL": url, **settings},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_what_is_started_for_a_customer_with_a_test_clock_starts_at_its_own_time(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = json.loads(run("tenant", "create", "Acme", "--json").stdout)["tenant_id"]
    monkeypatch.setattr(settings(), "test_clocks", True)
    at = datetime.now(UTC)
    with transaction() as session:
        start_clock(session, tenant_id=tenant_id, at=at)
        set_clock(session, tenant_id=tenant_id, to=at + timedelta(days=90), at=at)
    run("subscription", "create", "--tenant", "Acme", "--plan", "PRO")
    with reading() as session:
        assert session.exec(select(Subscription)).one().started_at > at + timedelta(days=88)
