"""Servers under load, the audit they are held against, and the report of it."""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlmodel import Session

from bench.crashes.audit import Audit
from bench.crashes.crowd import Crowd
from bench.crashes.customers import Customer
from bench.crashes.memory import Memory
from bench.crashes.victims import ApiVictim
from bench.servers import ROOT, environment_for
from services.database import open_engine, reading

CALLS = (1, 150)
"""Answered between two kills."""

LOAD_SECONDS_MAX = 10
MOMENT_SECONDS_MAX = 0.05
FINISH_SECONDS_MAX = 60

Books = Callable[[Session, str], None]
"""One more check of a tenant's books; it raises AssertionError."""


@dataclass(slots=True)
class Report:
    """What was done, and what was found. `findings` is empty where the books survived."""

    scenario: str
    seed: int
    kills: int = 0
    audits: int = 0
    sent: int = 0
    acknowledged: int = 0
    refused: int = 0
    retried: int = 0
    calls_cut_off: int = 0
    calls_unavailable: int = 0
    kept_though_unavailable: int = 0
    present: int = 0
    lost: int = 0
    doubled: int = 0
    never_sent: int = 0
    gaps: int = 0
    receipts: int = 0
    heads: int = 0
    slowest_call_seconds: float = 0
    recovery_seconds: float = 0
    seconds: float = 0
    findings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Every figure and finding, for a test that fails."""
        figures = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "findings"}
        return "\n".join([str(figures), *self.findings])


@dataclass(slots=True)
class Stage:
    """One database, the servers on it, and the crowd at their doors."""

    report: Report
    chance: random.Random
    memory: Memory
    crowd: Crowd
    audit: Audit
    apis: list[ApiVictim]

    async def load(self) -> None:
        """Let some more calls be answered, and a moment pass in the middle of the next."""
        enough = self.memory.answered + self.chance.randint(*CALLS)
        ends = time.monotonic() + LOAD_SECONDS_MAX
        while self.memory.answered < enough and time.monotonic() < ends:
            await asyncio.sleep(0.002)
        await asyncio.sleep(self.chance.uniform(0, MOMENT_SECONDS_MAX))

    async def kill(self, api: ApiVictim) -> None:
        await asyncio.to_thread(api.kill)
        self.report.kills += 1

    async def revive(self, api: ApiVictim) -> None:
        """Start it again, and check the books as soon as it answers."""
        api.start()
        await asyncio.to_thread(api.wait)
        await self.check()

    async def check(self) -> None:
        await asyncio.to_thread(self.audit.check_new, self.memory.told())

    async def finish(self, books: Books | None) -> None:
        """Let the crowd get its last answers, and read all the books once more."""
        try:
            async with asyncio.timeout(FINISH_SECONDS_MAX):
                await self.crowd.finish()
        except TimeoutError:
            self.memory.find(f"{FINISH_SECONDS_MAX} seconds after the last kill there are calls without an answer")
        await self.check()
        self.audit = await asyncio.to_thread(self.audit.check_all, self.memory.told())
        unanswered = self.memory.sent.keys() - self.memory.acknowledged.keys() - self.memory.refused
        if unanswered:
            self.memory.find(f"{len(unanswered)} events have no answer, such as {min(unanswered)}")
        if books is not None:
            self._check_also(books)
        self._fill_report()

    def _check_also(self, books: Books) -> None:
        for customer in self.audit.customers:
            with reading(self.audit.engine) as session:
                try:
                    books(session, customer.tenant_id)
                except AssertionError as error:
                    self.memory.find(f"{customer.tenant_id}: the books do not agree: {error}")

    def _fill_report(self) -> None:
        report, memory, audit = self.report, self.memory, self.audit
        report.audits, report.present = audit.runs, len(audit.places)
        report.sent, report.acknowledged, report.refused = (
            len(memory.sent),
            len(memory.acknowledged),
            len(memory.refused),
        )
        report.retried, report.calls_cut_off = memory.retried, memory.calls_cut_off
        report.calls_unavailable = memory.statuses[503]
        report.kept_though_unavailable = memory.kept_though_unavailable
        report.lost, report.doubled, report.never_sent = len(audit.lost), len(audit.doubled), len(audit.never_sent)
        report.gaps = audit.gaps
        report.receipts = sum(log.size for log in audit.logs.values())
        report.heads = sum(len(log.heads) for log in audit.logs.values())
        report.slowest_call_seconds = self.crowd.slowest_seconds
        report.findings += memory.findings
        if memory.findings_more:
            report.findings.append(f"and {memory.findings_more:,} more")
        if report.findings:
            report.findings += [f"{api.log.name} ends:\n{api.last_words()}" for api in self.apis]


@asynccontextmanager
async def set_stage(
    scenario: str, database_url: str, folder: Path, *, servers: int, workers: int = 1, seed: int, books: Books | None
) -> AsyncIterator[Stage]:
    """Start everything and let the crowd in; when the killing is over, hold the last audit."""
    began, memory = time.monotonic(), Memory()
    customers = await asyncio.to_thread(add_customers_to, database_url)
    apis = [ApiVictim(database_url, folder / f"api-{number}.log", workers=workers) for number in range(servers)]
    crowd = Crowd(memory, customers, [api.port for api in apis], seed=seed)
    engine = open_engine(database_url)
    audit = Audit(engine, memory, customers)
    stage = Stage(Report(scenario, seed), random.Random(seed), memory, crowd, audit, apis)
    try:
        for api in apis:
            api.start()
        for api in apis:
            await asyncio.to_thread(api.wait)
        crowd.start()
        yield stage
        await stage.finish(books)
    finally:
        await crowd.stop()
        for api in apis:
            api.kill()
        engine.dispose()
    stage.report.seconds = time.monotonic() - began


def add_customers_to(database_url: str) -> list[Customer]:
    """Migrate a database and add the crowd's customers to it, in a process of its own."""
    command = [sys.executable, "-m", "bench.crashes.customers"]
    environment = environment_for(database_url)
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the customers could not be added:\n{done.stderr.decode()}")
    return [Customer(**row) for row in json.loads(done.stdout.decode().splitlines()[-1])]
