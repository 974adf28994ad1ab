"""The checkout page: what is bought, a promotion code, who buys, and a test card or a bank debit."""

import re
from collections.abc import Mapping
from typing import Any, Final

from services.stripe_sandbox import wording
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import CardDeclined, StripeError
from services.stripe_sandbox.pages.cards import TEST_CARDS, Card, Form, fill_in, form_of, read_card
from services.stripe_sandbox.pages.checkout_view import CheckoutView, email_is_fixed, known_email, view_session
from services.stripe_sandbox.pages.choices import COUNTRIES, TAX_ID_TYPES, is_known_tax_id_type
from services.stripe_sandbox.pages.visit import Answer, Message, Page, Stop, Visit
from services.stripe_sandbox.resources import checkout_completion, promotions
from services.stripe_sandbox.resources.account import ACCOUNT_NAME
from services.stripe_sandbox.resources.checkout_completion import Buyer, PaidByBank, PaidByCard, Paying
from services.stripe_sandbox.resources.checkout_lines import line_amount
from services.stripe_sandbox.resources.checkout_sessions import SESSION, amounts
from services.stripe_sandbox.resources.payment_links import LINK
from services.stripe_sandbox.world import World

PATH: Final = "/c/pay/{session}"
SESSION_PLACEHOLDER: Final = "{CHECKOUT_SESSION_ID}"
EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}\.[^@\s.]{2,}")
ADDRESS: Final = ("country", "line1", "city", "postal_code", "state")
KEPT_FIELDS: Final = (
    *("email", "card_name", "method", "account_name", "business_name", "tax_id_type", "tax_id"),
    *ADDRESS,
)


def show(visit: Visit) -> Answer:
    """The page of a session: open, complete or expired."""
    session = _session(visit)
    if session["status"] != "open":
        return _closed(visit, session)
    if session.get("_paying"):
        return _ask_bank(visit, session)
    return _open(visit, session, Form({"email": known_email(session)}))


def act(visit: Visit) -> Answer:
    """What the person pressed."""
    session, action = _session(visit), visit.given.get("action", "")
    if session["status"] != "open":
        return _closed(visit, session)
    form = form_of(visit.given)
    if not form.text("email") or email_is_fixed(session):
        form.values["email"] = known_email(session)
    match action.partition(":"):
        case ("fill", _, number):
            fill_in(form, number, now=visit.world.now())
            return _open(visit, session, form)
        case ("apply_code", _, _):
            return _apply_code(visit, session, form)
        case ("remove_code", _, _):
            _set_discounts(visit.world, session, [])
            return visit.go(visit.path)
        case ("authenticate" | "fail_authentication", _, _):
            return _authenticated(visit, session, passed=action == "authenticate")
        case _:
            return _pay(visit, session, form)


def success_address(session: Mapping[str, Any]) -> str:
    """Where the person goes on to; nowhere from a payment link that says thank you itself."""
    return str(session["success_url"] or "").replace(SESSION_PLACEHOLDER, session["id"])


def _session(visit: Visit) -> Document:
    found = visit.world.store.find(SESSION, visit.ids["session"])
    if found is None:
        raise Stop(
            Message("There is no such checkout page", "Its address is wrong, or the sandbox was emptied since.", "?")
        )
    return found


def _closed(visit: Visit, session: Document) -> Answer:
    if session["status"] == "expired":
        back = session["cancel_url"] or ""
        message = Message(
            "This page has expired",
            "Nothing was paid. Go back and start again.",
            "!",
            "warn",
            link=back,
            link_label=f"Back to {ACCOUNT_NAME}",
        )
        return visit.message(message, 410)
    message = Message(
        "You're all done here",
        _thanks(visit.world, session),
        "✓",
        "good",
        link=success_address(session),
        link_label=f"Go on to {ACCOUNT_NAME}",
        is_main=True,
    )
    return visit.message(message)


def _thanks(world: World, session: Document) -> str:
    link = world.store.find(LINK, session["payment_link"] or "")
    said = ((link or {}).get("after_completion") or {}).get("hosted_confirmation") or {}
    return said.get("custom_message") or "This checkout is complete; nothing more is paid on this page."


def _open(visit: Visit, session: Document, form: Form, status: int = 200) -> Answer:
    return visit.page(
        "checkout.html",
        status=status,
        goes_to=(session["success_url"], session["cancel_url"]),
        view=view_session(visit.world, session),
        form=form,
        test_cards=TEST_CARDS,
        countries=COUNTRIES,
        tax_id_types=TAX_ID_TYPES,
    )


def _apply_code(visit: Visit, session: Document, form: Form) -> Answer:
    code = form.text("code")
    try:
        if not code or not session["allow_promotion_codes"]:
            raise promotions.CodeRefused("Enter a code." if not code else promotions.CODE_INVALID)
        chosen = promotions.code_for(
            visit.world,
            code,
            currency=session["currency"],
            subtotal=sum(line_amount(line) for line in session["_lines"]),
            customer=session["customer"],
        )
    except promotions.CodeRefused as refusal:
        form.code_problem = refusal.message
        return _open(visit, session, form, 422)
    _set_discounts(visit.world, session, [chosen])
    return visit.go(visit.path)


def _set_discounts(world: World, session: Document, discounts: list[Document]) -> None:
    if not session["allow_promotion_codes"]:
        return
    changed = {**session, "discounts": discounts}
    world.change(SESSION, session, {"discounts": discounts, **amounts(world, changed)})


def _pay(visit: Visit, session: Document, form: Form) -> Answer:
    view = view_session(visit.world, session)
    buyer = _read_buyer(session, view, form)
    card, paying = _read_payment(visit, view, form)
    if form.errors:
        return _open(visit, session, form, 422)
    if card is not None and card.asks_bank:
        pending = {"buyer": _kept(form), "card": [card.number, card.expires_month, card.expires_year]}
        visit.world.change(SESSION, session, {"_paying": pending})
        return visit.go(visit.path)
    return _complete(visit, session, form, buyer, paying)


def _complete(visit: Visit, session: Document, form: Form, buyer: Buyer, paying: Paying) -> Answer:
    store = visit.world.store
    store.commit()
    try:
        session = checkout_completion.complete(visit.world, session, buyer, paying)
    except CardDeclined as refusal:
        store.rollback()
        form.declined = f"{refusal.message} Try another card."
        form.forget_card()
        return _open(visit, session, form, 402)
    except StripeError as refusal:
        store.rollback()
        form.declined = refusal.message
        return _open(visit, session, form, 422)
    return visit.go(success_address(session) or visit.path)


def _authenticated(visit: Visit, session: Document, *, passed: bool) -> Answer:
    pending = session.get("_paying")
    if not pending:
        return visit.go(visit.path)
    session = visit.world.change(SESSION, session, {"_paying": None})
    form = Form(dict(pending["buyer"]))
    if not passed:
        form.declined = "Your bank could not confirm that it was you. Try again, or use another card."
        return _open(visit, session, form, 402)
    buyer = _read_buyer(session, view_session(visit.world, session), form)
    number, month, year = pending["card"]
    return _complete(visit, session, form, buyer, PaidByCard(number, month, year, is_authenticated=True))


def _ask_bank(visit: Visit, session: Document) -> Answer:
    amount = session["amount_total"]
    return visit.page(
        "authenticate.html",
        goes_to=(session["success_url"], session["cancel_url"]),
        card=f"the card ending in {session['_paying']['card'][0][-4:]}",
        amount=wording.money(amount, session["currency"]) if amount else "later invoices",
    )


def _read_buyer(session: Document, view: CheckoutView, form: Form) -> Buyer:
    email = known_email(session) if email_is_fixed(session) else form.text("email")
    if not email_is_fixed(session) and not EMAIL.fullmatch(email):
        form.errors["email"] = "Enter an e-mail address, such as ada@example.com."
    address = {
        name: form.text(name) for name in ("country", "line1", "city", "postal_code", "state") if form.text(name)
    }
    if view.asks_for_address:
        for name, worded in (("line1", "the address"), ("city", "the city"), ("postal_code", "the postal code")):
            if not form.text(name):
                form.errors[name] = f"Enter {worded}."
    kind, value = form.text("tax_id_type"), form.text("tax_id")
    if view.takes_tax_ids and value and not is_known_tax_id_type(kind):
        form.errors["tax_id_type"] = "Choose the kind of tax ID."
    return Buyer(
        email=email,
        name=form.text("card_name") or form.text("account_name") or None,
        business_name=(form.text("business_name") or None) if view.takes_tax_ids else None,
        address=address if view.asks_for_address else None,
        tax_id=(kind, value) if view.takes_tax_ids and value else None,
    )


def _read_payment(visit: Visit, view: CheckoutView, form: Form) -> tuple[Card | None, Paying]:
    if not view.asks_for_payment:
        return None, None
    if view.bank_debit and form.text("method") == "bank":
        if not form.text("account_name"):
            form.errors["account_name"] = "Enter the account holder's name."
        return None, PaidByBank(form.text("account_name"))
    card = read_card(form, now=visit.world.now())
    return card, PaidByCard(card.number, card.expires_month, card.expires_year) if card else None


def _kept(form: Form) -> dict[str, str]:
    return {name: form.text(name) for name in KEPT_FIELDS if form.text(name)}


PAGES: Final[tuple[Page, ...]] = ((PATH, show, act),)
