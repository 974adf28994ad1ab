"""A document as a PDF with its data inside, and the few that were rendered last."""

import hashlib
import json
from collections import OrderedDict
from threading import Lock
from typing import Final

import structlog

from services.billing_documents.document import BillingDocument
from services.billing_documents.factur_x import FILE_NAME, mark_factur_x
from services.billing_documents.layout import lay_out
from services.billing_documents.typesetting import TEMPLATE, set_pages
from services.e_invoice.cii import write_cii
from services.e_invoice.refusals import NotExpressible
from services.errors import TooLarge

LINES_MAX: Final = 2_000
"""What a receipt holds of one invoice; about 160 pages."""

CACHED_BYTES_MAX: Final = 16 * 1024 * 1024
"""All rendered documents that are kept, together; the one used longest ago goes first."""

__all__ = ["FILE_NAME", "LINES_MAX", "invoice_data", "render_pdf"]

log = structlog.get_logger()


def render_pdf(document: BillingDocument) -> bytes:
    """The document as PDF/A-3b, with its EN 16931 data attached where the standard can say it.

    The same document gives the same bytes. Raises TooLarge beyond LINES_MAX lines.
    """
    if len(document.lines) > LINES_MAX:
        raise TooLarge(f"A document has at most {LINES_MAX:,} lines; this one has {len(document.lines):,}.")
    sheet = lay_out(document)
    xml = invoice_data(document)
    key = hashlib.sha256(json.dumps([sheet, xml.decode()]).encode() + TEMPLATE).digest()
    return _rendered.get(key) or _rendered.put(key, _render(document, sheet, xml))


def invoice_data(document: BillingDocument) -> bytes:
    """The XML that is attached; b"" where EN 16931 has no place for the document, which the log says."""
    try:
        return write_cii(document)
    except NotExpressible as why:
        log.info("no_invoice_data", document_id=document.id, why=str(why))
        return b""


def _render(document: BillingDocument, sheet: dict[str, object], xml: bytes) -> bytes:
    pdf = set_pages(sheet, xml=xml.decode(), at=document.issued_at)
    return mark_factur_x(pdf) if xml else pdf


class _Rendered:
    """Documents by what they say, in the order they were asked for."""

    def __init__(self, bytes_max: int) -> None:
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._size, self._bytes_max, self._lock = 0, bytes_max, Lock()

    def get(self, key: bytes) -> bytes | None:
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def put(self, key: bytes, pdf: bytes) -> bytes:
        with self._lock:
            if key not in self._kept and len(pdf) <= self._bytes_max:
                self._kept[key] = pdf
                self._size += len(pdf)
                while self._size > self._bytes_max:
                    self._size -= len(self._kept.popitem(last=False)[1])
        return pdf


_rendered = _Rendered(CACHED_BYTES_MAX)
