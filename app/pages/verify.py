"""Verify: how to check any bill without us, what is needed for it, and where the customer's log stands."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.badges import badge
from app.components.bill_proof import NEW_TAB
from app.components.cards import key_values, section_card
from app.components.copyable import copy_button, verbatim
from app.components.forms import button_link
from app.components.layout import link, main_and_side, page_header, row, served_link, stack
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.working import SMALL
from app.pages.document_check import DocumentCheck, document_check_card
from app.pages.frame import open_page, page_body
from app.routes import BY_NAME, VERIFIER_HREF, proof_href
from app.session import answers_refusals
from services.receipts import log_views
from services.receipts.log_views import EMPTY_LOG, JWKS_PATH, LogView

STEPS = {
    "listStyle": "decimal",
    "paddingLeft": "1.25rem",
    "display": "flex",
    "flexDirection": "column",
    "gap": "var(--space-4)",
}
CODE = {"overflowWrap": "anywhere", **SMALL}


class VerifyPage(rx.State):
    """The log as it stands, already worded by the service."""

    shell: ShellView = ShellView()
    view: LogView = EMPTY_LOG
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        self.view = await unit_of_work.read(
            log_views.read_log_view, tenant_id=str(member.tenant_id), at=unit_of_work.now()
        )
        self.loaded = True


ON_LOAD = [VerifyPage.load, DocumentCheck.load]


def page() -> rx.Component:
    """The steps, and beside them what to keep."""
    view: Any = VerifyPage.view
    return page_body("verify", VerifyPage, rx.cond(view.has_log, _log(view), _empty()), skeleton=_skeleton())


def _log(view: Any) -> rx.Component:
    return rx.fragment(
        page_header("Verify", rx.fragment(view.state)),
        main_and_side(
            stack(_steps(view), document_check_card(), _command(view)), stack(_checkpoint(view), _keys(view))
        ),
    )


def _steps(view: Any) -> rx.Component:
    latest = rx.cond(
        view.invoice_id != "",
        _download(rx.fragment("Download the proof of ", view.invoice_number), proof_href(view.invoice_id), **NEW_TAB),
        rx.fragment(),
    )
    return section_card(
        "Check a bill in under 90 seconds",
        rx.el.ol(
            _step(
                "Download the proof",
                rx.fragment(
                    "It is on every ",
                    link("invoice", href=BY_NAME["invoices"].href),
                    ": one file with each record of use the bill sums, the prices, and our signatures.",
                ),
                latest,
            ),
            _step(
                "Open the verifier and drop the file on it",
                "It adds the records up again, rates them with your plan and compares the result with the invoice, "
                "line by line. It works without a network and sends nothing anywhere; save the page to keep it.",
                served_link(
                    rx.icon("shield_check", size=16, aria_hidden="true"),
                    "Open the verifier",
                    href=VERIFIER_HREF,
                    target="_blank",
                    rel="noopener",
                    class_name="button button-primary",
                ),
            ),
            _step(
                "Add our keys and a checkpoint you kept",
                "The keys confirm that we signed it. The checkpoint confirms that nothing was rewritten since you kept "
                "it. Without them the verifier still finds every wrong sum, and says that who signed is not confirmed.",
            ),
            style=STEPS,
        ),
        description="Every record of use and every invoice is a receipt in a log that can only grow. You can check it "
        "without asking us.",
    )


def _step(name: str, words: Any, *actions: rx.Component) -> rx.Component:
    return rx.el.li(
        rx.el.p(name, style={"fontWeight": "600"}),
        rx.el.p(words, class_name="muted", style={"textWrap": "pretty"}),
        rx.el.div(row(*actions), style={"marginTop": "var(--space-2)"}) if actions else rx.fragment(),
    )


def _download(name: Any, href: Any, **props: Any) -> rx.Component:
    icon = rx.icon("download", size=16, aria_hidden="true")
    return served_link(icon, name, href=href, class_name="button button-secondary", **props)


def _command(view: Any) -> rx.Component:
    return section_card(
        "On the command line",
        verbatim(view.command),
        rx.el.p(
            "It answers 0 where all is well, 1 with the first receipt that is wrong, and 2 where something is missing.",
            class_name="muted",
            style=SMALL | {"marginTop": "var(--space-2)"},
        ),
        description="The same checks for scripts and for files of any size.",
        action=copy_button(view.command, what="the command"),
    )


def _checkpoint(view: Any) -> rx.Component:
    facts = key_values(
        [
            ("Receipts", view.size),
            ("Signed", view.signed_at),
            ("Key", rx.el.code(view.kid, style=CODE)),
            ("Log", rx.el.code(view.origin, style=CODE)),
        ]
    )
    return section_card(
        "Your checkpoint",
        facts,
        rx.el.div(
            row(
                _download("Download", view.checkpoint_path, download="checkpoint.txt"),
                copy_button(view.checkpoint, what="the checkpoint"),
            ),
            style={"marginTop": "var(--space-4)"},
        ),
        description="Keep this: any later log must contain it. If a receipt were changed, dropped or slipped in, this "
        "would not fit any more.",
    )


def _keys(view: Any) -> rx.Component:
    return section_card(
        "Our keys",
        rx.el.ul(
            rx.foreach(view.signing_keys, _key),
            class_name="stack",
            style={"listStyle": "none", "gap": "var(--space-3)"},
        ),
        rx.el.p(view.keys_more, class_name="muted", style=SMALL),
        rx.el.div(
            row(
                _download("Download", JWKS_PATH, download="jwks.json"),
                copy_button(view.keys_address, what="the address of the keys"),
            ),
            style={"marginTop": "var(--space-4)"},
        ),
        description=rx.fragment("Published at ", rx.el.code(view.keys_address, style=CODE)),
    )


def _key(key: Any) -> rx.Component:
    active = rx.cond(key.is_active, rx.fragment(" ", badge("Signs now", "good")), rx.fragment())
    return rx.el.li(
        rx.el.code(key.kid, style=CODE),
        rx.el.p(key.signed, active, class_name="muted", style=SMALL),
    )


def _empty() -> rx.Component:
    return rx.fragment(
        page_header("Verify"),
        rx.el.div(
            empty_state(
                "Your log has not begun",
                "It begins with your first invoice or the first use you report. From then on every charge can be "
                "checked here, also without us.",
                icon="shield_check",
                action=button_link("Compare plans", href=BY_NAME["plans"].href, kind="primary"),
            ),
            class_name="card",
        ),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("8rem", "1.75rem"), skeleton_line("20rem"), class_name="stack skeleton-head"),
        main_and_side(stack(skeleton_card(12), skeleton_card(4)), stack(skeleton_card(6), skeleton_card(6))),
    )
