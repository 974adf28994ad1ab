"""Headers and plans that hold something else than they should: each is refused in words, and none crashes."""

import io
import json
import random

from services.bundles.verification import verify_bundle
from services.errors import BundleRefused
from services.receipts.signature_checks import read_jwks
from services.rules.canonical import content_hash
from tests.corpus.good_bundles import books, cut_invoice, cut_range, cut_trace
from tests.corpus.ledgers import MARCH, Ledger

ODD = [
    None, True, 0, -1, 2**53 - 1, "", "x", "0", "-1", "1e9", "NaN", "9" * 60, [], [[]], [None], {}, {"a": {}},
    "é\u2028",
]  # fmt: skip


def nodes(document, path=()):
    """The path of every value in a document, those that hold others among them."""
    yield from [path] if path else []
    if not isinstance(document, dict | list):
        return
    for name, value in document.items() if isinstance(document, dict) else enumerate(document):
        yield from nodes(value, (*path, name))


def with_odd(document, path, odd):
    copy = json.loads(json.dumps(document))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = odd
    return copy


def refusal(data, keys=None):
    try:
        verify_bundle(io.BytesIO(data), keys=keys)
    except BundleRefused as refused:
        return refused
    return None


def test_odd_values_in_a_header_are_refused():
    log, chance = books()[0].ledger, random.Random("header")
    keys = read_jwks(log.jwks())
    for cut in (cut_range(log, 20, 24), cut_trace(log, "trace_0"), cut_invoice(log, 1)):
        data, lines = cut.document(), cut.lines().split(b"\n", 1)[1]
        for path in nodes(cut.header):
            for odd in chance.sample(ODD, 4):
                header = with_odd(cut.header, path, odd)
                if header != cut.header:
                    document = json.dumps(json.loads(data) | {"bundle": header}).encode()
                    assert refusal(document, keys) is not None, (path, odd)
                    assert refusal(json.dumps(header).encode() + b"\n" + lines, keys) is not None


def test_odd_plans_under_their_own_hash_are_refused_or_rate_alike():
    """A seller may sell by any plan; one that cannot be read must be refused before it is used."""
    chance = random.Random("plan")
    for book, code in (("reliability", "PRO"), ("memory-cloud", "pro"), ("verified-exchange", "Starter")):
        ledger = Ledger()
        name = ledger.plan(book, code)
        document = ledger.plans[name]
        for path in nodes(document):
            for odd in chance.sample(ODD, 3):
                changed = with_odd(document, path, odd)
                bent = Ledger(plans={name: document})
                metric = document["meters"][0]["code"]
                bent.use(name, metric, "1", price=content_hash(changed), period=MARCH)
                cut = cut_range(bent, 1, 1).saying(plans={content_hash(changed): changed})
                refused = refusal(cut.lines())
                assert refused is None or refused.detail
