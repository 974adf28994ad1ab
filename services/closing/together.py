"""Close many periods in one transaction: what all of them need is read together, and each is closed by itself."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from models import Invoice, Subscription
from services.assets.counts import BEGUN, COUNTED
from services.closing.close import SUBSCRIPTION, close_if_due, due_close
from services.closing.due_periods import Subscribed
from services.closing.period_parts import PARTS
from services.closing.questions import Question, answered_beforehand
from services.closing.steps import carry_out
from services.credits.lots import ALLOWANCES, GRANTED
from services.invoices.pending_lines import CREDIT_OF_ACCOUNT, LINES_THAT_WAIT
from services.parties.billing_profiles import BUYER
from services.parties.seller_profiles import SELLER
from services.receipts.log import STORED_HEAD
from services.subscriptions.discounts import PROMOTIONS_DUE
from services.subscriptions.scheduled_changes import CHANGE_THAT_WAITS
from services.subscriptions.starting import OPENED
from services.tenants import HEAD, TENANT, lock_heads
from services.usage.lines import BILLED_SHORT, COUNTERS, USE_BY_DAY
from services.usage.ranges import TALLIES

ASKED: Final[tuple[Question, ...]] = (
    HEAD,
    TENANT,
    SUBSCRIPTION,
    CHANGE_THAT_WAITS,
    PARTS,
    COUNTERS,
    TALLIES,
    USE_BY_DAY,
    BILLED_SHORT,
    PROMOTIONS_DUE,
    BEGUN,
    COUNTED,
    LINES_THAT_WAIT,
    CREDIT_OF_ACCOUNT,
    BUYER,
    SELLER,
    STORED_HEAD,
    ALLOWANCES,
    OPENED,
    GRANTED,
)
"""What every close asks."""


def close_together(session: Session, *, claimed: Sequence[Subscribed], at: datetime) -> list[Invoice | None]:
    """What `close_if_due` answers for each of those that `claim_due` has claimed."""
    together = _without_effect_on_another(session, claimed)
    lock_heads(session, tenant_ids=[subscription.tenant_id for subscription in together.values()])
    closes = {}
    with answered_beforehand(session, ASKED, list(together.values())):
        for pair in together:
            close = due_close(session, tenant_id=pair[0], subscription_id=pair[1], at=at)
            if close is not None:
                closes[pair] = close
        invoices = dict(zip(closes, carry_out(session, list(closes.values()), at=at), strict=True))
    for pair in claimed:
        if pair not in together:
            invoices[pair] = close_if_due(session, tenant_id=pair[0], subscription_id=pair[1], at=at)
    return [invoices.get(pair) for pair in claimed]


def _without_effect_on_another(session: Session, claimed: Sequence[Subscribed]) -> dict[Subscribed, Subscription]:
    """Those whose close changes nothing that another asks for, nor what it asks for itself later on: no other of the
    same customer is closed, and nothing was scheduled.
    """
    times = Counter(tenant_id for tenant_id, _ in claimed)
    whose = {
        "tenants": [tenant_id for tenant_id, count in times.items() if count == 1],
        "ids": [subscription_id for _, subscription_id in claimed],
    }
    found = {(each.tenant_id, each.id): each for each in session.execute(_claimed, whose).scalars()}
    changes = CHANGE_THAT_WAITS.answer_together(session, list(found.values()))
    return {pair: found[pair] for pair in claimed if pair in found and not changes[CHANGE_THAT_WAITS, *pair]}


_claimed = (
    select(Subscription)
    .where(
        col(Subscription.tenant_id).in_(bindparam("tenants", expanding=True)),
        col(Subscription.id).in_(bindparam("ids", expanding=True)),
    )
    .execution_options(populate_existing=True)
)
"""Built once: building it costs as much as running it."""
