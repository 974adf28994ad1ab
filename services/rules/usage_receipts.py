"""Usage receipts, written and read without a detour through a document: they are all but a few of a log's receipts.

Both directions are shortcuts. What is written equals `receipt_bytes(build_receipt(typ="usage", ...))` byte for byte;
what is read equals what the thorough reader reads, and anything unusual is left to it.
"""

import re
from json.encoder import encode_basestring
from typing import Any

from services.rules.canonical import INTEGER_MAX
from services.rules.receipt_fields import ID_MAX, VERSION, contradiction, is_day, is_moment
from services.rules.violations import InvalidReceipt

_TEXT = r'"([ !#-\[\]-~]{1,128})"'
_HASH = r'"(sha256:[0-9a-f]{64})"'
_LINK = rf"(?:null|{_HASH})"
_MOMENT = r'"([0-9T:.-]{26}Z)"'
_DECIMAL = r'"((?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,12})?)"'
_COUNT = r"([1-9][0-9]{0,14})"
_USUAL = re.compile(
    rf'\{{(?:"alert":{_TEXT},)?(?:"cid":{_HASH},)?"credits_micro":(0|[1-9][0-9]{{0,14}}),(?:"day":"([0-9-]{{10}})",)?'
    rf'(?:"hop":{_COUNT},)?"idem":{_TEXT},"iss":{_TEXT},"metric":{_TEXT},(?:"occurred_at":{_MOMENT},)?'
    rf'(?:"overage_micro":{_COUNT},)?"prev":{_LINK},"price":{_HASH},(?:"req":{_TEXT},)?"seq":{_COUNT},'
    rf'(?:"site":{_TEXT},)?"subscription":{_TEXT},"tenant":{_TEXT},(?:"trace_id":{_TEXT},"trace_prev":{_LINK},)?'
    rf'"ts":{_MOMENT},"typ":"(usage)","units":{_DECIMAL},"v":1\}}'
)
_NAMES = (
    "alert", "cid", "credits_micro", "day", "hop", "idem", "iss", "metric", "occurred_at", "overage_micro", "prev",
    "price", "req", "seq", "site", "subscription", "tenant", "trace_id", "trace_prev", "ts", "typ", "units",
)  # fmt: skip
_COUNTS = ("hop", "overage_micro")


class UsageReceiptForm:
    """A usage receipt with all filled in that many share; `fill` writes one.

    Raises InvalidReceipt for a name that is empty or longer than ID_MAX.
    """

    __slots__ = ("_day", "_names", "_owner", "_price")

    def __init__(self, *, iss: str, tenant: str, subscription: str, metric: str, price: str, day: str | None) -> None:
        self._names = f'"iss":{encode_basestring(iss)},"metric":{_escaped(metric)},'
        self._owner = f'"subscription":{_escaped(subscription)},"tenant":{_escaped(tenant)},'
        self._price = f'"price":"{price}",'
        self._day = "" if day is None else f'"day":"{day}",'

    def fill(
        self, *, seq: int, prev: str | None, ts: str, idem: str, units: str, credits_micro: int, overage_micro: int = 0,
        occurred_at: str | None = None, site: str | None = None, alert: str | None = None, req: str | None = None,
        cid: str | None = None, trace_id: str | None = None, hop: int | None = None, trace_prev: str | None = None,
    ) -> bytes:  # fmt: skip
        """The canonical bytes, for arguments `build_receipt` takes; no overage is left out.

        Text that callers choose and the numbers are checked; hashes, units and times come from `written`,
        `plain_micro` and `written_time`, and are not looked at again. Raises InvalidReceipt.
        """
        credits_fit = 0 <= overage_micro <= credits_micro <= INTEGER_MAX
        if not (credits_fit and 0 < seq <= INTEGER_MAX and (prev is None) == (seq == 1)):
            raise InvalidReceipt(
                "A usage receipt needs its number, the hash before it from 2 on, and credits from 0 up."
            )
        number = trace = ""
        if trace_id is not None or hop is not None:
            number, trace = _trace(trace_id, hop, trace_prev)
        head = "" if alert is None else f'"alert":{_escaped(alert)},'
        if cid is not None:
            head = f'{head}"cid":"{cid}",'
        happened = "" if occurred_at is None else f'"occurred_at":"{occurred_at}",'
        beyond = f'"overage_micro":{overage_micro:d},' if overage_micro else ""
        link = "null" if prev is None else f'"{prev}"'
        asked = "" if req is None else f'"req":{_escaped(req)},'
        place = "" if site is None else f'"site":{_escaped(site)},'
        text = (
            f'{{{head}"credits_micro":{credits_micro:d},{self._day}{number}"idem":{_escaped(idem)},{self._names}'
            f'{happened}{beyond}"prev":{link},{self._price}{asked}"seq":{seq:d},{place}{self._owner}{trace}'
            f'"ts":"{ts}","typ":"usage","units":"{units}","v":1}}'
        )
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            raise InvalidReceipt("Text holds half of a surrogate pair, which has no UTF-8 form.") from error


def usage_receipt_bytes(
    *, iss: str, tenant: str, subscription: str, metric: str, price: str, day: str | None = None, **filled: Any
) -> bytes:
    """One usage receipt of its own: a form filled in once."""
    form = UsageReceiptForm(iss=iss, tenant=tenant, subscription=subscription, metric=metric, price=price, day=day)
    return form.fill(**filled)


def _escaped(text: str) -> str:
    if not 0 < len(text) <= ID_MAX:
        raise InvalidReceipt(f"Ids and names in a receipt have 1 to {ID_MAX} characters.")
    return encode_basestring(text)


def _trace(trace_id: str | None, hop: int | None, trace_prev: str | None) -> tuple[str, str]:
    if trace_id is None or hop is None or not 0 < hop <= INTEGER_MAX or (trace_prev is None) != (hop == 1):
        raise InvalidReceipt("A trace needs its id, the number of its hop, and the hash of the hop before from 2 on.")
    link = "null" if trace_prev is None else f'"{trace_prev}"'
    return f'"hop":{hop:d},', f'"trace_id":{_escaped(trace_id)},"trace_prev":{link},'


def read_usage_receipt(data: bytes) -> dict[str, Any] | None:
    """The document of a usage receipt in its usual form; None for anything else, valid or not."""
    match = _USUAL.fullmatch(data.decode("ascii", "replace"))
    if match is None:
        return None
    groups = zip(_NAMES, match.groups(), strict=True)
    document: dict[str, Any] = {name: value for name, value in groups if value is not None}
    document["credits_micro"] = int(document["credits_micro"])
    document["seq"] = int(document["seq"])
    document["v"] = VERSION
    document.setdefault("prev", None)
    for name in _COUNTS:
        if name in document:
            document[name] = int(document[name])
    if "trace_id" in document:
        document.setdefault("trace_prev", None)
    return document if _is_real(document) and contradiction(document) is None else None


def _is_real(document: dict[str, Any]) -> bool:
    """Whether its times are times there are."""
    happened, day = document.get("occurred_at"), document.get("day")
    return is_moment(document["ts"]) and (happened is None or is_moment(happened)) and (day is None or is_day(day))
