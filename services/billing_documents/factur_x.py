"""Mark a PDF/A-3 as Factur-X: four properties in its metadata, and the schema that explains them.

Typst attaches the XML and writes PDF/A-3b, but has no way to add metadata of one's own. So its metadata stream is
lengthened, and the table that says where each object begins is moved by as much. Nothing else in the file changes.
Factur-X 1.0, section 6.2 (XMP properties and extension schema).
"""

import re
from typing import Final

NAMESPACE: Final = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
FILE_NAME: Final = "factur-x.xml"
PROPERTIES: Final = (
    ("DocumentFileName", FILE_NAME, "name of the embedded XML invoice file"),
    ("DocumentType", "INVOICE", "INVOICE"),
    ("Version", "1.0", "The actual version of the Factur-X XML schema"),
    ("ConformanceLevel", "EN 16931", "The conformance level of the embedded Factur-X data"),
)

_METADATA: Final = re.compile(rb"<</Length (\d+)/Type/Metadata/Subtype/XML>>\nstream\n")
_SCHEMAS_END: Final = b"</rdf:Bag></pdfaExtension:schemas>"
_DESCRIPTIONS_END: Final = b"</rdf:RDF>"
_TABLE: Final = re.compile(rb"\nstartxref\n(\d+)\n%%EOF\s*\Z")
_ENTRY: Final = re.compile(rb"(\d{10}) 00000 n")


class UnknownPdf(ValueError):
    """The typesetter writes its files another way than it did; `mark_factur_x` has to learn it."""


def mark_factur_x(pdf: bytes) -> bytes:
    """The same document, saying in its metadata that it is Factur-X. Raises UnknownPdf."""
    found = _METADATA.search(pdf)
    end = _TABLE.search(pdf)
    if found is None or end is None:
        raise UnknownPdf("the metadata or the table of objects is not where it was")
    begins, length = found.end(), int(found[1])
    old = pdf[begins : begins + length]
    new = _with(_with(old, _SCHEMAS_END, _schema()), _DESCRIPTIONS_END, _properties())
    header = found[0].replace(b"/Length %d/" % length, b"/Length %d/" % len(new))
    before, after = pdf[: found.start()], pdf[begins + length :]
    shift = len(header) + len(new) - len(found[0]) - length
    return _moved(before + header + new + after, table_at=int(end[1]) + shift, beyond=found.start(), shift=shift)


def _with(data: bytes, mark: bytes, added: str) -> bytes:
    if data.count(mark) != 1:
        raise UnknownPdf("the metadata is not as it was")
    return data.replace(mark, added.encode() + mark)


def _moved(pdf: bytes, *, table_at: int, beyond: int, shift: int) -> bytes:
    """Every object after what was lengthened begins `shift` bytes later, and so does the table itself."""
    if not pdf[table_at:].startswith(b"xref\n"):
        raise UnknownPdf("the table of objects is not where it was")

    def move(entry: re.Match[bytes]) -> bytes:
        at = int(entry[1])
        return b"%010d 00000 n" % (at + shift if at > beyond else at)

    table = _ENTRY.sub(move, pdf[table_at:])
    return pdf[:table_at] + _TABLE.sub(b"\nstartxref\n%d\n%%%%EOF" % table_at, table)


def _properties() -> str:
    values = "".join(f"<fx:{name}>{value}</fx:{name}>" for name, value, _ in PROPERTIES)
    return f'<rdf:Description rdf:about="" xmlns:fx="{NAMESPACE}">{values}</rdf:Description>'


def _schema() -> str:
    described = "".join(
        '<rdf:li rdf:parseType="Resource">'
        f"<pdfaProperty:name>{name}</pdfaProperty:name><pdfaProperty:valueType>Text</pdfaProperty:valueType>"
        f"<pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{words}</pdfaProperty:description></rdf:li>"
        for name, _, words in PROPERTIES
    )
    return (
        '<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>'
        f"<pdfaSchema:namespaceURI>{NAMESPACE}</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{described}</rdf:Seq></pdfaSchema:property></rdf:li>"
    )
