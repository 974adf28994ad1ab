"""Servers and databases killed at random moments under load: nothing acknowledged is lost, nothing is counted twice,
no number is left out, and every log that was signed is contained in the next one."""

import asyncio
from pathlib import Path

import pytest

from bench.crashes.customers import PLANS
from bench.crashes.scenarios import WORKERS, kill_api, kill_database, kill_one_of_two, kill_workers
from bench.crashes.stage import Report
from bench.crashes.victims import PostgresqlVictim
from bench.databases import database, postgresql_server
from tests.given import assert_books_agree

pytestmark = pytest.mark.slow

SEED = 2611
KILLS = 50
KILLS_OF_ONE_OF_TWO = 8
KILLS_OF_THE_DATABASE = 8


def assert_survived(report: Report, *, kills: int) -> None:
    """Nothing was found, and there was something to find: kills, load between them, and calls sent again."""
    assert not report.findings, str(report)
    assert report.kills == kills
    assert report.present == report.acknowledged > 20 * kills
    assert report.retried >= kills
    assert report.heads >= len(PLANS)


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_an_api_that_is_killed_loses_and_doubles_nothing(backend: str, tmp_path: Path) -> None:
    with database(backend) as url:
        report = asyncio.run(kill_api(url, tmp_path, kills=KILLS, seed=SEED, books=assert_books_agree))
    assert_survived(report, kills=KILLS)
    assert report.refused > 0
    assert report.calls_cut_off > KILLS
    assert report.calls_unavailable == 0


def test_one_of_two_apis_that_is_killed_loses_and_doubles_nothing(tmp_path: Path) -> None:
    kills = KILLS_OF_ONE_OF_TWO
    with database("postgresql") as url:
        report = asyncio.run(kill_one_of_two(url, tmp_path, kills=kills, seed=SEED, books=assert_books_agree))
    assert_survived(report, kills=kills)
    assert report.calls_cut_off > kills


def test_a_worker_that_is_killed_is_replaced_and_takes_no_other_with_it(tmp_path: Path) -> None:
    with database("postgresql") as url:
        report = asyncio.run(kill_workers(url, tmp_path, seed=SEED, books=assert_books_agree))
    assert_survived(report, kills=WORKERS)


def test_an_api_survives_its_database_and_says_503_meanwhile(tmp_path: Path) -> None:
    kills = KILLS_OF_THE_DATABASE
    with postgresql_server() as server:
        victim, url = PostgresqlVictim(server), server.get_uri()
        report = asyncio.run(
            kill_database(url, tmp_path, victim=victim, kills=kills, seed=SEED, books=assert_books_agree)
        )
    assert_survived(report, kills=kills)
    assert report.calls_unavailable > 0
    assert report.calls_cut_off == 0
