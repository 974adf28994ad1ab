"""What a bundle carries beside its receipts: the keys that signed, how they followed each other, the plans."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select, union

from models import BillingPeriod, InvoiceLine, PlanVersion, ReceiptSignature
from services.bundles.headers import SIGNATURES_MAX, signature_text
from services.errors import TooLarge
from services.receipts.signing_keys import jwks, key_history


def stored_signatures(session: Session, *, tenant_id: str, seqs: tuple[int, int] | Sequence[int]) -> dict[str, Any]:
    """The signatures that receipts carry of their own: those of a range (first, last), or of a list of numbers.

    Raises TooLarge beyond SIGNATURES_MAX.
    """
    statement = select(ReceiptSignature).where(ReceiptSignature.tenant_id == tenant_id, _among(seqs))
    rows = session.exec(statement.order_by(col(ReceiptSignature.seq)).limit(SIGNATURES_MAX + 1)).all()
    if len(rows) > SIGNATURES_MAX:
        raise TooLarge(f"More than {SIGNATURES_MAX:,} of these receipts are signed; ask for fewer at once.")
    return {str(row.seq): {"kid": row.kid, "signature": signature_text(row.signature)} for row in rows}


def used_keys(session: Session, *, kids: Iterable[str]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The JWK Set of the keys named and of all that followed each other, and the rotations that say how."""
    history = key_history(session)
    wanted = set(kids) | {kid for rotation in history for kid in (rotation.old_kid, rotation.new_kid)}
    keys = [key for key in jwks(session)["keys"] if key["kid"] in wanted]
    rotations = [
        {
            "statement": rotation.statement.decode(),
            "old_signature": signature_text(rotation.old_signature),
            "new_signature": signature_text(rotation.new_signature),
        }
        for rotation in history
    ]
    return {"keys": keys}, rotations


def rated_plans(session: Session, *, tenant_id: str) -> dict[str, Mapping[str, Any]]:
    """Every plan version that any use or line of the customer was rated with."""
    named = union(
        select(col(BillingPeriod.plan_version_id)).where(BillingPeriod.tenant_id == tenant_id),
        select(col(InvoiceLine.plan_version_id)).where(InvoiceLine.tenant_id == tenant_id),
    ).subquery()
    plans = session.exec(select(PlanVersion).where(col(PlanVersion.id).in_(select(named.c.plan_version_id))))
    return {plan.id: plan.document for plan in plans}


def _among(seqs: tuple[int, int] | Sequence[int]) -> ColumnElement[bool]:
    if isinstance(seqs, tuple):
        return col(ReceiptSignature.seq).between(*seqs)
    return col(ReceiptSignature.seq).in_(seqs)
