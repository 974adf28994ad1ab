"""The checkout page in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.stripe_sandbox import wording
from services.stripe_sandbox.billing.bank_debits import OF_CURRENCY
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.invoice_view import Total
from services.stripe_sandbox.resources import promotions
from services.stripe_sandbox.resources.account import ACCOUNT_NAME
from services.stripe_sandbox.resources.checkout_lines import line_amount
from services.stripe_sandbox.resources.checkout_sessions import has_trial
from services.stripe_sandbox.world import World


@dataclass(frozen=True, slots=True)
class Item:
    """One thing bought."""

    name: str
    note: str
    amount: str


@dataclass(frozen=True, slots=True)
class CheckoutView:
    """The page in words."""

    title: str
    amount: str
    per: str
    terms: str
    items: tuple[Item, ...]
    sums: tuple[Total, ...]
    promotion_code: str
    promotion_says: str
    takes_codes: bool
    email_is_fixed: bool
    asks_for_payment: bool
    bank_debit: bool
    asks_for_address: bool
    takes_tax_ids: bool
    button: str
    small_print: str
    cancel_url: str


def view_session(world: World, session: Document) -> CheckoutView:
    """Word a session for its page."""
    currency, mode = session["currency"], session["mode"]
    lines = session["_lines"]
    recurring = [line for line in lines if line["price"]["type"] == "recurring"]
    per = wording.interval(recurring[0]["price"]["recurring"]) if recurring else ""
    chosen = session["discounts"][0] if session["discounts"] else {}
    coupon = promotions.coupon_of(world, chosen)
    promotion = world.store.find("promotion_code", chosen.get("promotion_code") or "")
    trial, total = has_trial(session), session["amount_total"] or 0
    asks = mode == "setup" or total > 0 or session["payment_method_collection"] == "always"
    takes_codes = bool(session["allow_promotion_codes"]) and mode != "setup"
    return CheckoutView(
        title=_title(session),
        amount=_headline(session, recurring, currency),
        per=per if len(recurring) == len(lines) and not trial and not session["discounts"] else "",
        terms=_terms(session, recurring, currency, per),
        items=tuple(_item(line, currency) for line in lines),
        sums=tuple(_sums(session, currency, coupon, trial=trial)),
        promotion_code=(promotion["code"] if promotion else "Discount") if coupon and takes_codes else "",
        promotion_says=promotions.worded(coupon) if coupon else "",
        takes_codes=takes_codes,
        email_is_fixed=email_is_fixed(session),
        asks_for_payment=asks,
        bank_debit=asks and mode != "setup" and not trial and _takes_bank_debits(session),
        asks_for_address=session["billing_address_collection"] == "required",
        takes_tax_ids=bool(session["tax_id_collection"]["enabled"]),
        button=_button(session, trial=trial),
        small_print=_small_print(session, recurring, trial=trial),
        cancel_url=session["cancel_url"] or "",
    )


def known_email(session: Document) -> str:
    """The e-mail that the shop gave, or nothing."""
    return str((session["customer_details"] or {}).get("email") or "")


def email_is_fixed(session: Document) -> bool:
    """Whether the person cannot give another."""
    return bool(known_email(session))


def _takes_bank_debits(session: Document) -> bool:
    return OF_CURRENCY.get(session["currency"]) in session["payment_method_types"]


def _title(session: Document) -> str:
    lines = session["_lines"]
    if session["mode"] == "setup":
        return "Save a payment method"
    if len(lines) > 1:
        return f"Pay {ACCOUNT_NAME}"
    verb = "Subscribe to" if session["mode"] == "subscription" else "Pay for"
    return f"{'Try' if has_trial(session) else verb} {lines[0]['description']}"


def _headline(session: Document, recurring: list[Document], currency: str) -> str:
    if session["mode"] == "setup":
        return ""
    given = session["_given"].get("subscription_data", {})
    if given.get("trial_period_days"):
        days = given["trial_period_days"]
        return f"{days} day{'s' if days != 1 else ''} free"
    if given.get("trial_end"):
        return f"Free until {wording.day(given['trial_end'])}"
    return wording.money(session["amount_total"], currency)


def _terms(session: Document, recurring: list[Document], currency: str, per: str) -> str:
    if not recurring:
        return ""
    each = wording.money(sum(line_amount(line) for line in recurring), currency)
    is_metered = any((line["price"]["recurring"] or {}).get("usage_type") == "metered" for line in recurring)
    usage = ", and what is used" if is_metered else ""
    if has_trial(session):
        return f"Then {each} {per}{usage}, unless cancelled before."
    once = [line for line in session["_lines"] if line["price"]["type"] != "recurring"]
    if once or session["discounts"] or is_metered:
        later = ", before any discount that goes on" if session["discounts"] else ""
        return f"Then {each} {per}{usage}{later}."
    return ""


def _item(line: Document, currency: str) -> Item:
    price, quantity = line["price"], line["quantity"]
    notes = []
    if quantity is None:
        notes.append("Billed by use")
    elif quantity != 1:
        unit = wording.unit_price(price["unit_amount_decimal"], currency) if price["unit_amount_decimal"] else None
        notes.append(f"{wording.number(quantity)} × {unit}" if unit else f"Quantity {wording.number(quantity)}")
    if price["recurring"]:
        notes.append(f"Billed {wording.interval(price['recurring'])}")
    amount = wording.money(line_amount(line), currency)
    return Item(line["description"] or "Item", " · ".join(notes), "by use" if quantity is None else amount)


def _sums(session: Document, currency: str, coupon: Mapping[str, Any] | None, *, trial: bool) -> list[Total]:
    if session["mode"] == "setup":
        return []
    details = session["total_details"]
    rows = [Total("Subtotal", wording.money(session["amount_subtotal"], currency))] if not trial else []
    if details["amount_discount"] and coupon:
        off = wording.money(-details["amount_discount"], currency)
        rows.append(Total(f"Discount ({promotions.worded(coupon)})", off))
    if details["amount_tax"]:
        rows.append(Total("Tax", wording.money(details["amount_tax"], currency)))
    return [*rows, Total("Due today", wording.money(session["amount_total"], currency), strong=True)]


def _button(session: Document, *, trial: bool) -> str:
    if session["mode"] == "setup":
        return "Save"
    if trial:
        return "Start trial"
    if session["mode"] == "subscription":
        return "Subscribe"
    return f"Pay {wording.money(session['amount_total'], session['currency'])}"


def _small_print(session: Document, recurring: list[Document], *, trial: bool) -> str:
    text = (session["custom_text"]["submit"] or {}).get("message")
    if text:
        return str(text)
    if not recurring:
        return ""
    start = "when the trial ends and " if trial else ""
    return f"{ACCOUNT_NAME} charges this payment method {start}at each renewal, until you cancel."
