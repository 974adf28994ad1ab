"""The taxes on a hosted page: the rates at Stripe that stand for those of the customer's place."""

from datetime import datetime

from sqlmodel import Session

from models import StripeCatalogEntry
from services.invoices.taxes import rates_due
from services.parties.of_invoices import read_parties
from services.payments.stripe_wanted import wanted_tax
from services.tenants import read_tenant


def stripe_tax_rates(session: Session, *, tenant_id: str, account: str, at: datetime) -> list[str]:
    """The ids of the rates that a plan's price is to be shown and charged with; none where set-up lacks one of them.

    What the page does not charge is collected apart once the plan has started.
    """
    parties = read_parties(session, tenant=read_tenant(session, tenant_id=tenant_id))
    wanted = [wanted_tax(rate) for rate in rates_due(session, parties=parties, at=at)]
    entries = [session.get(StripeCatalogEntry, (account, each.key)) for each in wanted]
    found = [
        entry.stripe_id
        for entry, each in zip(entries, wanted, strict=True)
        if entry is not None and entry.fingerprint == each.fingerprint
    ]
    return found if len(found) == len(wanted) else []
