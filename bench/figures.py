"""What every benchmark prints the same way: the machine, percentiles, a table."""

import os
import platform
from collections.abc import Sequence
from math import ceil
from pathlib import Path


def print_machine(title: str) -> None:
    """The title, and the machine the numbers are from. How busy it is with other things is part of the answer."""
    load = os.getloadavg()[0]
    print(f"\n{title}")
    print(f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f} at the start\n")


def processor() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1_000:,.1f}"


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they need to be: the first to the left, figures to the right."""
    widths = [max(len(line[column]) for line in [headers, *rows]) for column in range(len(headers))]
    for line in [headers, ["-" * width for width in widths], *rows]:
        first, *others = zip(line, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
        print("  ".join(cells).rstrip())
    print()
