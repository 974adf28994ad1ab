"""Usage receipts, written and read without a detour through a document: they are all but a few of a log's receipts.

Both directions are shortcuts. What is written equals `receipt_bytes(build_receipt(typ="usage", ...))` byte for byte;
what is read equals what the thorough reader reads, and anything unusual is left to it.
"""

import re
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from services.rules.canonical import INTEGER_MAX
from services.rules.receipt_fields import ID_MAX, VERSION, contradiction, is_moment
from services.rules.violations import InvalidReceipt

_TEXT = r'"([ !#-\[\]-~]{1,128})"'
_HASH = r'"(sha256:[0-9a-f]{64})"'
_LINK = rf"(?:null|{_HASH})"
_DECIMAL = r'"((?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,12})?)"'
_COUNT = r"([1-9][0-9]{0,14})"
_USUAL = re.compile(
    rf'\{{(?:"amount":{_DECIMAL},)?(?:"cid":{_HASH},)?"credits_micro":(0|[1-9][0-9]{{0,14}}),(?:"currency":"([A-Z]{{3}})",)?'
    rf'(?:"hop":{_COUNT},)?"idem":{_TEXT},"iss":{_TEXT},"metric":{_TEXT},(?:"policy":{_TEXT},)?"prev":{_LINK},'
    rf'"price":{_HASH},(?:"req":{_TEXT},)?"seq":{_COUNT},"tenant":{_TEXT},'
    rf'(?:"trace_id":{_TEXT},"trace_prev":{_LINK},)?"ts":"([0-9T:.-]{{26}}Z)","typ":"(usage)","units":{_DECIMAL},"v":1\}}'
)
_NAMES = (
    "amount", "cid", "credits_micro", "currency", "hop", "idem", "iss", "metric", "policy", "prev", "price", "req",
    "seq", "tenant", "trace_id", "trace_prev", "ts", "typ", "units",
)  # fmt: skip


def usage_receipt_bytes(
    *, iss: str, tenant: str, seq: int, prev: str | None, ts: str, idem: str, metric: str, units: str,
    credits_micro: int, price: str, req: str | None = None, cid: str | None = None, policy: str | None = None,
    amount: str | None = None, currency: str | None = None, trace_id: str | None = None, hop: int | None = None,
    trace_prev: str | None = None,
) -> bytes:  # fmt: skip
    """The canonical bytes of a usage receipt, for arguments `build_receipt` takes.

    Text that callers choose (`idem`, `req`, `trace_id`) and the numbers are checked; hashes, amounts and times come
    from `written`, `plain_micro` and `written_time`, and are not looked at again. Raises InvalidReceipt.
    """
    if not (0 < seq <= INTEGER_MAX and 0 <= credits_micro <= INTEGER_MAX and (prev is None) == (seq == 1)):
        raise InvalidReceipt("A usage receipt needs its number, the hash before it from 2 on, and credits from 0 up.")
    if (amount is None) != (currency is None):
        raise InvalidReceipt("“amount” and “currency” come together.")
    names, owner, rule = _constants(iss, metric, tenant, policy)
    money = "" if amount is None else f'"amount":"{amount}",'
    if cid is not None:
        money = f'{money}"cid":"{cid}",'
    unit = "" if currency is None else f'"currency":"{currency}",'
    number = trace = ""
    if trace_id is not None or hop is not None:
        number, trace = _trace(trace_id, hop, trace_prev)
    link = "null" if prev is None else f'"{prev}"'
    asked = "" if req is None else f'"req":{_escaped(req)},'
    text = (
        f'{{{money}"credits_micro":{credits_micro:d},{unit}{number}"idem":{_escaped(idem)},{names}{rule}"prev":{link},'
        f'"price":"{price}",{asked}"seq":{seq:d},{owner}{trace}"ts":"{ts}","typ":"usage","units":"{units}","v":1}}'
    )
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidReceipt("Text holds half of a surrogate pair, which has no UTF-8 form.") from error


@lru_cache(maxsize=4096)
def _constants(iss: str, metric: str, tenant: str, policy: str | None) -> tuple[str, str, str]:
    """What many receipts share, escaped once."""
    rule = "" if policy is None else f'"policy":{_escaped(policy)},'
    names = f'"iss":{encode_basestring(iss)},"metric":{_escaped(metric)},'
    return names, f'"tenant":{_escaped(tenant)},', rule


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
    if "hop" in document:
        document["hop"] = int(document["hop"])
    if "trace_id" in document:
        document.setdefault("trace_prev", None)
    return document if is_moment(document["ts"]) and contradiction(document) is None else None
