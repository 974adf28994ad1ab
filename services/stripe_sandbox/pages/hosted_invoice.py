"""The invoice as its customer reads it, pays it with a card, and keeps it as a PDF."""

from typing import Final

from services.stripe_sandbox.billing.cards import new_card
from services.stripe_sandbox.billing.payments import pay_invoice
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import CardDeclined, StripeError
from services.stripe_sandbox.invoice_pdf import invoice_pdf
from services.stripe_sandbox.invoice_view import InvoiceView, view_invoice
from services.stripe_sandbox.pages.cards import CARDS_THAT_PAY_NOW, Form, fill_in, form_of, read_card
from services.stripe_sandbox.pages.visit import Answer, Message, Notice, Page, Stop, Visit
from services.stripe_sandbox.resources.account import ACCOUNT_NAME
from services.stripe_sandbox.world import World

PATH: Final = "/pay/{secret}"
"""What `finalization.py` writes into `hosted_invoice_url`."""

NEEDS_ACTION: Final = "invoice_payment_intent_requires_action"
NOTHING_TO_PAY: Final = {
    "paid": "This invoice is paid",
    "void": "This invoice is void",
    "uncollectible": "This invoice is closed",
    "draft": "This invoice is a draft",
}
MISSING: Final = Message("There is no such invoice", "Its address is wrong, or the sandbox was emptied since.", "?")


def show(visit: Visit) -> Answer:
    """The invoice, with a card form while it is open."""
    return _shown(visit, _invoice(visit), Form())


def act(visit: Visit) -> Answer:
    """Pay with the card that was typed."""
    invoice, action = _invoice(visit), visit.given.get("action", "")
    form = form_of(visit.given)
    if invoice["status"] != "open":
        return visit.go(visit.path)
    if action.startswith("fill:"):
        fill_in(form, action.removeprefix("fill:"), now=visit.world.now())
        return _shown(visit, invoice, form)
    asked = _intent_asking(visit.world, invoice)
    if action == "fail_authentication" and asked is not None:
        return _give_up_authentication(visit, asked)
    if action == "authenticate" and asked is not None:
        return _pay(visit, invoice, asked["payment_method"], form, authenticated=True)
    card = read_card(form, now=visit.world.now())
    if card is None:
        return _shown(visit, invoice, form, 422)
    details = {"name": card.name, "email": invoice["customer_email"]}
    method = new_card(visit.world, card.number, card.expires_month, card.expires_year, billing_details=details)
    return _pay(visit, invoice, method["id"], form)


def pdf(visit: Visit) -> Answer:
    """The invoice as a PDF. It is set without holding the sandbox."""
    with visit.world.lock:
        try:
            invoice = _invoice(visit)
        except Stop as stop:
            return visit.message(stop.message, stop.status)
        view = _view(visit.world, invoice)
    name = "".join(letter for letter in view.number or invoice["id"] if letter.isalnum() or letter in "-_")
    country = (invoice["customer_address"] or {}).get("country")
    body = invoice_pdf(view, created_at=invoice["created"], country=country)
    headers = {"Content-Disposition": f'attachment; filename="Invoice-{name}.pdf"'}
    return Answer(body, media_type="application/pdf", headers=headers)


def _invoice(visit: Visit) -> Document:
    found = visit.world.store.where("invoice", _secret=visit.ids["secret"])
    if not found:
        raise Stop(MISSING)
    return found[0]


def _view(world: World, invoice: Document) -> InvoiceView:
    lines = world.store.where("line_item", invoice=invoice["id"])
    return view_invoice(invoice, lines, seller=ACCOUNT_NAME, now=world.now())


def _intent_asking(world: World, invoice: Document) -> Document | None:
    """The payment that waits for the person to confirm it with the bank."""
    for payment in world.store.where("invoice_payment", invoice=invoice["id"]):
        intent = world.store.find("payment_intent", payment["payment"].get("payment_intent") or "")
        if intent is not None and intent["status"] == "requires_action":
            return intent
    return None


def _shown(visit: Visit, invoice: Document, form: Form, status: int = 200) -> Answer:
    view = _view(visit.world, invoice)
    is_paid = visit.query.get("said") == "paid" and invoice["status"] == "paid"
    return visit.page(
        "invoice.html",
        status=status,
        view=view,
        form=form,
        test_cards=CARDS_THAT_PAY_NOW,
        needs_action=_intent_asking(visit.world, invoice) is not None,
        nothing_to_pay=NOTHING_TO_PAY.get(invoice["status"], "Nothing is owed"),
        said=Notice("Thank you: the invoice is paid.") if is_paid else None,
        seller=view.seller,
    )


def _pay(visit: Visit, invoice: Document, method: str, form: Form, *, authenticated: bool = False) -> Answer:
    try:
        pay_invoice(visit.world, invoice, payment_method=method, authenticated=authenticated)
    except CardDeclined as refusal:
        if refusal.code == NEEDS_ACTION:
            return visit.go(visit.path)
        form.declined = f"{refusal.message} Try another card."
        form.forget_card()
        return _shown(visit, _invoice(visit), form, refusal.status)
    except StripeError as refusal:
        visit.world.store.rollback()
        form.declined = refusal.message
        return _shown(visit, _invoice(visit), form, 422)
    return visit.go(f"{visit.path}?said=paid")


def _give_up_authentication(visit: Visit, intent: Document) -> Answer:
    message = (
        "We are unable to authenticate your payment method. Please choose a different payment method and try again."
    )
    error = {"code": "payment_intent_authentication_failure", "message": message, "type": "card_error"}
    changes = {"last_payment_error": error, "next_action": None, "status": "requires_payment_method"}
    visit.world.emit("payment_intent.payment_failed", visit.world.change("payment_intent", intent, changes))
    form = Form(declined="Your bank could not confirm that it was you. Try again, or use another card.")
    return _shown(visit, _invoice(visit), form, 402)


PAGES: Final[tuple[Page, ...]] = ((PATH, show, act),)
