"""How long verify.html takes in Chromium for a bundle of 1,000 and 100,000 receipts, and whether the page stays alive.

The bundles are those of `bench.verify`. The page is opened from the disk without a network, the file chosen as a person
chooses it, and the time is from there to the answer on the screen. "CPU s" is what the page's own thread worked, which
other programs change little; "longest pause" is the longest the page did not answer meanwhile.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, sync_playwright

from bench.figures import print_machine, print_table
from bench.servers import ROOT
from bench.verify import _SIGNER, _write
from services.gateways.signing import public_jwk

RECEIPTS = (1_000, 100_000)
HEADERS = ("receipts", "bundle", "seconds", "CPU s", "receipts/s", "longest pause ms")
ANSWER_MS_MAX = 600_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WATCH = """() => {
  let last = performance.now();
  window.longestPause = 0;
  const tick = () => {
    const now = performance.now();
    window.longestPause = Math.max(window.longestPause, now - last);
    last = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""


def main() -> None:
    """Write each bundle, verify it in the page, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--receipts", type=int, nargs="*", default=RECEIPTS, help="how many, one row each")
    parser.add_argument("--plain", action="store_true", help="JSON lines that are not gzipped")
    asked = parser.parse_args()
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        sys.exit("This needs Chromium; on Debian: apt install chromium")
    print_machine("Verifying an invoice with all its usage in the browser, without a network")
    rows = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        keys = Path(folder) / "jwks.json"
        keys.write_text(json.dumps({"keys": [public_jwk(_SIGNER.public_key)]}))
        for count in asked.receipts:
            made = _write(Path(folder) / f"{count}.jsonl{'' if asked.plain else '.gz'}", count, zipped=not asked.plain)
            seconds, busy, pause = verify(browser, made.path, keys)
            figures = [f"{seconds:.2f}", f"{busy:.2f}", f"{count / seconds:,.0f}", f"{pause:,.0f}"]
            rows.append([f"{count:,}", f"{made.size / 1e6:,.1f} MB", *figures])
        browser.close()
    print_table(HEADERS, rows)


def verify(browser: Browser, bundle: Path, keys: Path) -> tuple[float, float, float]:
    """(seconds until the page has its answer, seconds its thread worked, milliseconds of its longest pause)."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto((ROOT / "assets" / "verify.html").as_uri())
    page.set_input_files("#keys", keys)
    page.evaluate(WATCH)
    inside = context.new_cdp_session(page)
    inside.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = worked(inside)
    begun = time.perf_counter()
    page.set_input_files("#bundle", bundle)
    answer = page.wait_for_selector(".answer", timeout=ANSWER_MS_MAX)
    seconds = time.perf_counter() - begun
    if answer is None or answer.get_attribute("data-exit") != "0":
        sys.exit(f"The page found it wrong: {page.inner_text('#answer')}")
    pause = float(page.evaluate("window.longestPause"))
    busy = worked(inside) - before
    context.close()
    return seconds, busy, pause


def worked(inside: CDPSession) -> float:
    """Seconds of processor time that the page's thread has taken."""
    listed = inside.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in listed if metric["name"] == "TaskDuration"))


if __name__ == "__main__":
    main()
