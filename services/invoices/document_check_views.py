"""A printed document checked by its code, in words: what we issued under it, to be compared with the paper."""

from dataclasses import dataclass

from sqlmodel import Session

from services import wording
from services.errors import Refusal
from services.invoices.document_verification import RUN, find_document
from services.invoices.line_facts import Fact
from services.rules.money import Money
from services.rules.violations import RuleViolation
from services.tenants import read_tenant

TYPED_MAX = 64
KIND_WORDS = {"invoice": "Invoice", "credit_note": "Credit note", RUN: "The report of run"}


@dataclass(frozen=True)
class DocumentCheckView:
    """What a code led to; `problem` says why it led to nothing. Both are empty before anything was asked.

    `code` and `number` are what was typed. `receipt` is the number of the receipt that attests the document.
    """

    code: str = ""
    number: str = ""
    title: str = ""
    facts: tuple[Fact, ...] = ()
    invoice_id: str = ""
    run_id: str = ""
    receipt: str = ""
    problem: str = ""


NOTHING_CHECKED = DocumentCheckView()


def check_document(session: Session, *, tenant_id: str, code: str, number: str = "") -> DocumentCheckView:
    """Look a code up among a customer's own documents. Nothing typed is nothing asked."""
    code, number = code.strip()[: TYPED_MAX + 1], number.strip()[:TYPED_MAX]
    if not code:
        return DocumentCheckView(number=number)
    tenant = read_tenant(session, tenant_id=tenant_id)
    try:
        found = find_document(session, tenant_id=tenant_id, code=code, number=number)
    except Refusal as refusal:
        return DocumentCheckView(code=code, number=number, problem=refusal.detail)
    except RuleViolation as violation:
        return DocumentCheckView(code=code, number=number, problem=violation.message)
    is_note = found.kind == "credit_note"
    total = Money(-found.total.amount_minor, found.total.currency) if is_note else found.total
    return DocumentCheckView(
        code=found.code,
        number=number,
        title=f"{KIND_WORDS[found.kind]} {found.number} is ours",
        facts=(
            Fact("Fee" if found.kind == RUN else "Total", f"{wording.money(total)} {total.currency}"),
            Fact("Signed" if found.kind == RUN else "Issued", wording.moment_day(found.issued_at, tenant.timezone)),
            Fact("Receipt’s hash", found.receipt_hash),
        ),
        invoice_id=found.invoice_id or "",
        run_id=found.id if found.kind == RUN else "",
        receipt=str(found.receipt_seq),
    )
