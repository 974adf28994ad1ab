"""A person at the sandbox's pages, without a browser: opens one, fills in its form, presses a button."""

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import httpx

CARD = {"card_number": "4242 4242 4242 4242", "card_expiry": "12 / 34", "card_cvc": "123", "card_name": "Ada"}
DECLINED = {**CARD, "card_number": "4000 0000 0000 0002"}
FAILS_LATER = {**CARD, "card_number": "4000 0000 0000 0341"}
ASKS_BANK = {**CARD, "card_number": "4000 0025 0000 3155"}


class _Reader(HTMLParser):
    """The visible words of a page, its forms' hidden fields, and its buttons."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tokens: list[str] = []
        self.buttons: list[str] = []
        self.links: dict[str, str] = {}
        self._link: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("name") == "token":
            self.tokens.append(given.get("value") or "")
        if tag == "button" and given.get("name") == "action":
            self.buttons.append(given.get("value") or "")
        self._link = given.get("href") if tag == "a" else self._link

    def handle_endtag(self, tag: str) -> None:
        self._link = None if tag == "a" else self._link

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())
        if self._link and data.strip():
            self.links.setdefault(data.strip(), self._link)


class Visitor:
    """One person with a browser. `page` is the answer last got."""

    def __init__(self) -> None:
        self._http = httpx.Client(timeout=30)
        self.page: httpx.Response | None = None
        self._read = _Reader()

    def open(self, address: str) -> "Visitor":
        """Go to an address, as far as the sandbox's own redirects lead."""
        return self._take(self._http.get(address))

    def press(self, action: str, **fields: Any) -> "Visitor":
        """Post the page's form with this button; the answer is not followed to another host."""
        assert self.page is not None, "open a page first"
        assert self._read.tokens, f"{self.page.url} has no form: {self.text}"
        form = {"token": self._read.tokens[0], "action": action, **fields}
        return self._take(self._http.post(self.page.url, data=form))

    @property
    def status(self) -> int:
        """The status of the page that is open."""
        assert self.page is not None
        return self.page.status_code

    @property
    def text(self) -> str:
        """The words of the page, one space between them."""
        return " ".join(self._read.words)

    @property
    def buttons(self) -> list[str]:
        """What the page's buttons do."""
        return self._read.buttons

    @property
    def links(self) -> dict[str, str]:
        """Addresses by the words of the link."""
        return self._read.links

    @property
    def sent_to(self) -> str:
        """Where the last form led, off the sandbox."""
        assert self.page is not None
        return self.page.headers.get("location", "")

    def close(self) -> None:
        """Close the browser."""
        self._http.close()

    def _take(self, response: httpx.Response) -> "Visitor":
        while response.is_redirect:
            target = urljoin(str(response.url), response.headers["location"])
            if httpx.URL(target).netloc != response.url.netloc:
                break
            response = self._http.get(target)
        self.page = response
        self._read = _Reader()
        self._read.feed(response.text)
        return self
