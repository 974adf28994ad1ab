"""Bad bundles whose signatures, keys or remembered checkpoint are wrong."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.bundles.headers import signature_text
from services.bundles.writing import signed_receipt
from services.gateways.signing import public_jwk
from tests.corpus.bad_files import HASH, a_part, bad_case, the_log
from tests.corpus.good_bundles import Case, Cut, books, cut_invoice, cut_range, reliability
from tests.corpus.ledgers import SIGNERS, Ledger

STRANGER = SIGNERS[3]
Document = dict[str, Any]


def signature_cases() -> Iterator[Case]:
    log, whole = the_log(), cut_invoice(the_log(), books()[0].invoices[1])
    invoice_seq, invoice = books()[0].invoices[1], log.receipts[books()[0].invoices[1] - 1]
    lines = whole.lines().splitlines(keepends=True)
    trailer = json.loads(lines[-1])

    def signed(signature: Document) -> bytes:
        return b"".join([*lines[:-1], json.dumps(signature, separators=(",", ":"), sort_keys=True).encode(), b"\n"])

    flipped = ("B" if trailer["signature"][0] == "A" else "A") + trailer["signature"][1:]
    yield bad_case("signature-changed", signed(trailer | {"signature": flipped}), 1, "bundle's signature")
    yield bad_case("signature-short", signed(trailer | {"signature": "AAAA"}), 1, "signature")
    yield bad_case("signature-in-base64url", signed(trailer | {"signature": "-" * 88}), 1, "base64")
    yield bad_case("signature-without-key", signed({"signature": trailer["signature"]}), 1, "signature")
    yield bad_case("signature-of-an-unknown-key", signed(trailer | {"kid": "nobody"}), 2, "key")
    yield bad_case("signature-of-the-other-key", signed(trailer | {"kid": SIGNERS[0].kid}), 1, "bundle's signature")
    name = str(invoice_seq)
    in_another_domain = {"kid": SIGNERS[1].kid, "signature": signature_text(SIGNERS[1].sign(invoice))}
    for case, signatures, exit_code, reason in (
        ("missing", {}, 1, "signature"),
        ("of-another-receipt", {name: log.signatures["1"]}, 1, "signature"),
        ("in-another-domain", {name: in_another_domain}, 1, "signature"),
        ("of-a-stranger", {name: signed_receipt(invoice, STRANGER)}, 2, "key"),
        ("with-more", {name: log.signatures[name] | {"alg": "none"}}, 1, "signature"),
    ):  # fmt: skip
        others = {key: value for key, value in whole.header["signatures"].items() if key != name}
        cut = whole.saying(signatures=others | signatures)
        yield bad_case(
            f"receipt-signature-{case}", cut.lines(), exit_code, reason, None if case == "with-more" else invoice_seq
        )
    note = whole.header["checkpoint"]
    yield bad_case("checkpoint-unsigned", whole.saying(checkpoint=note.split("\n\n")[0] + "\n\n").lines(), 1, "note")
    yield bad_case(
        "checkpoint-of-a-stranger", whole.saying(checkpoint=log.checkpoint(signer=STRANGER)).lines(), 2, "key"
    )
    body, _, line = note.partition("\n\n")
    other = log.checkpoint(9).partition("\n\n")[2]
    yield bad_case(
        "checkpoint-signature-of-another", whole.saying(checkpoint=f"{body}\n\n{other}").lines(), 1, "checkpoint"
    )
    wrong_root = log.checkpoint(9).split("\n")[2]
    spliced = "\n".join([*body.split("\n")[:2], wrong_root]) + "\n\n" + line
    yield bad_case("checkpoint-root-of-another", whole.saying(checkpoint=spliced).lines(), 1, "root")


def key_cases() -> Iterator[Case]:
    log, part = the_log(), a_part()
    yield bad_case("keys-of-another-keeper", part.lines(), 2, "key", None, {"keys": [public_jwk(STRANGER.public_key)]})
    yield bad_case("keys-none", part.lines(), 2, "key", None, {"keys": []})
    newest = {"keys": [public_jwk(SIGNERS[1].public_key)]}
    first = cut_range(log, 1, 3)
    yield bad_case("keys-do-not-reach-back", first.lines(), 2, "key", 1, newest)
    forged = replace(part, signer=STRANGER)
    yield bad_case("bundle-of-a-stranger", forged.lines(), 2, "key")
    listed = {"keys": [*part.header["keys"]["keys"], public_jwk(STRANGER.public_key)]}
    yield bad_case("bundle-of-a-stranger-who-lists-himself", forged.saying(keys=listed).lines(), 2, "key")
    rotation = log.rotations[0]
    for name, changes in (
        ("changed", {"statement": rotation["statement"].replace("2026", "2027")}),
        ("unsigned-by-the-old", {"old_signature": rotation["new_signature"]}),
        ("unsigned-by-the-new", {"new_signature": rotation["old_signature"]}),
    ):
        yield bad_case(f"rotation-{name}", part.saying(rotations=[rotation | changes]).lines(), 1, "key")
    yield bad_case("rotation-twice", part.saying(rotations=[rotation, rotation]).lines(), 1, "rotation")
    key_one = {"keys": [public_jwk(SIGNERS[0].public_key)]}
    yield bad_case("rotation-missing", part.saying(rotations=[]).lines(), 2, "key", None, key_one)
    late = Ledger()
    price = late.plan("reliability", "PRO")
    late.use(price, "LLM_token_usage", "1")
    late.rotate()
    late.clock += timedelta(days=1)
    late.add("approval", idem="apr_1", req="run_1", cid=HASH, signer=SIGNERS[0])
    late.use(price, "LLM_token_usage", "1")
    yield bad_case("receipt-signed-by-a-retired-key", cut_range(late, 1, 4).lines(), 1, "signed until", 3, late.jwks())
    old = cut_range(late, 1, 2, checkpoint=late.checkpoint(signer=SIGNERS[0]))
    gone = cut_range(late, 1, 4, checkpoint=late.checkpoint(signer=SIGNERS[0]))
    yield bad_case("checkpoint-signed-by-a-retired-key", gone.lines(), 1, "signed until", None, late.jwks())
    yield bad_case(
        "bundle-signed-by-a-retired-key", replace(old, signer=SIGNERS[0]).lines(), 1, "signed until", None, late.jwks()
    )
    key = Ledger()
    key.use(key.plan("reliability", "PRO"), "LLM_token_usage", "1")
    key.rotate()
    key.add("key", idem="key_2", req=SIGNERS[1].kid, cid=HASH)
    yield bad_case("key-receipt-of-another-statement", cut_range(key, 1, 3).lines(), 1, "statement", 3, key.jwks())


def remembered_cases() -> Iterator[Case]:
    log, part = the_log(), a_part()
    fork = reliability(change=lambda fields: fields.update(number=77)).ledger

    def case(name: str, cut: Cut, checkpoint: str, exit_code: int, reason: str) -> Case:
        return Case(f"remembered-{name}", cut.lines(), log.jwks(), checkpoint, exit_code, None, reason)

    whole = cut_range(log, 1, log.size)
    yield case("fork-same-size", whole, fork.checkpoint(), 1, "remembered")
    yield case("fork-within", whole, fork.checkpoint(25), 1, "remembered")
    yield case("larger", cut_range(log, 1, 9, size=9), log.checkpoint(12), 2, "older")
    yield case("before-the-range", part, log.checkpoint(1), 2, "consistency")
    yield case("after-the-range", part, log.checkpoint(30), 2, "consistency")
    consistency = log.consistency(30, log.size)
    yield case("consistent-with-another", part.saying(consistency=consistency), log.checkpoint(29), 2, "consistency")
    hashes = [HASH, *consistency["hashes"][1:]]
    broken = part.saying(consistency=consistency | {"hashes": hashes})
    yield case("proof-changed", broken, log.checkpoint(30), 1, "remembered")
    yield case("fork-with-proof", part.saying(consistency=consistency), fork.checkpoint(30), 1, "remembered")
    yield case("of-another-log", whole, books()[1].ledger.checkpoint(5), 1, "another log")
    yield case("signed-by-a-stranger", whole, log.checkpoint(11, signer=STRANGER), 2, "key")
    changed = log.checkpoint(11).replace("\n11\n", "\n12\n")
    yield case("changed", whole, changed, 2, "remembered")
    yield case("unreadable", whole, "a note from last year", 2, "remembered")
