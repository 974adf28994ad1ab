"""Who is killed, how often, and when."""

import asyncio
import time
from http.client import HTTPConnection
from pathlib import Path

from bench.crashes.stage import Books, Report, Stage, set_stage
from bench.crashes.victims import PostgresqlVictim
from bench.http_load import HOST

STARTING_SECONDS = (0.2, 0.9)
"""Between the start of a server and its end, where it is killed before it answers."""

KILLED_WHILE_STARTING = 10
"""One kill in so many."""

ONE_BACKEND = 3
"""One kill of the database in so many takes a single connection's process."""

RECOVERY_SECONDS_MAX = 15
WORKERS = 2


async def kill_api(database_url: str, folder: Path, *, kills: int, seed: int, books: Books | None = None) -> Report:
    """One API process group, killed and started again; now and then before it has answered anything."""
    async with set_stage("the API killed", database_url, folder, servers=1, seed=seed, books=books) as stage:
        (api,) = stage.apis
        while stage.report.kills < kills:
            await stage.load()
            await stage.kill(api)
            if stage.report.kills < kills and stage.chance.randrange(KILLED_WHILE_STARTING) == 0:
                api.start()
                await asyncio.sleep(stage.chance.uniform(*STARTING_SECONDS))
                await stage.kill(api)
            await stage.revive(api)
    return stage.report


async def kill_one_of_two(
    database_url: str, folder: Path, *, kills: int, seed: int, books: Books | None = None
) -> Report:
    """Two API process groups on one database; one is killed while the other goes on."""
    async with set_stage("one of two APIs killed", database_url, folder, servers=2, seed=seed, books=books) as stage:
        while stage.report.kills < kills:
            await stage.load()
            api = stage.chance.choice(stage.apis)
            await stage.kill(api)
            await stage.revive(api)
    return stage.report


async def kill_workers(database_url: str, folder: Path, *, seed: int, books: Books | None = None) -> Report:
    """Each worker of one API killed once, while the others go on; the API replaces it."""
    async with set_stage(
        "workers killed", database_url, folder, servers=1, workers=WORKERS, seed=seed, books=books
    ) as stage:
        (api,) = stage.apis
        for _ in range(WORKERS):
            await stage.load()
            stage.report.kills += 1
            if not await asyncio.to_thread(api.kill_a_worker, 0):
                stage.memory.find("a worker that was killed was not replaced")
            await asyncio.to_thread(api.wait)
            await stage.check()
    return stage.report


async def kill_database(
    database_url: str, folder: Path, *, victim: PostgresqlVictim, kills: int, seed: int, books: Books | None = None
) -> Report:
    """The database killed under an API that stays: all its processes or, now and then, one connection's."""
    async with set_stage("the database killed", database_url, folder, servers=1, seed=seed, books=books) as stage:
        while stage.report.kills < kills:
            await stage.load()
            stage.report.kills += 1
            if stage.report.kills % ONE_BACKEND == 0:
                await asyncio.to_thread(victim.kill_a_backend, stage.chance.randrange(100))
            else:
                await asyncio.to_thread(victim.kill)
                await asyncio.to_thread(_check_health, stage)
                await asyncio.to_thread(victim.start)
            await _await_recovery(stage)
            await stage.check()
    return stage.report


def _check_health(stage: Stage) -> None:
    """Without its database the process is well, and says that it cannot serve."""
    for path, expected in (("/healthz", 200), ("/readyz", 503)):
        connection = HTTPConnection(HOST, stage.apis[0].port, timeout=RECOVERY_SECONDS_MAX)
        try:
            connection.request("GET", path)
            status = connection.getresponse().status
        except OSError as error:
            stage.memory.find(f"{path} did not answer without the database: {error}")
        else:
            if status != expected:
                stage.memory.find(f"{path} answered {status} without the database, not {expected}")
        finally:
            connection.close()


async def _await_recovery(stage: Stage) -> None:
    """Until a call is answered again."""
    answered, began = stage.memory.answered, time.monotonic()
    while stage.memory.answered == answered:
        if time.monotonic() - began > RECOVERY_SECONDS_MAX:
            stage.memory.find(f"nothing was answered in {RECOVERY_SECONDS_MAX} seconds with the database back")
            return
        await asyncio.sleep(0.01)
    stage.report.recovery_seconds = max(stage.report.recovery_seconds, time.monotonic() - began)
