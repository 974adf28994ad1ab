"""The browser verifier: every bundle of the corpus gets the answer it must, and nothing ever goes to a network."""

import json
import random
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import Engine

from services.bundles.verification import verify_bundle
from services.database import reading
from services.errors import InvalidBundle, Unverifiable
from services.receipts.signing_keys import jwks
from tests.corpus.bundles import write_corpus
from tests.laws.test_bundle_mutations import CUTS, KEYS, LOG, MUTATIONS
from tests.services.bundles.test_exports import range_bundle
from tests.services.closing.test_other_currencies import CYCLES, walked

pytestmark = pytest.mark.slow

WIDTHS = (1440, 390)
ANSWER = """async (sent) => {
  const [bundle, keys, checkpoint] = sent.map((text) =>
    text === null ? null : new File([Uint8Array.from(atob(text), (character) => character.charCodeAt(0))], "a file"));
  const files = { bundle, keys, checkpoint };
  const answer = await Tallystick.verifier.verify(files);
  const card = Tallystick.answer.answerCard(Tallystick.report.reportOf(answer, files));
  return [answer.exit, answer.seq, card.textContent];
}"""
"""The answer to the files it is sent in base64, and all that its card says."""

ANSWERS = (
    f"async (cases) => {{ const all = []; for (const sent of cases) all.push(await ({ANSWER})(sent)); return all; }}"
)
MUTATED = 60
"""Changed bundles of each kind of change."""


@dataclass
class Verifier:
    """The page opened from the disk, and all that it asked any network for, or complained of."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def check(self, bundle: Path, keys: Path | None = None, checkpoint: Path | None = None) -> tuple[int, int | None]:
        """Choose the files as a person does; the answer's exit code and number."""
        self.page.reload()
        if keys is not None:
            self.page.set_input_files("#keys", keys)
        if checkpoint is not None:
            self.page.set_input_files("#checkpoint", checkpoint)
        self.page.set_input_files("#bundle", bundle)
        answer = self.page.locator(".answer")
        answer.wait_for()
        seq = answer.get_attribute("data-seq")
        return int(answer.get_attribute("data-exit") or -1), None if seq is None else int(seq)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder)
    return folder


def rows(corpus: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads((corpus / "corpus.json").read_text())}


@pytest.fixture
def open_verifier(browser: Browser, project_root: Path) -> Iterator[Callable[..., Verifier]]:
    contexts: list[BrowserContext] = []
    opened: list[Verifier] = []

    def open_one(address: str | None = None, **options: Any) -> Verifier:
        context = browser.new_context(**{"offline": address is None} | options)
        contexts.append(context)
        verifier = Verifier(context.new_page())
        verifier.page.on("request", lambda request: verifier.asked.append(request.url))
        verifier.page.on("pageerror", lambda error: verifier.complaints.append(str(error)))
        verifier.page.on(
            "console", lambda said: verifier.complaints.append(said.text) if said.type == "error" else None
        )
        verifier.page.goto(address or (project_root / "assets" / "verify.html").as_uri())
        opened.append(verifier)
        return verifier

    yield open_one
    for context in contexts:
        context.close()
    assert [complaint for verifier in opened for complaint in verifier.complaints] == []


@pytest.fixture
def verifier(open_verifier: Callable[..., Verifier]) -> Verifier:
    return open_verifier()


def test_every_bundle_of_the_corpus_gets_its_answer(verifier: Verifier, corpus: Path) -> None:
    names = ("file", "keys", "checkpoint")
    different = []
    for row in rows(corpus).values():
        sent = [None if row[name] is None else b64encode((corpus / row[name]).read_bytes()).decode() for name in names]
        exit_code, seq, said = verifier.page.evaluate(ANSWER, sent)
        reason = row["reason"] or ""
        if (exit_code, seq) != (row["exit"], row["seq"]) or reason.lower() not in said.lower():
            different.append((row["name"], (exit_code, seq), (row["exit"], row["seq"]), reason, said[:300]))
    assert different == []
    assert {address.partition(":")[0] for address in verifier.asked} <= {"file", "data"}


def test_changed_bundles_get_the_answer_that_the_command_gives(verifier: Verifier) -> None:
    """The changes are those of the laws, which hold our own verifier to them by the ten thousand."""
    keys = b64encode(json.dumps(LOG.jwks()).encode()).decode()
    for mutate in MUTATIONS:
        chance = random.Random(f"page {mutate.__name__}")
        changed = [mutate(number % len(CUTS), chance) for number in range(MUTATED)]
        answers = verifier.page.evaluate(ANSWERS, [[b64encode(data).decode(), keys, None] for data in changed])
        expected = [command_answer(data) for data in changed]
        different = [pair for pair in zip(answers, expected, changed, strict=True) if pair[0][:2] != pair[1]]
        assert different == [], mutate.__name__


def command_answer(data: bytes) -> list[int | None]:
    """What `tallystick verify` answers: exit code, and the first bad number."""
    try:
        verify_bundle(BytesIO(data), keys=KEYS)
    except InvalidBundle as refused:
        return [1, refused.seq]
    except Unverifiable as refused:
        return [2, refused.seq]
    return [0, None]


@pytest.mark.parametrize("currency", CYCLES)
def test_a_cycle_in_another_currency_is_valid_here_too(
    sqlite_engine: Engine, verifier: Verifier, currency: str
) -> None:
    one = walked(sqlite_engine, currency)
    with reading() as session:
        keys = json.dumps(jwks(session))
    sent = [b64encode(range_bundle(one.tenant_id, 1)).decode(), b64encode(keys.encode()).decode(), None]
    exit_code, _, said = verifier.page.evaluate(ANSWER, sent)
    assert exit_code == 0, said
    total = sum(amount for _, amount in CYCLES[currency].lines) + sum(CYCLES[currency].taxes)
    assert str(total) in re.sub(r"\D", "", said)


def test_a_valid_bill_is_shown_line_by_line(verifier: Verifier, corpus: Path) -> None:
    row = rows(corpus)["invoice-2"]
    assert verifier.check(corpus / row["file"], corpus / row["keys"]) == (0, None)
    page = verifier.page
    expect(page.get_by_role("heading", level=2)).to_have_text("This bill checks out")
    expect(page.get_by_role("heading", name="Invoice INV-000002")).to_be_visible()
    lines = page.locator(".bill tbody tr")
    expect(lines).to_have_count(3)
    expect(lines.nth(2)).to_contain_text("15 usage records added up")
    expect(lines.nth(2).locator("td").last).to_contain_text("5,801.07")
    expect(page.locator(".bill tfoot .total")).to_contain_text("17,418.46 CAD")
    expect(page.locator(".byte-group").first).to_be_hidden()
    page.get_by_text("Bytes: hashes").click()
    expect(page.locator(".byte-group").first).to_be_visible()


def test_without_keys_it_says_that_the_signer_is_not_confirmed_and_where_keys_are(
    verifier: Verifier, corpus: Path
) -> None:
    row = rows(corpus)["invoice-2"]
    assert verifier.check(corpus / row["file"]) == (0, None)
    expect(verifier.page.get_by_role("heading", level=2)).to_contain_text("not confirmed")
    expect(verifier.page.locator(".advice")).to_contain_text("https://billing.example/.well-known/jwks.json")
    verifier.page.set_input_files("#keys", corpus / row["keys"])
    expect(verifier.page.get_by_role("heading", level=2)).to_have_text("This bill checks out")


def test_an_invalid_bill_is_named_with_its_receipt_and_why(verifier: Verifier, corpus: Path) -> None:
    row = rows(corpus)["line-overage-dearer"]
    assert verifier.check(corpus / row["file"], corpus / row["keys"]) == (1, 21)
    expect(verifier.page.get_by_role("heading", level=2)).to_have_text("This bill does not check out")
    expect(verifier.page.locator(".verdict")).to_contain_text("it states 5801.08 CAD; it comes to 5801.07")
    expect(verifier.page.get_by_role("status")).to_contain_text("does not check out")


def test_another_kind_of_file_is_told_in_words(verifier: Verifier, tmp_path: Path) -> None:
    picture = tmp_path / "invoice.pdf"
    picture.write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 40)
    assert verifier.check(picture) == (1, None)
    expect(verifier.page.get_by_role("heading", level=2)).to_have_text("This is not a bundle")


def test_files_are_dropped_together_and_told_apart(verifier: Verifier, corpus: Path) -> None:
    row = rows(corpus)["remembered-within"]
    texts = [(corpus / row[name]).read_text() for name in ("checkpoint", "file", "keys")]
    verifier.page.evaluate(
        """(texts) => {
          const dataTransfer = new DataTransfer();
          texts.forEach((text, place) => dataTransfer.items.add(new File([text], `file-${place}`)));
          document.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        texts,
    )
    expect(verifier.page.get_by_role("heading", level=2)).to_have_text("These bills check out")
    expect(verifier.page.get_by_text("Continues the checkpoint you kept")).to_be_visible()


def test_it_is_used_with_the_keyboard_alone(verifier: Verifier) -> None:
    page = verifier.page
    page.on("filechooser", lambda _: None)  # listened for from here on, or Space may come before the browser knows
    for name in ("bundle", "keys", "checkpoint"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == name
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    assert chooser.value.element.get_attribute("id") == "checkpoint"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_screen(
    open_verifier: Callable[..., Verifier], corpus: Path, width: int, dark: bool
) -> None:
    verifier = open_verifier(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light")
    for name in ("invoice-2", "line-overage-dearer", "keys-none", "range-whole", "not-json"):
        row = rows(corpus)[name]
        verifier.check(corpus / row["file"], corpus / row["keys"])
        for summary in verifier.page.locator("details > summary").all():
            if summary.is_visible():
                summary.click()
        assert verifier.page.evaluate("document.documentElement.scrollWidth") <= width


def test_text_of_a_bundle_is_never_markup(verifier: Verifier, corpus: Path, tmp_path: Path) -> None:
    row = rows(corpus)["invoice-2"]
    hostile = tmp_path / "hostile.jsonl"
    text = (corpus / row["file"]).read_text().replace("tallystick-bundle/1", "<img src=x onerror=alert(1)>", 1)
    hostile.write_text(text.replace("https://billing.example", "<script>alert(1)</script>"))
    assert verifier.check(hostile)[0] == 2
    assert verifier.page.locator("#answer img, #answer script").count() == 0


def test_the_portal_serves_it_and_it_reaches_no_one(
    open_verifier: Callable[..., Verifier], portal: str, corpus: Path
) -> None:
    verifier = open_verifier(f"{portal}/verify.html")
    loaded = len(verifier.asked)
    assert {address.startswith((f"{portal}/verify", "data:")) for address in verifier.asked} == {True}
    row = rows(corpus)["invoice-2"]
    verifier.page.set_input_files("#keys", corpus / row["keys"])
    verifier.page.set_input_files("#bundle", corpus / row["file"])
    expect(verifier.page.get_by_role("heading", level=2)).to_have_text("This bill checks out")
    assert verifier.asked[loaded:] == []
    blocked = verifier.page.evaluate("fetch('/healthz').then(() => 'reached', () => 'blocked')")
    assert blocked == "blocked"
    verifier.complaints.clear()  # the refused request is told of on the console


def test_the_portal_serves_it_with_headers_that_allow_nothing_else(portal: str) -> None:
    page = httpx.get(f"{portal}/verify.html")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "connect-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-cache"
    scripts = re.findall(r'src="(verify/[^"]+)"', page.text)
    assert len(scripts) > 20
    for script in scripts:
        served = httpx.get(f"{portal}/{script}")
        assert served.headers["content-type"].split(";")[0] in {"text/javascript", "application/javascript"}
        assert served.headers["cache-control"] == "no-cache"
