"""The browser verifier's own modules against vectors from outside, and its prices against ours."""

import base64
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from services.bundles.line_checks import check_line
from services.errors import InvalidBundle, Unverifiable
from services.price_books.plans import plan_from_document
from services.rules import discounts, money, pricing
from services.rules.canonical import canonical_bytes
from services.rules.decimals import text_of
from services.rules.money import Money
from services.rules.price_documents import from_document
from services.rules.quantities import from_micro
from services.rules.violations import NotCanonical, RuleViolation
from tests.corpus.ledgers import shipped_plan

pytestmark = pytest.mark.slow

PRICES = 4_000
CURRENCIES = ("CAD", "USD", "JPY", "KWD", "CLF")


@pytest.fixture(scope="module")
def modules(browser: Browser, project_root: Path) -> Iterator[Page]:
    """A page that has the verifier's modules, opened from the disk."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto((project_root / "assets" / "verify.html").as_uri())
    yield page
    context.close()


def hexadecimal(text: str | None) -> str:
    return base64.b64decode(text or "").hex()


@pytest.mark.parametrize("name", ["inclusion", "consistency"])
def test_every_proof_gets_the_verdict_it_should(modules: Page, shared_folder: Path, name: str) -> None:
    folder = shared_folder / "vectors" / "merkle" / "testdata" / name
    vectors = []
    for path in sorted(folder.rglob("*.json")):
        said = json.loads(path.read_text())
        sizes = [said["leafIdx"], said["treeSize"]] if name == "inclusion" else [said["size1"], said["size2"]]
        hashes = ["leafHash", "root"] if name == "inclusion" else ["root1", "root2"]
        vectors.append(
            {
                "name": str(path.relative_to(folder)),
                "sizes": [str(size) for size in sizes],
                "hashes": [hexadecimal(said[member]) for member in hashes],
                "proof": [hexadecimal(hashed) for hashed in said["proof"] or []],
                "wrong": said["wantErr"],
            }
        )
    assert len(vectors) == 98
    wrong = modules.evaluate(
        """([kind, vectors]) => {
          const { merkle, bytes, failures } = Tallystick;
          const isRefused = ({ sizes, hashes, proof }) => {
            const [first, second] = sizes.map(BigInt);
            const [left, right] = hashes.map(bytes.fromHex);
            const path = proof.map(bytes.fromHex);
            try {
              if (kind === "inclusion") merkle.verifyInclusion(first, second, left, path, right);
              else merkle.verifyConsistency(first, second, path, left, right);
            } catch (error) {
              if (error instanceof failures.Broken) return true;
              throw error;
            }
            return false;
          };
          return vectors.filter((vector) => isRefused(vector) !== vector.wrong).map(({ name }) => name);
        }""",
        [name, vectors],
    )
    assert wrong == []


def test_the_reference_tree_has_its_roots(modules: Page, shared_folder: Path) -> None:
    reference = json.loads((shared_folder / "vectors" / "merkle" / "rfc6962_reference_tree.json").read_text())
    roots = modules.evaluate(
        """(inputs) => {
          const { merkle, hashes, bytes } = Tallystick;
          const leaves = inputs.map((input) => hashes.leafHash(bytes.fromHex(input)));
          return [...leaves, null].map((_, size) => bytes.hex(merkle.rootOf(leaves.slice(0, size))));
        }""",
        reference["leaf_inputs_hex"],
    )
    assert roots == reference["roots_hex"]


def read_as_canonical(modules: Page, texts: list[str]) -> list[bool]:
    """Whether each text is the canonical one of what it says. Texts pass as UTF-16 units: some are no Unicode."""
    units = [[int.from_bytes(pair, "little") for pair in in_pairs(text)] for text in texts]
    read: list[bool] = modules.evaluate(
        """(texts) => texts.map((units) => {
          const text = units.reduce((whole, unit) => whole + String.fromCharCode(unit), "");
          try {
            return Tallystick.canonical.canonicalText(Tallystick.canonical.parseCanonical(text)) === text;
          } catch (error) {
            if (error instanceof Tallystick.failures.Broken) return false;
            throw error;
          }
        })""",
        units,
    )
    return read


def in_pairs(text: str) -> Iterator[bytes]:
    data = text.encode("utf-16-le", "surrogatepass")
    return (data[place : place + 2] for place in range(0, len(data), 2))


def is_canonical(text: str) -> bool:
    """What our own reader says of a text, duplicate keys apart."""
    try:
        return canonical_bytes(json.loads(text)).decode() == text
    except (ValueError, NotCanonical, RecursionError):
        return False


def test_every_file_of_rfc_8785_reads_as_it_does_in_python(modules: Page, shared_folder: Path) -> None:
    folder = shared_folder / "vectors" / "rfc8785" / "testdata"
    texts = [path.read_text() for path in sorted(folder.rglob("*.json"))]
    read = read_as_canonical(modules, texts)
    assert read == [is_canonical(text) for text in texts]
    assert read.count(True) == 3  # arrays, unicode, and the input that is written as its own output
    written = modules.evaluate(
        "(texts) => texts.map((text) => Tallystick.canonical.canonicalText(Tallystick.canonical.parse(text)))",
        [(folder / "input" / f"{name}.json").read_text() for name in ("arrays", "unicode")],
    )
    assert written == [(folder / "output" / f"{name}.json").read_text() for name in ("arrays", "unicode")]


def test_only_whole_numbers_of_rfc_8785_are_read(modules: Page, shared_folder: Path) -> None:
    lines = (shared_folder / "vectors" / "rfc8785" / "es6_numbers_10000.txt").read_text().split()
    texts = [line.split(",")[1] for line in lines]
    read = read_as_canonical(modules, texts)
    assert read == [is_canonical(text) for text in texts]
    assert read.count(True) > 1


HOSTILE = [
    "", " ", "nul", "truex", '"', "{", "[", "[1,]", "{,}", '{"a":1,}', '{"a" :1}', '{"b":1,"a":2}', '{"a":1,"a":1}',
    '{"a":1,"a":2}', "-0", "00", "01", "+1", "1.0", "1e3", "NaN", "Infinity", "9007199254740991", "9007199254740992",
    "-9007199254740991", "-9007199254740992", "9" * 5_000, '"\\u0041"', '"\\/"', '"\\u000a"', '"\\n"', '"\\ud800"',
    '"\\udc00\\ud800"', '"😀"', '"\\ud83d\\ude00"', '"\ud800"', '"\x7f"', '"\x1f"', '"\\u001f"', '"\\u001F"',
    '"\u2028"', '{"é":1}', '{"__proto__":1}', '{"constructor":{"prototype":1}}', '{"10":1,"9":2}', '{"9":1,"10":2}',
    "[" * 64 + "]" * 64, "[" * 65 + "]" * 65, "[" * 100_000, '{"a":' * 50_000, "[1 ]", "\ufeff1", '"\\x"', '"\\u12"',
]  # fmt: skip


def test_hostile_text_is_read_as_it_is_in_python_and_never_crashes(modules: Page) -> None:
    read = read_as_canonical(modules, HOSTILE)
    assert dict(zip(HOSTILE, read, strict=True)) == {text: is_canonical(text) for text in HOSTILE} | {
        '{"a":1,"a":1}': False
    }


def test_signatures_and_names_of_keys_are_those_of_rfc_8037(modules: Page, shared_folder: Path) -> None:
    said = json.loads((shared_folder / "vectors" / "jose_rfc8037" / "rfc8037_A.json").read_text())
    message, _, signature = said["jws_compact"].rpartition(".")
    name, good, bad = modules.evaluate(
        """([jwk, message, signature]) => {
          const { signatures, bytes } = Tallystick;
          const [key, signed] = [signatures.readPublicJwk(jwk), bytes.fromBase64url(signature)];
          const isGood = (text) => signatures.isSignedBy(key, signed, bytes.utf8(text));
          return [signatures.thumbprint(key), isGood(message), isGood(`${message} `)];
        }""",
        [said["jwk_public"], message, signature],
    )
    assert (name, good, bad) == (said["thumbprint_sha256_b64url"], True, False)


def rate(chance: random.Random, *, above: int = 0) -> str:
    """A rate as text: whole or with up to 12 decimals, most of them small."""
    places = chance.choice((0, 2, 4, 12))
    count = above * 10**places + chance.randrange(10 ** chance.randint(1, 4 + places))
    return text_of(Decimal(count).scaleb(-places))


def tiers(chance: random.Random) -> list[dict[str, Any]]:
    ends = sorted({chance.randrange(1, 2_000_000) for _ in range(chance.randrange(6))})
    rows: list[dict[str, Any]] = [{"up_to": str(end), "unit_price": rate(chance)} for end in ends]
    return [*rows, {"up_to": None, "unit_price": rate(chance), "flat_fee": rate(chance)}]


def charge(chance: random.Random) -> dict[str, Any]:
    """A random charge as a plan's document holds it."""
    model = chance.choice(("flat", "per_unit", "package", "graduated", "volume"))
    document: dict[str, Any] = {"model": model}
    if model in ("graduated", "volume"):
        document["tiers"] = tiers(chance)
    elif model == "package":
        document |= {"package_size": rate(chance, above=1), "package_price": rate(chance)}
    else:
        document["amount" if model == "flat" else "unit_price"] = rate(chance)
    if chance.random() < 0.4:
        document["included"] = str(chance.randrange(500_000))
    if chance.random() < 0.3:
        document["minimum"] = rate(chance)
    if chance.random() < 0.3:
        document["maximum"] = text_of(Decimal(document.get("minimum", "0")) + Decimal(rate(chance)))
    return document


def test_thousands_of_random_prices_agree_to_the_cent(modules: Page) -> None:
    chance = random.Random(8_785)
    asked, expected = [], []
    for number in range(PRICES):
        document, currency = charge(chance), CURRENCIES[number % len(CURRENCIES)]
        micro = 0 if number % 50 == 0 else chance.randrange(10 ** chance.randint(1, 14))
        exact = pricing.rate(from_document(document), from_micro(micro)).amount
        asked.append([document, str(micro), currency])
        expected.append(money.to_money(exact, currency).plain())
    answers = modules.evaluate(
        """(asked) => asked.map(([charge, micro, currency]) => {
          const { pricing, decimals, money } = Tallystick;
          const { amount } = pricing.rate(pricing.readCharge(charge), decimals.Decimal.ofMicro(micro));
          return money.plain(money.toMinor(amount, currency), currency);
        })""",
        asked,
    )
    different = [case for case in zip(asked, expected, answers, strict=True) if case[1] != case[2]]
    assert different == []
    assert len(set(expected)) > PRICES // 2


PROMOTED = """([fee, lines]) => lines.map(([currency, line]) => {
  try {
    const left = Tallystick.money.readMinor(fee, currency);
    const amount = Tallystick.lineChecks.checkLine(line, { currency }, null, { fee: left });
    return Tallystick.money.plain(amount, currency);
  } catch (error) {
    if (error instanceof Tallystick.failures.Unverifiable) return "unverifiable";
    if (error instanceof Tallystick.failures.Broken) return "broken";
    throw error;
  }
})"""


def odd_number(chance: random.Random) -> str:
    odd = ("", "-1", "+1", "1e2", "100", "100.0", "0", "00.5", "0.0000000000001", "99999999999999999999", "1" * 70)
    return chance.choice(odd) if chance.random() < 0.2 else rate(chance)


def promoted_line(chance: random.Random, fee: str, currency: str) -> dict[str, Any]:
    """A line that takes something off `fee`: mostly what it says it does, now and then something else."""
    model, name = chance.choice((("percent_off", "percent"), ("percent_off", "percent"), ("amount_off", "amount")))
    pricing = {"model": model, name: odd_number(chance)}
    line = {"kind": "discount", "unit": "discount", "quantity": "1", "amount": "-1", "price": "sha256:x"}
    line |= {"pricing": pricing, "sources": {"of": fee if chance.random() < 0.95 else odd_number(chance)}}
    with suppress(RuleViolation):
        discount = discounts.from_document(pricing, currency)
        line["pricing"] = pricing if chance.random() < 0.2 else discounts.to_document(discount)
        line["amount"] = (-discounts.taken_off(Money.parse(fee, currency), discount)).plain()
    if chance.random() < 0.1:
        line["amount"] = odd_number(chance)
    return line


def checked_here(line: dict[str, Any], fee: str, currency: str) -> str:
    plan = replace(plan_from_document(*shipped_plan("verified-exchange", "Starter")), currency=currency)
    try:
        return check_line(line, plan, None, fee=Money.parse(fee, currency)).plain()
    except Unverifiable:
        return "unverifiable"
    except (InvalidBundle, RuleViolation, ArithmeticError):
        return "broken"


def test_promotions_come_to_what_they_come_to_here(modules: Page) -> None:
    chance = random.Random("promotions")
    for fee in ("0", "1", "499", "9007199254740993"):
        currencies = [chance.choice(CURRENCIES) for _ in range(PRICES // 4)]
        lines = [(currency, promoted_line(chance, fee, currency)) for currency in currencies]
        answers = modules.evaluate(PROMOTED, [fee, lines])
        expected = [checked_here(line, fee, currency) for currency, line in lines]
        different = [pair for pair in zip(answers, expected, lines, strict=True) if pair[0] != pair[1]]
        assert different == []
        assert {"broken"} < set(answers)
