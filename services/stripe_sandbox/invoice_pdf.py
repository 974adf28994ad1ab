"""An invoice as a PDF, set with Typst from a template that takes the invoice as data."""

import json
from functools import cache
from pathlib import Path
from typing import Final

import typst

from services.stripe_sandbox.invoice_view import InvoiceView

TEMPLATE: Final = Path(__file__).with_name("invoice.typ")
LETTER_COUNTRIES: Final = frozenset({"US", "CA", "MX"})


def invoice_pdf(invoice: InvoiceView, *, created_at: int, country: str | None = None) -> bytes:
    """The document's bytes: the same for the same invoice. `created_at` is written into it as a Unix time.

    Letters go to `country` on its own paper: US Letter in North America, A4 elsewhere.
    """
    data = invoice.as_plain_data() | {"paper": "us-letter" if country in LETTER_COUNTRIES else "a4"}
    made = typst.compile(
        TEMPLATE.read_bytes(),
        format="pdf",
        font_paths=_fonts(),
        sys_inputs={"invoice": json.dumps(data, ensure_ascii=False)},
        timestamp=created_at,
    )
    assert isinstance(made, bytes)
    return made


@cache
def _fonts() -> typst.Fonts:
    """The fonts that Typst brings, and the system's for what they lack, found once."""
    return typst.Fonts()
