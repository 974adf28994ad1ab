"""Elements of the CII syntax: names with their prefixes, values as text, in the order they are added."""

import re
from datetime import date
from typing import Final
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

NAMESPACES: Final = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
}
DAY_FORMAT: Final = "102"
"""UNTDID 2379: CCYYMMDD."""

_NOT_IN_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

for _prefix, _uri in NAMESPACES.items():
    register_namespace(_prefix, _uri)


def root(name: str) -> Element:
    return Element(_qualified(name))


def group(parent: Element, name: str) -> Element:
    """An element for others to be put in; it is dropped by `written` where nothing was."""
    return SubElement(parent, _qualified(name))


def put(parent: Element, name: str, text: str, **attributes: str) -> None:
    """A value, unless it is empty."""
    if text:
        SubElement(parent, _qualified(name), attributes).text = _NOT_IN_XML.sub("", text)


def put_day(parent: Element, name: str, day: date | None, *, kind: str = "udt") -> None:
    """A day, unless there is none."""
    if day is not None:
        put(group(parent, name), f"{kind}:DateTimeString", f"{day:%Y%m%d}", format=DAY_FORMAT)


def written(top: Element) -> bytes:
    """The document's bytes: the same for the same tree."""
    encoded: bytes = tostring(top, encoding="UTF-8", xml_declaration=True)
    return encoded


def _qualified(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"
