"""A document as the page template takes it: every word chosen, every figure written, nothing left to compute."""

from collections.abc import Iterator
from typing import Any, Final

from services.billing_documents.document import BillingDocument, DocumentKind, Party
from services.billing_documents.english import English
from services.billing_documents.formats import Formats
from services.billing_documents.french import French
from services.billing_documents.line_rows import line_row
from services.billing_documents.wording import Wording

LETTER_COUNTRIES: Final = frozenset({"", "CA", "US", "MX"})
LANGUAGES: Final = {"en": English, "fr": French}


def wording_for(document: BillingDocument) -> Wording:
    """The words and formats of the document's language, as they are written where its reader is."""
    formats = Formats(language=document.language, country=document.buyer.country, currency=document.currency)
    return LANGUAGES[document.language](formats)


def lay_out(document: BillingDocument) -> dict[str, Any]:
    """Everything on the pages, in the order it stands there."""
    say = wording_for(document)
    kind = say[document.kind]
    return {
        "language": document.language,
        "region": say.formats.locale.partition("_")[2],
        "paper": "us-letter" if document.buyer.country in LETTER_COUNTRIES else "a4",
        "title": f"{kind} {document.number}".strip(),
        "kind": kind,
        "mark": _mark(document, say),
        "seller": _party(document.seller, say),
        "buyer": _party(document.buyer, say),
        "labels": {name: say[name] for name in ("seller", "buyer", "description", "quantity", "rate", "no_lines")}
        | {"amount": f"{say['amount']} ({document.currency})", "page": list(say.page())},
        "facts": list(_facts(document, say)),
        "headline": say.formats.money(_headline(document)),
        "currency": document.currency,
        "due": say.due(document),
        "lines": [line_row(line, document, say) for line in document.lines],
        "totals": list(_totals(document, say)),
        "payment": _payment(document, say),
        "sections": list(_sections(document, say)),
        "foot": _foot(document, say),
        "issued": document.issued_on.isoformat(),
        "unsettable": say.unsettable(),
    }


def _headline(document: BillingDocument) -> int:
    """What is to be looked at first: what is left to pay; what was paid, or credited, where nothing is."""
    if document.kind == DocumentKind.CREDIT_NOTE:
        return -document.total_minor
    is_open = document.kind == DocumentKind.INVOICE and document.status in ("open", "uncollectible")
    return document.left_minor if is_open else document.total_minor


def _mark(document: BillingDocument, say: Wording) -> dict[str, Any] | None:
    """What is written across each page of what must not be taken for a valid invoice."""
    if document.kind == DocumentKind.PREVIEW:
        return {"text": say["preview_mark"]}
    return {"text": say["void_mark"]} if document.status == "void" else None


def _party(party: Party, say: Wording) -> dict[str, Any]:
    city = " ".join(part for part in (party.city, party.region, party.postal_code) if part)
    lines = [*party.address_lines, city, say.country(party.country), party.email]
    return {
        "name": party.name,
        "lines": [line for line in lines if line],
        "ids": [[say.registration(each.kind), each.value] for each in party.registrations],
    }


def _facts(document: BillingDocument, say: Wording) -> Iterator[list[str]]:
    if document.number:
        yield [say["number"], document.number]
    if document.kind != DocumentKind.PREVIEW:
        yield [say["issued"], say.formats.day(document.issued_on)]
    if document.due_on is not None and document.kind == DocumentKind.INVOICE:
        yield [say["due"], say.formats.day(document.due_on)]
    yield [say["period"], say.formats.span(document.starts_on, document.ends_on)]
    if document.corrects_number:
        yield [say["corrects"], document.corrects_number]
    if document.corrects_issued_on is not None:
        yield [say["corrects_issued"], say.formats.day(document.corrects_issued_on)]
    if document.purchase_order:
        yield [say["purchase_order"], document.purchase_order]
    if document.buyer.identifier:
        yield [say["customer"], document.buyer.identifier]


def _totals(document: BillingDocument, say: Wording) -> Iterator[dict[str, Any]]:
    amount = say.formats.amount
    yield _row(say["subtotal"], amount(document.subtotal_minor))
    for tax in document.taxes:
        if tax.amount_minor or tax.rate:
            words = say.tax_of(tax.name, say.formats.percent(tax.rate), amount(tax.base_minor))
            yield _row(words, amount(tax.amount_minor))
    if not any(tax.amount_minor or tax.rate for tax in document.taxes):
        yield _row(say["no_tax"] if not document.tax_minor else say["tax"], amount(document.tax_minor))
    yield _row(f"{say['total']} ({document.currency})", amount(document.total_minor), is_strong=True)
    if document.kind != DocumentKind.INVOICE or document.status == "void":
        return
    for note in document.notes:
        words = say.note_applied(note.number, say.formats.short_day(note.issued_on))
        yield _row(words, amount(note.total_minor))
    if document.paid_on is not None:
        yield _row(f"{say['paid']}, {say.formats.short_day(document.paid_on)}", amount(-document.paid_minor))
    left = document.left_minor
    label = say["credit"] if left < 0 else say["left"]
    yield _row(f"{label} ({document.currency})", say.formats.money(abs(left)), is_strong=True)


def _row(label: str, amount: str, *, is_strong: bool = False) -> dict[str, Any]:
    return {"label": label, "amount": amount, "strong": is_strong}


def _payment(document: BillingDocument, say: Wording) -> dict[str, Any] | None:
    """How to pay what is left; None where nothing is, or where nobody said how."""
    rows = [[detail.label, detail.value] for detail in document.payment_details]
    is_owed = document.kind == DocumentKind.INVOICE and document.status != "void" and document.left_minor > 0
    if not is_owed or not (rows or document.payment_url):
        return None
    if rows:
        rows.append([say["reference"], document.number])
    link = [say["pay_online"], document.payment_url] if document.payment_url else None
    return {"title": say["how_to_pay"], "rows": rows, "link": link, "words": []}


def _sections(document: BillingDocument, say: Wording) -> Iterator[dict[str, Any]]:
    if document.covered:
        rows = [say.covered(use) for use in document.covered]
        yield {"title": say["covered"], "rows": rows, "link": None, "words": []}
    if document.kind == DocumentKind.CREDIT_NOTE and document.reason:
        yield {"title": say["reason"], "rows": [], "link": None, "words": [document.reason]}
    words = list(dict.fromkeys(say.tax_reason(tax.category, tax.reason) for tax in document.taxes if tax.reason))
    if words:
        yield {"title": say["notes"], "rows": [], "link": None, "words": words}


def _foot(document: BillingDocument, say: Wording) -> dict[str, Any] | None:
    receipt = document.receipt
    if receipt is None:
        return None
    return {
        "receipt": f"{say['receipt']} {receipt.seq}",
        "hash": receipt.hash,
        "code_label": say["code"],
        "code": receipt.code,
        "verify": say["verify"],
        "url": document.verification_url.partition("?")[0],
        "href": document.verification_url,
    }
