"""What a password costs to check in earnest; the rest of the tests hash at the least cost there is."""

import subprocess
import sys
from pathlib import Path


def test_a_hash_costs_what_rfc_9106_recommends_where_memory_is_scarce(project_root: Path) -> None:
    """RFC 9106, section 4, second recommended option: argon2id, three passes over 64 MiB, four lanes."""
    made = subprocess.run(
        [sys.executable, "-c", "from services.passwords import hash_password; print(hash_password('a long one, so'))"],
        cwd=project_root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert made.stdout.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
