"""Setting up Stripe: what the price books in force need there is found or made, and noted here.

Stripe is called outside transactions and each answer is kept at once, so that a set-up that was interrupted goes on
where it ended. Running it again changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, select

from models import CatalogKind, PriceBook
from services.contracts.agreements import plans_under_contract
from services.database import reading
from services.gateways.stripe.client import Stripe
from services.gateways.stripe.connection import delivery_address
from services.payments.stripe_catalog import noted_things, price_key
from services.payments.stripe_shelves import SettingUp, SetupStep
from services.payments.stripe_wanted import (
    intervals_sold,
    overage_key,
    pools_in_tiers,
    wanted_endpoint,
    wanted_link,
    wanted_overage,
    wanted_portal,
    wanted_price,
    wanted_product,
    wanted_taxes,
)
from services.price_books.books import Book, book_in_force
from services.price_books.plans import Plan
from services.settings import settings
from services.taxes.rates import added_tax_rates


@dataclass(frozen=True, slots=True)
class SetupReport:
    """What set-up did. `webhook_secret` only where an endpoint was just made: Stripe tells it once."""

    account: str
    is_dry_run: bool
    steps: tuple[SetupStep, ...]
    notes: tuple[str, ...]
    webhook_secret: str | None = field(default=None, repr=False)

    @property
    def has_changed_stripe(self) -> bool:
        """Whether anything there is not what it was."""
        return not self.is_dry_run and any(step.action not in {"unchanged", "found"} for step in self.steps)


def set_up(stripe: Stripe, *, at: datetime, book_code: str | None = None, dry_run: bool = False) -> SetupReport:
    """Bring Stripe to what the price books in force need, or one book. A dry run looks and changes nothing.

    It opens its own transactions. Raises UnknownPriceBook, ProviderRefused, ProviderUnavailable, and KeysUnavailable
    where the endpoint's secret could not be kept.
    """
    with reading() as session:
        books = [book_in_force(session, code=code) for code in _book_codes(session, book_code)]
        negotiated = [(book, plans_under_contract(session, book_code=book.code)) for book in books]
        noted = noted_things(session, account=stripe.account)
        added = added_tax_rates(session)
    work = SettingUp(stripe, at, dry_run, noted)
    work.look_up_prices(_price_keys(books) + [key for _, plans in negotiated for key in _base_keys(plans)])
    for book, plans in negotiated:
        _put_book(work, book, plans)
    for tax in wanted_taxes(at, added):
        work.put(tax)
    work.put(wanted_portal())
    _put_endpoint(work)
    return SetupReport(stripe.account, dry_run, tuple(work.steps), tuple(work.notes), work.webhook_secret)


def _book_codes(session: Session, code: str | None) -> list[str]:
    return [code] if code is not None else list(session.exec(select(PriceBook.code).order_by(PriceBook.code)))


def _price_keys(books: Iterable[Book]) -> list[str]:
    plans = [plan for book in books for plan in book.plans]
    return _base_keys(plans) + [overage_key(plan, pool) for plan in plans for pool in pools_in_tiers(plan)]


def _base_keys(plans: Iterable[Plan]) -> list[str]:
    return [price_key(plan, interval) for plan in plans for interval in intervals_sold(plan)]


def _put_book(work: "SettingUp", book: Book, negotiated: Iterable[Plan]) -> None:
    """The plans of a book, and the base fees that were agreed with single customers: those without a link to buy at."""
    products = {}
    for plan in book.plans:
        product_id = products[plan.code] = work.put(wanted_product(book, plan))
        for interval in intervals_sold(plan):
            price_id = work.put(wanted_price(plan, interval, product_id=product_id))
            work.put(wanted_link(plan, interval, price_id=price_id))
        for pool in pools_in_tiers(plan):
            work.put(wanted_overage(plan, pool, product_id=product_id))
    for plan in negotiated:
        if plan.code not in products:
            products[plan.code] = work.put(wanted_product(book, plan))
        for interval in intervals_sold(plan):
            work.put(wanted_price(plan, interval, product_id=products[plan.code]))


def _put_endpoint(work: "SettingUp") -> None:
    """The endpoint at our address, and none at an address that was ours before."""
    address = delivery_address(work.stripe.account)
    if address is None:
        work.notes.append(
            f"No webhook endpoint: Stripe cannot deliver to {settings().public_url}. Set TALLYSTICK_PUBLIC_URL to an "
            "https:// address that is reachable from the internet, or forward events with Stripe's own command line "
            "and set TALLYSTICK_STRIPE_WEBHOOK_SECRET to the secret it prints."
        )
        return
    endpoint = wanted_endpoint(address)
    work.put(endpoint)
    for noted in work.noted.values():
        if noted.kind == CatalogKind.WEBHOOK_ENDPOINT and noted.lookup_key != endpoint.key:
            work.remove(noted)
