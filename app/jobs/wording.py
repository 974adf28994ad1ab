"""What a run did, in words."""

from collections.abc import Mapping
from typing import Final

from app.jobs.table import Job

NOTHING: Final = "Nothing was due"


def words_of(job: Job | None, counts: Mapping[str, int]) -> str:
    """The counts that are not zero, in the order of the job's words."""
    if job is None:
        told = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    else:
        told = [
            f"{counts[name]:,} {one if counts[name] == 1 else many}"
            for name, (one, many) in job.words.items()
            if counts.get(name)
        ]
    return ", ".join(told) or NOTHING
