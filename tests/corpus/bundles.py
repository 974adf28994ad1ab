"""The corpus of bundles, good and bad, that every verifier must agree on.

`python -m tests.corpus.bundles DIRECTORY` writes each as a file, and `corpus.json` with what it is checked with and the
answer: a list of {name, file, keys, checkpoint, exit, seq, reason}. `reason` is a word that our own message holds.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from services.rules.canonical import canonical_bytes, content_hash
from tests.corpus.bad_bundles import bad_cases
from tests.corpus.changed_bundles import bad_changes, good_changes
from tests.corpus.contract_bundles import contract_cases
from tests.corpus.gain_share_bundles import gain_share_cases
from tests.corpus.good_bundles import Case, good_cases


def all_cases() -> Iterator[Case]:
    """Good ones first. No two have the same name."""
    yield from good_cases()
    yield from good_changes()
    yield from bad_cases()
    yield from bad_changes()
    yield from contract_cases()
    yield from gain_share_cases()


def write_corpus(directory: Path) -> int:
    """Write every case and the list of them; how many there are."""
    directory.mkdir(parents=True, exist_ok=True)
    listed = []
    for case in all_cases():
        prefix = "good" if case.exit == 0 else "bad"
        name = f"{prefix}-{case.name}.{case.suffix}"
        (directory / name).write_bytes(case.data)
        keys = checkpoint = None
        if case.keys is not None:
            keys = f"keys-{content_hash(case.keys)[7:19]}.json"
            (directory / keys).write_bytes(canonical_bytes(case.keys))
        if case.checkpoint is not None:
            checkpoint = f"{prefix}-{case.name}.checkpoint.txt"
            (directory / checkpoint).write_text(case.checkpoint)
        row = {"name": case.name, "file": name, "keys": keys, "checkpoint": checkpoint}
        listed.append(row | {"exit": case.exit, "seq": case.seq, "reason": case.reason})
    (directory / "corpus.json").write_text(json.dumps(listed, indent=1) + "\n")
    return len(listed)


if __name__ == "__main__":
    print(f"{write_corpus(Path(sys.argv[1]))} bundles in {sys.argv[1]}")
