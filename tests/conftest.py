"""What tests run in, and which of them `make test` leaves to `make test-all`. `tests.databases` has the databases.

`make test` runs every area within minutes: all but what is marked `slow` (browsers, crashes, thousands of examples) and
what `pytest_collection_modifyitems` marks here, the runs on PostgreSQL that only repeat what SQLite has shown.
`make test-all`, which CI runs, leaves nothing out.
"""

import os
from functools import cache
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings

from services import passwords
from services import settings as configuration
from services.price_books import books

for name in [name for name in os.environ if name.startswith("TALLYSTICK_")]:
    del os.environ[name]
os.environ["TALLYSTICK_MASTER_KEY"] = "A" * 43  # receipts are signed on every database, and PostgreSQL has no key file
configuration.Settings.model_config["env_file"] = None
books.read_book = cache(books.read_book)  # most tests load the books that ship: nobody changes those meanwhile

_unhurried = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
hypothesis_settings.register_profile("default", max_examples=60, deadline=None, suppress_health_check=_unhurried)
hypothesis_settings.register_profile("thorough", max_examples=2_000, deadline=None, suppress_health_check=_unhurried)
hypothesis_settings.register_profile(
    "ci", max_examples=60, deadline=None, derandomize=True, print_blob=True, suppress_health_check=_unhurried,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)  # fmt: skip
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))

pytest_plugins = [
    "tests.databases", "tests.stripe_conformance", "tests.sandbox_server", "tests.payments_copies",
    "tests.payments_world", "tests.mail_server",
]  # fmt: skip

OF_THE_DATABASE = (
    "models/", "services/", "laws/", "oracle/", "stories/", "app/jobs/", "app/test_group_commit",
    "app/test_unit_of_work", "app/api/test_call_limits", "app/api/test_usage_api",
)  # fmt: skip
"""Where a database can make a difference: locks, counters, triggers, constraints, queries, migrations, jobs."""

WALKED_SLOWLY = (
    "laws/test_reservation_laws", "laws/test_spend_cap_laws", "services/billing_documents/", "services/bundles/",
    "services/mails/", "services/payments/", "services/usage/test_importing",
    "stories/test_a_gain_share_paid_by_card", "stories/test_a_year_walked", "stories/test_paid_",
)  # fmt: skip
"""What walks through months, or many times; each step is slower on PostgreSQL."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On PostgreSQL, `make test` runs what is of the database and not walked slowly; the rest is slow there.

    It runs everything else on SQLite. `make test-all` runs every test on both.
    """
    for item in items:
        if "[postgresql" not in item.name:
            continue
        place = item.path.relative_to(Path(__file__).parent).as_posix()
        if not place.startswith(OF_THE_DATABASE) or place.startswith(WALKED_SLOWLY):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Password hashes of the least cost argon2id has: `test_passwords` holds what they cost in earnest."""
    passwords._hash_of_nobody.cache_clear()
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture(scope="session")
def project_root() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_folder(project_root: Path) -> Path:
    """The folder beside the project with real data and outside vectors; where there is none, the test is skipped."""
    folder = project_root.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared, which is not part of this repository")
    return folder
