"""Packs of credits: what is sold, what was bought, and what is bought by itself."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from app.api.schemas.values import Body, Code, Id, MoneyShown, Quantity, Shown, major
from models import AutoTopUp, CreditPurchase, Invoice
from models.credit_purchase import PACKS_MAX
from services.price_books.plans import TopUp
from services.rules.quantities import plain, plain_micro
from services.top_ups.automatic import MONTH_COUNT_MAX
from services.top_ups.buying import Quote

Credits = Annotated[str, Field(pattern=r"^[0-9]{1,13}(\.[0-9]{1,6})?$", max_length=20)]
Amount = Annotated[str, Field(pattern=r"^[0-9]{1,13}(\.[0-9]{1,4})?$", max_length=20)]


class PackShown(Shown):
    """A pack that is sold beside the plan."""

    code: str
    name: str
    pool: str
    credits: Quantity
    price: str = Field(examples=["450.00"])
    expires_after_days: int | None

    @classmethod
    def of(cls, pack: TopUp) -> Self:
        return cls(
            code=pack.code,
            name=pack.name,
            pool=pack.pool,
            credits=plain(pack.credits),
            price=plain(pack.price),
            expires_after_days=pack.expires_after_days,
        )


class TopUpBody(Body):
    """Packs to buy. With `preview` nothing is bought: the answer says what it would cost."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; if sent, it must match.")
    subscription_id: Id | None = Field(default=None, description="The main or only one, if left out.")
    pack: Code = Field(examples=["credits-250k"])
    quantity: Annotated[int, Field(strict=True, ge=1, le=PACKS_MAX)] = 1
    preview: bool = False


class TopUpShown(Shown):
    """A purchase, or with `purchase_id` null what one would be. The credits are there once `status` is `granted`."""

    purchase_id: str | None
    status: str = Field(description="`preview`, `pending` until it is paid, `granted`, or `canceled`.")
    subscription_id: str
    pack: str
    quantity: int
    pool: str
    credits: Quantity
    is_automatic: bool
    is_granted_at_once: bool | None = Field(description="In a preview: whether they are there before they are paid.")
    subtotal: str = Field(examples=["450.00"])
    tax: str
    total: str
    total_amount: MoneyShown
    invoice_id: str | None
    pay_url: str | None = Field(description="Where to pay, once there is such a page.")
    lot_id: str | None
    bought_at: datetime | None

    @classmethod
    def of_quote(cls, quote: Quote) -> Self:
        invoice = quote.document.invoice
        return cls(
            purchase_id=None,
            status="preview",
            subscription_id=invoice.subscription_id,
            pack=quote.pack.code,
            quantity=quote.quantity,
            pool=quote.pack.pool,
            credits=plain_micro(quote.credits_micro),
            is_automatic=False,
            is_granted_at_once=quote.is_granted_at_once,
            **_amounts_of(invoice),
            invoice_id=None,
            pay_url=None,
            lot_id=None,
            bought_at=None,
        )

    @classmethod
    def of(cls, purchase: CreditPurchase, invoice: Invoice) -> Self:
        return cls(
            purchase_id=purchase.id,
            status=purchase.status.value,
            subscription_id=purchase.subscription_id,
            pack=purchase.pack,
            quantity=purchase.quantity,
            pool=purchase.pool,
            credits=plain_micro(purchase.credits_micro),
            is_automatic=purchase.is_automatic,
            is_granted_at_once=None,
            **_amounts_of(invoice),
            invoice_id=purchase.invoice_id,
            pay_url=invoice.stripe_hosted_url,
            lot_id=purchase.grant_id,
            bought_at=purchase.bought_at,
        )


class TopUpsShown(Shown):
    """The packs that are sold with the plan, and what was bought so far, newest first."""

    packs: list[PackShown]
    purchases: list[TopUpShown]
    next_cursor: str | None


class AutoTopUpBody(Body):
    """Buy a pack whenever less than `threshold` credits are left, within the limits of a calendar month."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; if sent, it must match.")
    subscription_id: Id | None = Field(default=None, description="The main or only one, if left out.")
    pack: Code = Field(examples=["credits-250k"])
    quantity: Annotated[int, Field(strict=True, ge=1, le=PACKS_MAX)] = 1
    threshold: Credits = Field(examples=["50000"])
    month_count_max: Annotated[int, Field(strict=True, ge=1, le=MONTH_COUNT_MAX)]
    month_amount_max: Amount = Field(description="Major units of the customer's currency.", examples=["1000.00"])


class AutoTopUpShown(Shown):
    """`off_reason` is why we turned it off; it rests until `rests_until` where a limit of the month is reached."""

    subscription_id: str
    pool: str
    is_on: bool
    off_reason: str | None
    pack: str
    quantity: int
    threshold: Quantity
    month_count_max: int
    month_amount_max: str
    is_due: bool
    rests_until: datetime | None
    updated_at: datetime
    updated_by: str

    @classmethod
    def of(cls, order: AutoTopUp, currency: str) -> Self:
        return cls(
            subscription_id=order.subscription_id,
            pool=order.pool,
            is_on=order.is_on,
            off_reason=order.off_reason,
            pack=order.pack,
            quantity=order.quantity,
            threshold=plain_micro(order.threshold_micro),
            month_count_max=order.month_count_max,
            month_amount_max=major(order.month_minor_max, currency),
            is_due=order.due_at is not None,
            rests_until=order.rests_until,
            updated_at=order.updated_at,
            updated_by=order.updated_by,
        )


class AutoTopUpsShown(Shown):
    auto_top_ups: list[AutoTopUpShown]


def _amounts_of(invoice: Invoice) -> dict[str, object]:
    return {
        "subtotal": major(invoice.subtotal_minor, invoice.currency),
        "tax": major(invoice.tax_minor, invoice.currency),
        "total": major(invoice.total_minor, invoice.currency),
        "total_amount": MoneyShown.of(invoice.total_minor, invoice.currency),
    }
