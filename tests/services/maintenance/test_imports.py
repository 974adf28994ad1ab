"""A year of maintenance logs becomes figures a month and a site, and every row that was not used says why."""

import tracemalloc
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, func, select

from models import KpiMeasurement, LogFile, MaintenanceImport, MaintenanceRow, RowOutcome
from models.maintenance import ROW_REASON_MAX
from services.errors import Conflict, NotFound, Unprocessable
from services.gain_share.evidence import store_evidence
from services.gain_share.kpi_figures import measured
from services.gain_share.kpi_measurement_lists import list_measurements
from services.maintenance.columns import FailureColumns, LogMapping, MachineColumns, RepairColumns, Writing
from services.maintenance.imports import (
    LogImport,
    LogRequest,
    import_maintenance_log,
    list_import_measurements,
    list_imports,
    list_rows,
    read_import,
)
from tests.gain_share_given import OURS, THEIRS
from tests.given import Customer, customer
from tests.maintenance_logs import SITES, PlantYear

AT = datetime(2026, 7, 10, 12, tzinfo=UTC)
YEAR = {"period_start": date(2025, 1, 1), "period_end": date(2026, 1, 1)}
MARCH = {"period_start": date(2025, 3, 1), "period_end": date(2025, 4, 1)}
MAPPING = LogMapping(
    FailureColumns("machineID", "datetime", "failure"),
    RepairColumns("machineID", "datetime", "comp"),
    MachineColumns("machineID", "plant"),
)
NO_FORMS = ("", "%", "%d%d", "%Q", "%d" * 21, "%H:%M", "x", "%Y-%m-%d %Z", "%%Y")
BOTH_TIMES = LogMapping(FailureColumns("machine", "failed", "part", "repaired"))


@pytest.fixture
def acme(session: Session) -> Customer:
    return customer(session, plan="ENTERPRISE", timezone="UTC", start=date(2026, 1, 1), at=AT)


def stored(session: Session, acme: Customer, name: str, content: str | bytes) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return store_evidence(session, tenant_id=acme.tenant_id, name=name, content=raw, signer=THEIRS, at=AT).id


def imported(session: Session, acme: Customer, request: LogRequest, *, dry_run: bool = False) -> LogImport:
    return import_maintenance_log(
        session, tenant_id=acme.tenant_id, request=request, signer=OURS, at=AT, dry_run=dry_run
    )


def year_request(session: Session, acme: Customer, plant: PlantYear, **given: Any) -> LogRequest:
    wanted: dict[str, Any] = {
        "failures_file_id": stored(session, acme, "failures.csv", plant.failures_csv),
        "repairs_file_id": stored(session, acme, "maint.csv", plant.maintenance_csv),
        "machines_file_id": stored(session, acme, "machines.csv", plant.machines_csv),
        "mapping": MAPPING,
    }
    return LogRequest(**(wanted | YEAR | given))


def one_file(session: Session, acme: Customer, rows: str, **given: Any) -> LogImport:
    content = f"machine,failed,repaired,part\n{rows}\n"
    request = {"mapping": BOTH_TIMES} | MARCH | given
    return imported(session, acme, LogRequest(stored(session, acme, "log.csv", content), **request))


def refusals(done: LogImport) -> list[tuple[str, int, str]]:
    return [(r.file.value, r.line, r.reason) for r in done.reading.rows if r.outcome is RowOutcome.REFUSED]


def rounded(figure: Fraction) -> Decimal:
    return Decimal(int(figure * 10**6 + Fraction(1, 2))).scaleb(-6).normalize()


def test_a_years_logs_of_a_hundred_machines_give_the_figures_of_an_independent_count(
    session: Session, acme: Customer
) -> None:
    plant = PlantYear()
    assert 400 < len(plant.stoppages) < 900
    done = imported(session, acme, year_request(session, acme, plant))
    assert refusals(done) == []
    assert done.kept is not None
    assert (done.kept.machine_count, done.kept.failure_count) == (100, len(plant.stoppages))
    assert len(done.measurements) == 12 * 3 * (1 + len(SITES))
    shown = {(m.kpi, m.site, m.period_start.month): m.value for m in done.measurements}
    for month in range(1, 13):
        starts = datetime(2025, month, 1, tzinfo=UTC)
        ends = datetime(2025 + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        for site in ("", *SITES):
            mine = [s for s in plant.stoppages if site in ("", plant.site_of(s[0]))]
            machines = sum(1 for machine in range(1, 101) if site in ("", plant.site_of(machine)))
            down = sum(max(0.0, (min(r, ends) - max(f, starts)).total_seconds()) for _, f, r, _ in mine)
            begun = [(r - f).total_seconds() for _, f, r, _ in mine if starts <= f < ends]
            span = machines * (ends - starts).total_seconds()
            up = int(span - down)
            assert shown["availability_pct", site, month] == rounded(Fraction(100 * up, int(span)))
            assert shown["mtbf_hours", site, month] == rounded(Fraction(up, 3600 * len(begun)))
            assert shown["mttr_hours", site, month] == rounded(Fraction(int(sum(begun)), 3600 * len(begun)))
    year = measured(session, tenant_id=acme.tenant_id, starts=YEAR["period_start"], ends=YEAR["period_end"])
    down = sum((min(r, datetime(2026, 1, 1, tzinfo=UTC)) - f).total_seconds() for _, f, r, _ in plant.stoppages)
    hours = Fraction(100 * 8760)
    up_hours = hours - Fraction(int(down), 3600)
    assert year.figures["availability_pct"].value == rounded(100 * up_hours / hours)
    assert year.figures["mtbf_hours"].value == rounded(up_hours / len(plant.stoppages))
    assert year.figures["mtbf_hours"].failures == len(plant.stoppages)


def test_a_dry_run_says_the_same_and_keeps_nothing(session: Session, acme: Customer) -> None:
    request = year_request(session, acme, PlantYear(machine_count=10))
    tried = imported(session, acme, request, dry_run=True)
    assert (tried.kept, tried.measurements) == (None, ())
    for table in (MaintenanceImport, MaintenanceRow, KpiMeasurement):
        assert session.exec(select(func.count()).select_from(table)).one() == 0
    assert imported(session, acme, request).reading == tried.reading


def test_importing_again_takes_the_place_of_what_was_measured(session: Session, acme: Customer) -> None:
    request = year_request(session, acme, PlantYear(machine_count=5))
    first, second = imported(session, acme, request), imported(session, acme, request)
    standing = list_measurements(session, tenant_id=acme.tenant_id, limit=500)
    assert {each.import_id for each in standing} == {second.kept.id if second.kept else ""}
    assert [each.replaced_at for each in first.measurements] == [AT] * len(first.measurements)
    assert first.kept is not None
    assert len(list_import_measurements(session, tenant_id=acme.tenant_id, import_id=first.kept.id)) == 144
    assert [each.id for each in list_imports(session, tenant_id=acme.tenant_id, limit=1)] == [second.kept.id]  # type: ignore[union-attr]


def test_a_cell_that_names_no_component_is_asked_for_by_name(session: Session, acme: Customer) -> None:
    failures = stored(
        session, acme, "failures.csv",
        "datetime,machineID,failure\n"
        "2025-03-02 10:00:00,1,\n2025-03-05 10:00:00,1,comp1\n"
        "2025-03-02 10:00:00,2,comp2\n2025-03-09 10:00:00,2,comp3\n",
    )  # fmt: skip
    repairs = stored(
        session, acme, "maint.csv",
        "datetime,machineID,comp\n"
        "2025-03-02 12:00:00,1,comp4\n2025-03-05 12:00:00,1,comp1\n"
        "2025-03-02 12:00:00,2,\n2025-03-08 12:00:00,2,comp1\n2025-03-09 12:00:00,2,comp3\n",
    )  # fmt: skip
    mapping = LogMapping(MAPPING.failures, repairs=MAPPING.repairs)
    done = imported(session, acme, LogRequest(failures, repairs_file_id=repairs, mapping=mapping, **MARCH))
    assert refusals(done) == [
        ("failures", 2, "It names no component, and repairs are matched by their component; name the component."),
        (
            "failures", 4,
            "No repair of comp2 follows, but line 4 of the repairs names no component; name the component there.",
        ),
    ]  # fmt: skip


def test_every_row_that_cannot_be_used_says_why_and_the_rest_counts(session: Session, acme: Customer) -> None:
    machines = stored(session, acme, "machines.csv", "id,plant\np1,east\np2,west\np2,west\n,east\n")
    mapping = LogMapping(BOTH_TIMES.failures, machines=MachineColumns("id", "plant"))
    done = one_file(
        session,
        acme,
        "p1,2025-03-02 10:00,2025-03-02 12:00,pump\n"
        "p1,2025-03-02 10:00,2025-03-02 12:00,pump\n"
        "p1,2025-03-09 10:00,2025-03-09 09:00,pump\n"
        "p9,2025-03-02 10:00,2025-03-02 12:00,pump\n"
        ",2025-03-02 10:00,2025-03-02 12:00,pump\n"
        "p1,soon,2025-03-02 12:00,pump\n"
        "p1,,2025-03-02 12:00,pump\n"
        "p1,2025-02-30,2025-03-02 12:00,pump\n"
        "p1,2025-03-02 10:00\n"
        "p2,2025-03-05 10:00,,pump\n"
        "p2,2025-03-06 10:00,2025-03-06 11:00,belt\n"
        "p2,2025-03-06 10:30,2025-03-06 12:30,belt\n"
        "p2,2025-05-06 10:30,2025-05-06 12:30,belt",
        mapping=mapping,
        machines_file_id=machines,
    )
    assert refusals(done) == [
        ("failures", 3, "It is the same failure as on line 2."),
        ("failures", 4, "It was repaired before it failed."),
        ("failures", 5, "Machine p9 is not in the list of machines."),
        ("failures", 6, "machine names no machine."),
        ("failures", 7, "“soon” is not a time such as 2026-03-31T18:15:46Z."),
        ("failures", 8, "failed is empty."),
        ("failures", 9, "“2025-02-30” is not a time there is: day is out of range for month."),
        ("failures", 10, "The row has 2 cells where the header has 4."),
        (
            "failures",
            11,
            "No repair of it follows, though the log tells of the machine up to 2025-05-06 10:30 UTC; add the repair.",
        ),
        ("machines", 4, "The machine is in the list already."),
        ("machines", 5, "id names no machine."),
    ]
    assert done.kept is not None
    kept = {"tenant_id": acme.tenant_id, "import_id": done.kept.id}
    rows = list_rows(session, **kept, limit=100)
    assert [(row.line, row.outcome.value) for row in rows if row.outcome is not RowOutcome.REFUSED] == [
        (2, "used"), (12, "used"), (13, "joined"),
    ]  # fmt: skip
    assert (done.kept.rows_used, done.kept.rows_joined, done.kept.rows_outside, done.kept.rows_refused) == (2, 1, 1, 11)
    west = next(f.tally for f in done.reading.whole if f.site == "west")
    assert (west.machines, west.failures, west.down_micro) == (1, 1, 9_000_000_000)  # 10:00 to 12:30 as one
    assert list_rows(session, **kept, limit=100, outcome=RowOutcome.JOINED)[0].reason.startswith("The machine was down")
    further = list_rows(session, **kept, limit=2, after=(LogFile.FAILURES.value, 13))
    assert [(row.file, row.line) for row in further] == [(LogFile.MACHINES, 4), (LogFile.MACHINES, 5)]


def test_the_order_of_the_rows_makes_no_difference(session: Session, acme: Customer) -> None:
    rows = ["p1,2025-03-20 10:00,2025-03-20 12:00,a", "p2,2025-03-02 10:00,2025-03-03,b", "p1,2025-03-01,2025-03-02,c"]
    one, other = (one_file(session, acme, "\n".join(order)) for order in (rows, rows[::-1]))
    assert one.reading.whole == other.reading.whole


def test_a_machine_that_is_not_repaired_yet_is_down_to_the_end_and_that_is_said(
    session: Session, acme: Customer
) -> None:
    done = one_file(session, acme, "p1,2025-03-02,2025-03-03,a\np1,2025-03-31 00:00,,a")
    tally = done.reading.whole[0].tally
    assert (tally.failures, tally.down_micro) == (2, 2 * 86_400_000_000)
    assert "Not repaired yet, and down to the end of the period: line 3 (p1)." in done.reading.findings
    row = next(row for row in done.reading.rows if row.line == 3)
    assert (row.outcome, row.repaired_at) == (RowOutcome.USED, None)


def test_a_reader_is_told_what_weakens_the_figures(session: Session, acme: Customer) -> None:
    failures = stored(
        session, acme, "f.csv", "machineID,datetime,failure\n1,2025-03-02,a\n2,2025-03-03,b\n3,2024-01-01,a\n"
    )
    repairs = stored(
        session,
        acme,
        "r.csv",
        "machineID,datetime,comp\n1,2025-03-02,a\n2,2025-05-01,b\n2,2025-03-09,a\n3,2024-01-02,a\n",
    )
    mapping = LogMapping(MAPPING.failures, MAPPING.repairs)
    done = imported(session, acme, LogRequest(failures, mapping, **MARCH, repairs_file_id=repairs))
    assert done.reading.findings == (
        "No list of machines was given: the 3 that the log names are taken to be all there are.",
        "1 of 2 repairs are stamped with the moment of the failure itself, so they took no time: the time to repair is "
        "shorter than it was.",
        "Repaired after more than 30 days, look for repairs that are missing: line 3 (2).",
        "1 rows of maintenance ended no failure; planned maintenance counts as none.",
        "1 failures are before or after the period and do not count in it.",
    )


def test_local_times_are_those_of_the_zone_also_where_clocks_change(session: Session, acme: Customer) -> None:
    rows = "p1,2025-03-09 01:30,2025-03-09 03:30,spring"
    spring = one_file(session, acme, rows, timezone="America/Toronto").reading.whole[0].tally
    assert spring.down_micro == 3_600_000_000
    assert spring.span_micro == (31 * 24 - 1) * 3_600_000_000
    november = {"period_start": date(2025, 11, 1), "period_end": date(2025, 12, 1)}
    rows = "p1,2025-11-02 01:50,2025-11-02 01:10,autumn\np1,2025-11-02 00:30,2025-11-02 03:30,before"
    autumn = one_file(session, acme, rows.splitlines()[0], timezone="America/Toronto", **november).reading
    assert autumn.whole[0].tally.down_micro == 20 * 60 * 1_000_000  # 01:50 the first time to 01:10 the second
    assert autumn.whole[0].tally.span_micro == (30 * 24 + 1) * 3_600_000_000
    whole = one_file(session, acme, rows.splitlines()[1], timezone="America/Toronto", **november).reading.whole[0]
    assert whole.tally.down_micro == 4 * 3_600_000_000


def test_other_encodings_separators_and_times_are_read_as_they_are_said_to_be(session: Session, acme: Customer) -> None:
    content = "Säge;ausgefallen;behoben\nSäge 1;01.03.2025 10:00;01.03.2025 12:00\n".encode("latin-1")
    file_id = stored(session, acme, "log.csv", content)
    writing = Writing("latin-1", ";", "%d.%m.%Y %H:%M")
    mapping = LogMapping(FailureColumns("Säge", "ausgefallen", repaired_at="behoben", writing=writing))
    done = imported(session, acme, LogRequest(file_id, mapping, **MARCH))
    assert done.reading.whole[0].tally.down_micro == 7_200_000_000
    wrong = LogMapping(FailureColumns("Säge", "ausgefallen", repaired_at="behoben"))
    with pytest.raises(Unprocessable, match="is not utf-8 text"):
        imported(session, acme, LogRequest(file_id, wrong, **MARCH))


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("machine,failed\np1,2025-03-02\n", "repaired"),
        ("machine,failed,repaired\n", "file"),
        ("machine,machine,failed,repaired\np1,p1,2025-03-02,2025-03-03\n", "machine"),
        ('machine,failed,repaired\n"p1,2025-03-02\n', "file"),
        ("machine,failed,repaired\n,2025-03-02,2025-03-03\n", "machines"),
    ],
)
def test_a_file_that_cannot_be_used_at_all_is_refused_whole(
    session: Session, acme: Customer, content: str, field: str
) -> None:
    mapping = LogMapping(FailureColumns("machine", "failed", repaired_at="repaired"))
    with pytest.raises(Unprocessable) as refused:
        imported(session, acme, LogRequest(stored(session, acme, "log.csv", content), mapping, **MARCH))
    assert refused.value.field == field
    assert list_imports(session, tenant_id=acme.tenant_id, limit=9) == []


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf_8", "U8"])
def test_a_byte_order_mark_is_no_part_of_the_first_column_whatever_utf_8_is_called(
    session: Session, acme: Customer, encoding: str
) -> None:
    content = "\ufeffmachine,failed,repaired\np1,2025-03-02,2025-03-03\n"
    columns = FailureColumns("machine", "failed", repaired_at="repaired", writing=Writing(encoding))
    request = LogRequest(stored(session, acme, "log.csv", content), LogMapping(columns), **MARCH)
    assert imported(session, acme, request).reading.whole[0].tally.failures == 1


@pytest.mark.parametrize("encoding", ["a\0b", "\ud800", "hex", "", "x" * 1_000])
def test_what_is_no_text_encoding_is_refused_in_few_words(session: Session, acme: Customer, encoding: str) -> None:
    columns = FailureColumns("machine", "failed", repaired_at="part", writing=Writing(encoding))
    with pytest.raises(Unprocessable, match="There is no text encoding") as refused:
        one_file(session, acme, "p1,2025-03-02,2025-03-03,x", mapping=LogMapping(columns))
    assert refused.value.field == "encoding"
    assert len(refused.value.detail.encode()) < 100


def test_a_reason_names_no_more_of_a_column_than_there_is_room_for(session: Session, acme: Customer) -> None:
    name = "machine " * 200
    content = f"{name},failed,repaired\n,2025-03-02,2025-03-03\np1,2025-03-02,2025-03-03\n"
    columns = FailureColumns(name.strip(), "failed", repaired_at="repaired")
    request = LogRequest(stored(session, acme, "log.csv", content), LogMapping(columns), **MARCH)
    ((_, line, reason),) = refusals(imported(session, acme, request))
    assert line == 2
    assert len(reason) < ROW_REASON_MAX


def test_a_month_in_which_nothing_ran_is_measured_but_has_no_time_between_failures(
    session: Session, acme: Customer
) -> None:
    one_file(session, acme, "p1,2025-02-20,2025-04-10,x")
    days = {"starts": MARCH["period_start"], "ends": MARCH["period_end"]}
    up = measured(session, tenant_id=acme.tenant_id, kpis=["availability_pct"], **days)
    assert up.figures["availability_pct"].value == 0
    with pytest.raises(Unprocessable, match="mtbf_hours 2025-03: Machines did not run at all"):
        measured(session, tenant_id=acme.tenant_id, kpis=["mtbf_hours"], **days)


def test_what_is_asked_for_must_make_sense(session: Session, acme: Customer) -> None:
    plant = PlantYear(machine_count=2)
    request = year_request(session, acme, plant)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"period_end": date(2025, 1, 1)}, "period_end"),
        ({"period_end": date(2026, 8, 1)}, "period_end"),
        ({"period_start": date(1, 1, 1), "period_end": date(1, 2, 1)}, "period_start"),
        ({"period_start": date.max}, "period_end"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"repairs_file_id": None}, "repairs_file_id"),
        ({"mapping": LogMapping(MAPPING.failures, MAPPING.repairs)}, "machines_file_id"),
        ({"failures_file_id": stored(session, acme, "a.pdf", b"%PDF-1.7")}, "failures_file_id"),
    ]
    for given, field in wrong:
        with pytest.raises(Unprocessable) as refused:
            imported(session, acme, year_request(session, acme, plant, **given))
        assert refused.value.field == field
    other = customer(session, plan="ENTERPRISE", name="Other", start=date(2026, 1, 1), at=AT)
    for missing in ("nothing", stored(session, other, "theirs.csv", "a,b\n1,2\n")):
        with pytest.raises(NotFound):
            imported(session, acme, year_request(session, acme, plant, failures_file_id=missing))
    kept = imported(session, acme, request).kept
    assert kept is not None
    with pytest.raises(NotFound):
        read_import(session, tenant_id=other.tenant_id, import_id=kept.id)
    with pytest.raises(Conflict):
        imported(session, acme, year_request(session, acme, plant, period_start=date(2025, 1, 15)))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"delimiter": "x"}, "delimiter"),
        *(
            ({"time_form": form}, "time_form")
            for form in ("", "%", "%d%d", "%Q", "%d" * 21, "%H:%M", "x", "%Y-%m-%d %Z", "%%Y")
        ),
    ],
)
def test_how_a_file_is_written_is_said_so_that_it_can_be_read(given: dict[str, str], field: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        Writing(**given)
    assert refused.value.field == field


@pytest.mark.parametrize("given", [{}, {"repaired_at": "r", "repairs": True}])
def test_repairs_are_told_once_and_somewhere(given: dict[str, Any]) -> None:
    repairs = RepairColumns("machine", "at") if given.pop("repairs", False) else None
    with pytest.raises(Unprocessable) as refused:
        LogMapping(FailureColumns("machine", "failed", **given), repairs)
    assert refused.value.field == "repairs"


def test_the_database_keeps_what_was_imported(session: Session, acme: Customer) -> None:
    one_file(session, acme, "p1,2025-03-02,2025-03-03,a")
    for statement in (
        "UPDATE maintenance_row SET line = 9", "DELETE FROM maintenance_row",
        "UPDATE maintenance_import SET failure_count = 9", "DELETE FROM maintenance_import",
    ):  # fmt: skip
        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(text(statement))


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_read_in_bounded_memory(session: Session, acme: Customer) -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    failed = [start + timedelta(hours=number // 500 * 40) for number in range(100_000)]
    rows = [f"m{number % 500},{at},{at + timedelta(hours=2)},c" for number, at in enumerate(failed)]
    file_id = stored(session, acme, "log.csv", "\n".join(["machine,failed,repaired,part", *rows, ""]))
    tracemalloc.start()
    done = imported(session, acme, LogRequest(file_id, BOTH_TIMES, **YEAR))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert done.reading.whole[0].tally.failures == 100_000
    assert peak < 250_000_000
