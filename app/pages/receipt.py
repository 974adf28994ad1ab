"""One receipt: what it attests, whether it checks out, and the bytes themselves for whoever wants them."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.badges import badge
from app.components.cards import notice, section_card
from app.components.copyable import copyable
from app.components.forms import button_link
from app.components.layout import link, main_and_side, page_header, served_link, stack
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.working import SMALL, fact_list, opened_by
from app.pages.frame import open_page, page_body
from app.routes import BY_NAME, invoice_href, receipt_href, receipt_proof_href
from app.session import answers_refusals
from services.errors import NotFound
from services.receipts import views as receipt_views
from services.receipts.views import EMPTY_RECEIPT, ReceiptView

SAYS = {"fontSize": "var(--text-md)", "lineHeight": "1.55", "textWrap": "pretty", "overflowWrap": "anywhere"}
LIST = {"listStyle": "none", "gap": "var(--space-3)"}


class ReceiptPage(rx.State):
    """The receipt named in the address, in the log of the customer who is looked at."""

    shell: ShellView = ShellView()
    view: ReceiptView = EMPTY_RECEIPT
    loaded: bool = False
    missing: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        wanted = str(self.rx_router_page.params.get("seq", ""))
        if self.view.seq != wanted:
            self.view, self.loaded, self.missing = EMPTY_RECEIPT, False, False
        try:
            self.view = await unit_of_work.read(
                receipt_views.read_receipt_view, tenant_id=str(member.tenant_id), seq_text=wanted
            )
        except NotFound:
            self.view, self.missing = EMPTY_RECEIPT, True
        self.loaded = True


ON_LOAD = [ReceiptPage.load]


def page() -> rx.Component:
    """The receipt, or that there is none of this number."""
    view: Any = ReceiptPage.view
    shown = rx.cond(ReceiptPage.missing, _missing(), _receipt(view))
    return page_body("receipt", ReceiptPage, shown, skeleton=_skeleton())


def _receipt(view: Any) -> rx.Component:
    return rx.fragment(
        page_header(
            view.title,
            rx.el.span(rx.cond(view.written != "", view.written, ""), badge(view.kind), class_name="key-entry"),
            _beside(view.previous, "Previous", "chevron_left"),
            _beside(view.following, "Next", "chevron_right"),
        ),
        main_and_side(
            stack(_attested(view), rx.cond(view.hash != "", _details(view), rx.fragment())),
            stack(_standing(view), rx.cond(view.related, _related(view), rx.fragment())),
        ),
    )


def _beside(seq: Any, name: str, icon: str) -> rx.Component:
    return rx.cond(seq != "", button_link(name, href=receipt_href(seq), icon=icon), rx.fragment())


def _attested(view: Any) -> rx.Component:
    return section_card(
        "What it attests",
        rx.el.p(view.sentence, style=SAYS),
        rx.cond(
            view.facts,
            rx.el.div(fact_list(view.facts), style={"marginTop": "var(--space-5)"}),
            rx.fragment(),
        ),
    )


def _standing(view: Any) -> rx.Component:
    verdict = rx.cond(view.is_sound, notice("good", view.verdict), notice("bad", view.verdict))
    return section_card(
        "Checked just now",
        verdict,
        rx.el.ul(rx.foreach(view.checks, _check), class_name="stack", style=LIST | {"marginTop": "var(--space-4)"}),
        rx.cond(view.hash != "", _take_along(view), rx.fragment()),
    )


def _check(check: Any) -> rx.Component:
    icon = rx.cond(
        check.is_good,
        rx.icon("circle_check", size=18, aria_label="holds", style={"color": "var(--c-good)"}),
        rx.icon("circle_x", size=18, aria_label="does not hold", style={"color": "var(--c-bad)"}),
    )
    return rx.el.li(
        icon,
        rx.el.div(
            rx.el.p(check.name, style={"fontWeight": "500", "lineHeight": "1.3"}),
            rx.el.p(check.words, class_name="muted", style=SMALL | {"overflowWrap": "anywhere"}),
            style={"minWidth": 0},
        ),
        style={"display": "flex", "gap": "var(--space-3)"},
    )


def _take_along(view: Any) -> rx.Component:
    """The same checks without us."""
    download = served_link(
        rx.icon("download", size=16, aria_hidden="true"),
        "Download its proof",
        href=receipt_proof_href(view.seq),
        class_name="button button-secondary",
    )
    return rx.el.div(
        rx.el.p(
            "You need not take our word: check the file ",
            link("on the verifier", href=BY_NAME["verify"].href),
            ", without a network.",
            class_name="muted",
            style=SMALL,
        ),
        rx.el.div(download),
        class_name="stack",
        style={"gap": "var(--space-3)", "marginTop": "var(--space-5)"},
    )


def _related(view: Any) -> rx.Component:
    return section_card(
        "Related",
        rx.el.ul(rx.foreach(view.related, _related_one), class_name="stack", style=LIST),
    )


def _related_one(one: Any) -> rx.Component:
    to_receipt, to_invoice = link(one.label, href=receipt_href(one.id)), link(one.label, href=invoice_href(one.id))
    return rx.el.li(rx.cond(one.kind == "invoice", to_invoice, to_receipt))


def _details(view: Any) -> rx.Component:
    too_long = rx.el.p(f"These are {view.size}, too many to show here; download the proof, which holds them.")
    own = rx.cond(
        view.own_signature != "",
        copyable("Its own signature (Ed25519, base64)", view.own_signature),
        rx.fragment(),
    )
    parts = rx.el.div(
        rx.cond(
            view.document != "",
            copyable("The receipt, byte for byte (canonical JSON)", view.document),
            too_long,
        ),
        copyable("Its hash: SHA-256 of a zero byte and the bytes above", view.hash),
        rx.cond(
            view.proof != "",
            copyable("The hashes that lead from it to the root", view.proof),
            rx.fragment(),
        ),
        copyable("The signed checkpoint of the log", view.checkpoint),
        own,
        class_name="stack",
        style={"gap": "var(--space-5)"},
    )
    return rx.el.section(opened_by(rx.el.h2("The bytes"), parts), class_name="card", style={"overflow": "hidden"})


def _missing() -> rx.Component:
    return rx.fragment(
        page_header("Receipt"),
        rx.el.div(
            empty_state(
                "There is no such receipt",
                "Your log has none of this number: the address may be mistyped, or meant for another account.",
                icon="file_search",
                action=button_link("See your log", href=BY_NAME["verify"].href, kind="primary"),
            ),
            class_name="card",
        ),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("12rem", "1.75rem"), skeleton_line("14rem"), class_name="stack skeleton-head"),
        main_and_side(skeleton_card(9), stack(skeleton_card(9), skeleton_card(3))),
    )
