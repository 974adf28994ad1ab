"""A year of a plant in the shape maintenance systems export: failures, maintenance and machines, each a CSV."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

COMPONENTS = ("comp1", "comp2", "comp3", "comp4")
SITES = ("halifax", "moncton", "sydney")


@dataclass
class PlantYear:
    """What happened, as a program would hold it: (machine, failed, repaired, component); never overlapping."""

    year: int = 2025
    machine_count: int = 100
    seed: int = 7
    gap_hours: int = 2_600
    stoppages: list[tuple[int, datetime, datetime, str]] = field(default_factory=list)
    planned: list[tuple[int, datetime, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        for machine in range(1, self.machine_count + 1):
            at = datetime(self.year, 1, 1, 6, tzinfo=UTC) + timedelta(hours=chance.randrange(600))
            while at < datetime(self.year, 12, 20, tzinfo=UTC):
                component = chance.choice(COMPONENTS)
                repaired = at + timedelta(hours=chance.randrange(1, 30), minutes=chance.choice((0, 15, 30)))
                self.stoppages.append((machine, at, repaired, component))
                # planned work after the repair and long before the next failure ends nothing
                self.planned.append((machine, repaired + timedelta(hours=5), chance.choice(COMPONENTS)))
                at = repaired + timedelta(hours=24 + chance.randrange(self.gap_hours))

    def site_of(self, machine: int) -> str:
        return SITES[machine % len(SITES)]

    @property
    def failures_csv(self) -> str:
        rows = sorted(f"{at:%Y-%m-%d %H:%M:%S},{machine},{part}" for machine, at, _, part in self.stoppages)
        return "\n".join(["datetime,machineID,failure", *rows, ""])

    @property
    def maintenance_csv(self) -> str:
        done = [(machine, at, part) for machine, _, at, part in self.stoppages] + self.planned
        rows = sorted(f"{at:%Y-%m-%d %H:%M:%S},{machine},{part}" for machine, at, part in done)
        return "\n".join(["datetime,machineID,comp", *rows, ""])

    @property
    def machines_csv(self) -> str:
        rows = [
            f"{machine},model{machine % 4 + 1},{machine % 20},{self.site_of(machine)}"
            for machine in range(1, self.machine_count + 1)
        ]
        return "\n".join(["machineID,model,age,plant", *rows, ""])
