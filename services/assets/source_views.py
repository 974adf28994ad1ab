"""Where assets are asked for, as the portal shows it."""

from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from models import AssetPull, AssetSnapshot, AssetSource, PullStatus
from services import wording
from services.assets.sources import list_pulls

PULLS_SHOWN: Final = 5
EVERY: Final = {24: "Each night at two", 1: "Every hour"}

_WORDS: Final = {
    PullStatus.WAITING: ("pending", "Under way"),
    PullStatus.RECORDED: ("delivered", "Recorded"),
    PullStatus.FAILED: ("failed", "Failed"),
}


@dataclass(frozen=True)
class PullRow:
    """One asking. `said` is the count, or why there is none."""

    when: str
    status: str
    status_word: str
    said: str


@dataclass(frozen=True)
class AssetSourceView:
    """The address and what the newest askings brought; all empty where none is named."""

    url: str = ""
    every: str = ""
    every_hours: str = "24"
    has_token: bool = False
    pulls: tuple[PullRow, ...] = ()


NO_SOURCE: Final = AssetSourceView()


def every_word(hours: int) -> str:
    """How often, worded."""
    return EVERY.get(hours, f"Every {hours} hours")


def read_asset_source(session: Session, *, tenant_id: str, timezone: str) -> AssetSourceView:
    """What is shown of a customer's address."""
    source = session.get(AssetSource, tenant_id)
    if source is None:
        return NO_SOURCE
    pulls = list_pulls(session, tenant_id=tenant_id, limit=PULLS_SHOWN)
    return AssetSourceView(
        url=source.url,
        every=every_word(source.every_hours),
        every_hours=str(source.every_hours),
        has_token=source.token is not None,
        pulls=tuple(_row(session, pull, timezone) for pull in pulls),
    )


def _row(session: Session, pull: AssetPull, timezone: str) -> PullRow:
    status, word = _WORDS[pull.status]
    said = pull.error or ""
    if pull.status == PullStatus.WAITING and pull.error:
        status, word = "retrying", "Retrying"
    if pull.snapshot_id is not None:
        snapshot = session.get_one(AssetSnapshot, (pull.tenant_id, pull.snapshot_id))
        said = f"{wording.number(snapshot.asset_count)} assets"
    return PullRow(wording.moment(pull.slot, timezone), status, word, said)
