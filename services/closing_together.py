"""Close many periods in one transaction: what all of them need is read together, and each is closed by itself."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from models import Invoice, Subscription
from services.asset_counts import BEGUN, COUNTED
from services.billing_profiles import BUYER
from services.closing import SUBSCRIPTION, close_if_due
from services.credit_lots import ALLOWANCES, GRANTED
from services.due_periods import Subscribed
from services.pending_lines import CREDIT_OF_ACCOUNT, LINES_THAT_WAIT
from services.period_parts import PARTS
from services.questions import Question, answered_beforehand
from services.receipt_log import STORED_HEAD
from services.scheduled_changes import CHANGE_THAT_WAITS
from services.seller_profiles import SELLER
from services.subscription_discounts import PROMOTIONS_DUE
from services.subscriptions import OPENED
from services.tenants import HEAD, TENANT, lock_heads
from services.usage_lines import BILLED_SHORT, COUNTERS, USE_BY_DAY
from services.usage_ranges import TALLIES

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
    """What `close_if_due` answers for each of those that `claim_due` has claimed, in their order."""
    alone = _alone_of_their_customer(session, claimed)
    lock_heads(session, tenant_ids=[subscription.tenant_id for subscription in alone])
    with answered_beforehand(session, ASKED, alone):
        return [close_if_due(session, tenant_id=pair[0], subscription_id=pair[1], at=at) for pair in claimed]


def _alone_of_their_customer(session: Session, claimed: Sequence[Subscribed]) -> list[Subscription]:
    """Those whose close changes nothing that another asks for, nor what it asks for itself later on: no other of the
    same customer is closed, and nothing was scheduled. All others ask for themselves as they are closed.
    """
    times = Counter(tenant_id for tenant_id, _ in claimed)
    whose = {
        "tenants": [tenant_id for tenant_id, count in times.items() if count == 1],
        "ids": [pair[1] for pair in claimed],
    }
    subscriptions = list(session.execute(_claimed, whose).scalars())
    changes = CHANGE_THAT_WAITS.answer_together(session, subscriptions)
    return [each for each in subscriptions if not changes[CHANGE_THAT_WAITS, each.tenant_id, each.id]]


_claimed = (
    select(Subscription)
    .where(
        col(Subscription.tenant_id).in_(bindparam("tenants", expanding=True)),
        col(Subscription.id).in_(bindparam("ids", expanding=True)),
    )
    .execution_options(populate_existing=True)
)
"""Built once: building it costs as much as running it."""
