"""Kill servers and databases at random moments under load, and count what was lost, doubled or left out.

Sixteen clients send single events and batches, remember what was acknowledged, and send the rest again under the same
ids. Whatever is started here works with full durability, in a temporary place.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.crashes.scenarios import kill_api, kill_database, kill_one_of_two, kill_workers
from bench.crashes.stage import Report
from bench.crashes.victims import PostgresqlVictim
from bench.databases import BACKENDS, database, postgresql_server
from bench.figures import print_machine, print_table

KILLS = 50
SHARE_OF_DATABASE_KILLS = 6
SHARE_OF_TWO = 4
"""Of the kills asked for: the kills of the scenarios besides the first."""

FIGURES = (
    ("kills", "kills"),
    ("audits of the books", "audits"),
    ("events sent", "sent"),
    ("acknowledged", "acknowledged"),
    ("refused", "refused"),
    ("sent again", "retried"),
    ("calls cut off", "calls_cut_off"),
    ("calls answered 503", "calls_unavailable"),
    ("kept though answered 503", "kept_though_unavailable"),
    ("present", "present"),
    ("lost", "lost"),
    ("doubled", "doubled"),
    ("never sent", "never_sent"),
    ("gaps", "gaps"),
    ("receipts", "receipts"),
    ("signed heads found again", "heads"),
)


def main() -> None:
    """Run the scenarios of a database, print the figures, and end with 1 where anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--database", default="sqlite", choices=BACKENDS)
    parser.add_argument("--kills", type=int, default=KILLS, help="kills of the API; the other scenarios take a share")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of every choice made")
    asked = parser.parse_args()
    print_machine(f"{asked.kills} kills under load on {asked.database}, seed {asked.seed}")
    reports = []
    for report in run(asked.database, kills=asked.kills, seed=asked.seed):
        print(f"{report.scenario}: {report.kills} kills in {report.seconds:.0f} s", flush=True)
        reports.append(report)
    print()
    rows = [[label, *(f"{getattr(report, name):,}" for report in reports)] for label, name in FIGURES]
    rows.append(["slowest call, s", *(f"{report.slowest_call_seconds:.1f}" for report in reports)])
    print_table(("", *(report.scenario for report in reports)), rows)
    for report in reports:
        print("\n".join(report.findings) or f"{report.scenario}: nothing was lost, doubled or left out")
    sys.exit(any(report.findings for report in reports))


def run(backend: str, *, kills: int, seed: int) -> Iterator[Report]:
    """The report of each scenario that a database has, as it is done."""
    with tempfile.TemporaryDirectory(prefix="tallystick-crashes-") as name:
        folder = Path(name)
        with database(backend) as url:
            yield asyncio.run(kill_api(url, folder, kills=kills, seed=seed))
        if backend == "sqlite":
            return
        with database(backend) as url:
            yield asyncio.run(kill_one_of_two(url, folder, kills=max(1, kills // SHARE_OF_TWO), seed=seed))
        with database(backend) as url:
            yield asyncio.run(kill_workers(url, folder, seed=seed))
        with postgresql_server() as server:
            share = max(1, kills // SHARE_OF_DATABASE_KILLS)
            victim = PostgresqlVictim(server)
            yield asyncio.run(kill_database(server.get_uri(), folder, victim=victim, kills=share, seed=seed))


if __name__ == "__main__":
    main()
