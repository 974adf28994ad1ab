"""What tests run in, and which of them `make test` leaves to `make test-all`. `tests.databases` has the databases."""

import os
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings

from services import passwords
from services import settings as configuration

for name in [name for name in os.environ if name.startswith("TALLYSTICK_")]:
    del os.environ[name]
os.environ["TALLYSTICK_MASTER_KEY"] = "A" * 43  # receipts are signed on every database, and PostgreSQL has no key file
configuration.Settings.model_config["env_file"] = None

_unhurried = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
hypothesis_settings.register_profile("default", max_examples=60, deadline=None, suppress_health_check=_unhurried)
hypothesis_settings.register_profile("thorough", max_examples=2_000, deadline=None, suppress_health_check=_unhurried)
hypothesis_settings.register_profile(
    "ci", max_examples=60, deadline=None, derandomize=True, print_blob=True, suppress_health_check=_unhurried,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)  # fmt: skip
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))

pytest_plugins = [
    "tests.databases", "tests.stripe_conformance", "tests.sandbox_server", "tests.payments_world", "tests.mail_server",
]  # fmt: skip

WALKED_SLOWLY = (
    "app/api/test_tenant_isolation", "app/cli/", "app/test_asset_pulls", "app/test_mailing", "app/test_payments",
    "app/test_reconciling", "app/test_taxed_payments", "app/test_time_travel", "app/test_webhook_deliveries",
    "laws/test_reservation_laws", "laws/test_spend_cap_laws", "services/billing_documents/", "services/bundles/",
    "services/mails/", "services/payments/", "services/usage/test_importing", "stories/test_a_year_walked",
    "stories/test_paid_", "stories/test_several_paid",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What walks through months, or many times: on PostgreSQL, where each step is slower, with the slow tests."""
    for item in items:
        place = item.path.relative_to(Path(__file__).parent).as_posix()
        if place.startswith(WALKED_SLOWLY) and "[postgresql" in item.name:
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
