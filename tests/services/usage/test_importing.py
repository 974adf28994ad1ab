"""Importing usage from files: exact, repeatable, and clear about what it refuses."""

import csv
import gc
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from models import CreditEntry, EntryKind, UsageDaily, UsageEvent, table_of
from services.database import reading, transaction
from services.errors import NotFound, Refusal, UnknownEventType, Unprocessable
from services.identity import create_tenant
from services.price_books.books import load_shipped_books
from services.rules.quantities import MICRO, plain_micro
from services.subscriptions.starting import create_subscription
from services.usage.files import UsageFile
from services.usage.importing import BATCH_ROWS, ImportSummary, RefusedRow, UsageMapping, import_usage

AT = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
TOKENS = UsageMapping(
    event_type="LLM_token_usage", time_column="TIMESTAMP", units="(ContextTokens + GeneratedTokens) / 1000"
)
LONG = 60_000
HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
THREE = HEADER + "2026-03-05 10:00:00.1234567,374,44\n2026-03-05 10:00:01,396,109\n2026-03-06 10:00:01,879,55\n"


@pytest.fixture
def tenant_id(engine: Engine) -> str:
    with transaction() as session:
        load_shipped_books(session, at=AT)
        tenant = create_tenant(session, name="Northwind Mills", currency="CAD", timezone="UTC", at=AT)
        create_subscription(session, tenant_id=tenant.id, plan_code="PRO", start_date=date(2026, 3, 1), at=AT)
        return tenant.id


Import = Callable[..., ImportSummary]


@pytest.fixture
def run_import(tenant_id: str, tmp_path: Path) -> Import:
    def run(content: str | bytes, mapping: UsageMapping = TOKENS, **given: object) -> ImportSummary:
        path = tmp_path / str(given.pop("name", "usage.csv"))
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        reading_as = {key: given.pop(key) for key in ("encoding", "delimiter") if key in given}
        return import_usage(UsageFile(path, **reading_as), mapping, tenant_id=tenant_id, at=AT, **given)

    return run


def burned_micro() -> int:
    entries = table_of(CreditEntry).c
    with reading() as session:
        burned = select(func.sum(entries.delta_micro)).where(entries.kind == EntryKind.BURN)
        return -int(session.scalar(burned) or 0)


def recorded() -> int:
    with reading() as session:
        return int(session.scalar(select(func.count()).select_from(table_of(UsageEvent))) or 0)


def test_rows_become_events_with_exact_units_times_and_credits(run_import: Import) -> None:
    summary = run_import(THREE)
    assert summary == ImportSummary(
        rows=3, accepted=3, units_micro=1_857_000, credits_micro=1_857_000, overage_micro=0, duplicates=0, refused=0
    )
    events = table_of(UsageEvent).c
    with reading() as session:
        rows = session.execute(select(events.occurred_at, events.units_micro).order_by(events.seq)).all()
    assert rows[0] == (datetime(2026, 3, 5, 10, 0, 0, 123456, UTC), 418_000)
    assert burned_micro() == 1_857_000


def test_importing_again_adds_nothing_whatever_the_file_is_called(run_import: Import) -> None:
    run_import(THREE)
    again = run_import(THREE, name="renamed.csv")
    assert (again.accepted, again.duplicates, again.credits_micro) == (0, 3, 0)
    assert recorded() == 3


def test_a_longer_export_adds_only_the_new_rows(run_import: Import) -> None:
    run_import(THREE)
    longer = run_import(THREE + "2026-03-07 10:00:01,1,2\n")
    assert (longer.accepted, longer.duplicates) == (1, 3)
    assert recorded() == 4


def test_identical_rows_each_count_and_only_once(run_import: Import) -> None:
    twice = HEADER + "2026-03-05 10:00:00,374,44\n" * 2
    assert run_import(twice).accepted == 2
    assert run_import(twice).duplicates == 2
    assert run_import(twice + "2026-03-05 10:00:00,374,44\n").accepted == 1


def test_another_expression_or_shift_conflicts_and_says_so(run_import: Import) -> None:
    run_import(THREE)
    for other in (replace(TOKENS, units="ContextTokens"), replace(TOKENS, shift_to=date(2026, 3, 6))):
        refused: list[RefusedRow] = []
        summary = run_import(THREE, other, on_refused=refused.append)
        assert (summary.accepted, summary.refused) == (0, 3)
        assert {row.code for row in refused} == {"event_conflict"}
    assert recorded() == 3


def test_good_rows_are_kept_and_refused_ones_name_line_and_reason(run_import: Import) -> None:
    content = HEADER + (
        "2026-03-05 10:00:00,374,44\n"
        "tomorrow,1,1\n"
        "\n"
        '2026-03-05 10:00:02,"1,5",1\n'
        "2026-03-05 10:00:03,1\n"
        "2026-03-05 10:00:04,0,0\n"
        "2026-03-05 10:00:05,-5,1\n"
        "2027-03-05 10:00:06,1,1\n"
        "2025-03-05 10:00:07,1,1\n"
        "2026-03-05 10:00:08,1e3,1\n"
        "2026-03-05 10:00:09,1000000000000000000,1\n"
        "2026-03-05 10:00:10,1,1\n"
    )
    refused: list[RefusedRow] = []
    summary = run_import(content, on_refused=refused.append)
    assert (summary.rows, summary.accepted, summary.refused) == (11, 2, 9)
    assert [row.line for row in refused] == [3, 5, 6, 7, 8, 9, 10, 11, 12]
    assert [row.code for row in refused] == [
        "invalid_period", "invalid_expression", "invalid", "invalid_units", "invalid_units", "event_in_future",
        "event_too_old", "invalid_expression", "invalid_quantity",
    ]  # fmt: skip
    assert all(row.reason.endswith(".") for row in refused)
    assert recorded() == 2


def test_a_row_that_cannot_be_written_with_six_decimals_is_refused(run_import: Import) -> None:
    refused: list[RefusedRow] = []
    summary = run_import(THREE, replace(TOKENS, units="ContextTokens / 3"), on_refused=refused.append)
    assert (summary.accepted, summary.refused) == (2, 1)  # 396 and 879 are multiples of 3
    assert refused[0].line == 2
    assert "millionth" in refused[0].reason


def test_a_number_of_more_digits_than_python_writes_refuses_only_its_row(run_import: Import) -> None:
    refused: list[RefusedRow] = []
    product = replace(TOKENS, time_column="t", units="*".join(["a"] * 80))
    content = f"t,a\n2026-03-05 10:00:00,{'9' * 60}\n2026-03-05 10:00:00,1\n"
    assert run_import(content, product, on_refused=refused.append).accepted == 1
    assert [(row.line, "at most" in row.reason) for row in refused] == [(2, True)]


def test_shifting_moves_every_row_by_the_same_whole_days(run_import: Import) -> None:
    content = THREE.replace("2026-03", "2023-11")
    assert run_import(content, replace(TOKENS, shift_to=date(2026, 3, 10))).accepted == 3
    events = table_of(UsageEvent).c
    with reading() as session:
        times = session.scalars(select(events.occurred_at).order_by(events.seq)).all()
    assert times == [
        datetime(2026, 3, 10, 10, 0, 0, 123456, UTC),
        datetime(2026, 3, 10, 10, 0, 1, tzinfo=UTC),
        datetime(2026, 3, 11, 10, 0, 1, tzinfo=UTC),
    ]


def test_a_site_column_is_checked_against_the_sites(run_import: Import) -> None:
    content = "TIMESTAMP,ContextTokens,GeneratedTokens,Plant\n2026-03-05 10:00,1,1,\n2026-03-05 10:00,1,1,Atlantis\n"
    refused: list[RefusedRow] = []
    summary = run_import(content, replace(TOKENS, site_column="Plant"), on_refused=refused.append)
    assert (summary.accepted, [row.code for row in refused]) == (1, ["unknown_site"])


@pytest.mark.parametrize(
    ("encoding", "bom"), [("utf-8", b"\xef\xbb\xbf"), ("utf-8", b""), ("utf-16", b""), ("latin-1", b"")]
)
def test_encodings_and_byte_order_marks_are_read(run_import: Import, encoding: str, bom: bytes) -> None:
    content = bom + THREE.replace("ContextTokens", "Entrées").encode(encoding)
    mapping = replace(TOKENS, units="(Entrées + GeneratedTokens) / 1000")
    assert run_import(content, mapping, encoding=encoding).accepted == 3


def test_line_ends_of_other_systems_and_other_separators_are_read(run_import: Import) -> None:
    assert run_import(THREE.replace("\n", "\r\n")).accepted == 3
    assert run_import(THREE.replace(",", ";"), delimiter=";").duplicates == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        (HEADER, "no rows"),
        (HEADER + "\n\n", "no rows"),
        ("when,ContextTokens,GeneratedTokens\n2026-03-05,1,1\n", "no column TIMESTAMP; it has: when"),
        ("TIMESTAMP,ContextTokens\n2026-03-05,1\n", "no column GeneratedTokens"),
        (THREE.replace(",", ";"), "--delimiter"),
        ("TIMESTAMP,TIMESTAMP,ContextTokens,GeneratedTokens\n2026-03-05,2026-03-05,1,1\n", "there 2 times"),
        (THREE + '2026-03-08,"1,1\n', "line 5: the quotes"),
        (THREE + '2026-03-08,"1"x,1\n', "line 5: the quotes"),
        (THREE.encode() + b"2026-03-08,\xff\xfe,1\n", "--encoding"),
        (HEADER + "x" * 1_000_001 + "\n", "longer than 1,000,000"),
        (b"\x00" * 2_000_000, "longer than 1,000,000"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_whole(run_import: Import, content: str | bytes, said: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        run_import(content)
    assert said in refusal.value.detail
    assert refusal.value.field
    assert recorded() == 0


def test_a_fault_far_down_the_file_is_found_before_anything_is_written(run_import: Import) -> None:
    rows = "".join(f"2026-03-05 10:00:00.{number:06d},1,1\n" for number in range(3 * BATCH_ROWS))
    with pytest.raises(Unprocessable, match="3002"):
        run_import((HEADER + rows).encode() + b'2026-03-05,"\n')
    assert recorded() == 0


@pytest.mark.parametrize(
    ("change", "refusal", "said"),
    [
        ({"event_type": "coffee"}, UnknownEventType, "event types: LLM_token_usage"),
        ({"units": "__import__('os')"}, Unprocessable, "cannot be read"),
        ({"subscription_id": "sub_nobody"}, NotFound, "no such subscription"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused_whole(
    run_import: Import, change: dict[str, str], refusal: type[Refusal], said: str
) -> None:
    with pytest.raises(refusal, match=said):
        run_import(THREE, replace(TOKENS, **change))
    assert recorded() == 0


def test_a_file_that_is_not_there_and_an_unknown_encoding_are_refused(tenant_id: str, tmp_path: Path) -> None:
    for file, said in (
        (UsageFile(tmp_path / "missing.csv"), "No such file"),
        (UsageFile(tmp_path), "directory"),
        (UsageFile(Path(__file__), encoding="klingon"), "no text encoding 'klingon'"),
    ):
        with pytest.raises(Unprocessable, match=said):
            import_usage(file, TOKENS, tenant_id=tenant_id, at=AT)


def test_a_shift_needs_one_row_with_a_time(run_import: Import) -> None:
    with pytest.raises(Unprocessable, match="No row holds a time"):
        run_import(HEADER + "soon,1,1\n", replace(TOKENS, shift_to=date(2026, 3, 10)))


def test_progress_ends_at_the_size_of_the_file(run_import: Import) -> None:
    seen: list[int] = []
    run_import(THREE, on_bytes=seen.append)
    assert seen[-1] == len(THREE)
    assert seen == sorted(seen)


@pytest.mark.slow
def test_memory_stays_flat_however_long_the_file(sqlite_engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("w") as out:
        out.write(HEADER)
        out.writelines(f"2020-03-05 10:00:00.{number:06d},{number},1\n" for number in range(LONG))
    with transaction() as session:
        load_shipped_books(session, at=AT)
        tenant = create_tenant(session, name="Northwind Mills", currency="CAD", timezone="UTC", at=AT)
        create_subscription(session, tenant_id=tenant.id, plan_code="PRO", start_date=date(2026, 3, 1), at=AT)
    marks = [path.stat().st_size * percent // 100 for percent in (95, 30)]
    kept: list[int] = []

    def note(read: int) -> None:
        if marks and read > marks[-1]:
            marks.pop()
            gc.collect()
            kept.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    try:
        summary = import_usage(UsageFile(path), TOKENS, tenant_id=tenant.id, at=AT, on_bytes=note)
    finally:
        tracemalloc.stop()
    assert summary.refused == LONG
    assert kept[1] < kept[0] + 500_000  # less than 20 bytes for each row between the two


@pytest.mark.slow
def test_the_real_trace_burns_exactly_its_tokens_over_a_thousand(tenant_id: str, shared_folder: Path) -> None:
    path = shared_folder / "data" / "azure_llm_conv_2023.csv"
    with path.open(newline="") as text:
        rows = list(csv.DictReader(text))
    tokens = sum(int(row["ContextTokens"]) + int(row["GeneratedTokens"]) for row in rows)
    mapping = replace(TOKENS, shift_to=date(2026, 3, 19))
    refused: list[RefusedRow] = []

    first = import_usage(
        UsageFile(path), mapping, tenant_id=tenant_id, at=AT + timedelta(days=1), on_refused=refused.append
    )
    assert (first.rows, first.accepted, refused) == (len(rows), len(rows), [])
    assert plain_micro(first.credits_micro) == format((Decimal(tokens) / 1000).normalize(), "f")
    assert burned_micro() + first.overage_micro == tokens * MICRO // 1000

    again = import_usage(UsageFile(path), mapping, tenant_id=tenant_id, at=AT + timedelta(days=1))
    assert (again.accepted, again.duplicates, again.credits_micro) == (0, len(rows), 0)
    with reading() as session:
        total = session.scalar(select(func.sum(table_of(UsageDaily).c.units_micro)))
    assert total == tokens * MICRO // 1000
