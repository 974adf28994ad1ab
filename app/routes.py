"""Every page address in one table: navigation, titles and registration all read it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Audience(StrEnum):
    """Who may open a page. The page's own handlers enforce it; this decides what navigation offers."""

    SIGNED_OUT = "signed_out"
    MEMBER = "member"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Route:
    """One page: where it is, what the browser tab and the navigation call it, and whom it is for."""

    name: str
    path: str
    title: str
    label: str
    icon: str
    audience: Audience
    parent: str = ""
    """The route whose navigation entry is highlighted for a page that has none of its own."""

    is_tab: bool = True
    """Whether it is among the few at the bottom of a phone; the others are in the menu there."""

    @property
    def href(self) -> str:
        """The address for links: it ends in a slash, so that the static server need not redirect."""
        return self.path if self.path.endswith("/") else f"{self.path}/"


ROUTES: Final = (
    Route("sign_in", "/sign-in", "Sign in", "Sign in", "log_in", Audience.SIGNED_OUT),
    Route("overview", "/", "Overview", "Overview", "layout_dashboard", Audience.MEMBER),
    Route("plans", "/plans", "Plans", "Plans", "layers", Audience.MEMBER),
    Route("checkout", "/checkout/[checkout_id]", "Checkout", "", "", Audience.MEMBER, parent="plans"),
    Route("usage", "/usage", "Usage", "Usage", "chart_column", Audience.MEMBER),
    Route("credits", "/credits", "Credits", "Credits", "coins", Audience.MEMBER),
    Route("invoices", "/invoices", "Invoices", "Invoices", "receipt_text", Audience.MEMBER),
    Route("invoice", "/invoices/[invoice_id]", "Invoice", "", "", Audience.MEMBER, parent="invoices"),
    Route("billing_details", "/billing-details", "Billing details", "", "", Audience.MEMBER, parent="invoices"),
    Route("exports", "/exports", "Exports", "", "", Audience.MEMBER, parent="invoices"),
    Route("verify", "/verification", "Verify", "Verify", "shield_check", Audience.MEMBER, is_tab=False),
    Route("receipt", "/receipts/[seq]", "Receipt", "", "", Audience.MEMBER, parent="verify"),
    Route("gain_share", "/gain-share", "Gain-share", "Gain-share", "trending_up", Audience.MEMBER),
    Route("gain_share_run", "/gain-share/[run_id]", "Gain-share run", "", "", Audience.MEMBER, parent="gain_share"),
    Route("baseline", "/gain-share/baselines/[baseline_id]", "Baseline", "", "", Audience.MEMBER, parent="gain_share"),
    Route(
        "webhook_endpoints",
        "/developers/webhooks",
        "Webhooks",
        "Webhooks",
        "webhook",
        Audience.MEMBER,
        is_tab=False,
    ),
    Route("api_keys", "/developers/keys", "API keys", "API keys", "key_round", Audience.MEMBER, is_tab=False),
    Route("notifications", "/notifications", "Notifications", "", "bell", Audience.MEMBER),
    Route("admin", "/admin", "Customers", "Customers", "building_2", Audience.OPERATOR),
    Route("contracts", "/admin/contracts/[tenant_id]", "Contracts", "", "", Audience.OPERATOR, parent="admin"),
    Route(
        "gain_share_queue",
        "/admin/gain-share",
        "Gain-share queue",
        "Gain-share queue",
        "handshake",
        Audience.OPERATOR,
    ),
    *(
        Route(name, f"/admin/gain-share/{path}", title, "", "", Audience.OPERATOR, parent="gain_share_queue")
        for name, path, title in (
            ("gain_share_desk", "customer", "Gain-share of a customer"),
            ("gain_share_months", "measurements", "Measurements"),
            ("gain_share_log", "log", "Maintenance log"),
            ("gain_share_new", "new-run", "New run"),
            ("gain_share_answer", "runs/[run_id]", "Gain-share run"),
            ("baseline_desk", "baselines/[baseline_id]", "Baseline"),
        )
    ),
    Route("credit_gifts", "/admin/credits", "Given credits", "Given credits", "gift", Audience.OPERATOR),
    Route("seller", "/admin/seller", "Seller and taxes", "Seller and taxes", "stamp", Audience.OPERATOR),
    Route("adjustments", "/admin/adjustments/[tenant_id]", "Adjustments", "", "", Audience.OPERATOR, parent="admin"),
    Route("reconciliation", "/admin/reconciliation", "Reconciliation", "Reconciliation", "scale", Audience.OPERATOR),
    Route("webhooks", "/admin/webhooks", "Events from Stripe", "Events from Stripe", "inbox", Audience.OPERATOR),
    Route("clock", "/admin/clock", "Test clock", "Test clock", "clock", Audience.OPERATOR),
    Route("jobs", "/admin/jobs", "Jobs", "Jobs", "list_checks", Audience.OPERATOR),
    Route("calls", "/admin/calls", "Calls to Stripe", "Calls to Stripe", "send", Audience.OPERATOR),
    Route("mail", "/admin/mail", "Mail", "Mail", "mail", Audience.OPERATOR),
    Route("desk_notifications", "/admin/notifications", "Notifications", "", "bell", Audience.OPERATOR),
)
BY_NAME: Final = {route.name: route for route in ROUTES}

CREDITS_CSV_HREF: Final = "/session/credits.csv"
"""Where a browser downloads every change of the credits."""

VERIFIER_HREF: Final = "/verify.html"
"""The offline verifier: a static page of its own, not one of the portal's."""


def navigation(audience: Audience) -> tuple[Route, ...]:
    """The entries navigation shows to one audience, in the order of the table."""
    return tuple(route for route in ROUTES if route.audience is audience and route.label)


def invoice_href(invoice_id: object) -> object:
    """The address of one invoice; works with a plain id and with a Var."""
    return BY_NAME["invoices"].href + invoice_id + "/"  # type: ignore[operator]


def contracts_href(tenant_id: object) -> object:
    """The address of a customer's contracts; works with a plain id and with a Var."""
    return "/admin/contracts/" + tenant_id + "/"  # type: ignore[operator]


def adjustments_href(tenant_id: object) -> object:
    """The address of a customer's adjustments and credit; works with a plain id and with a Var."""
    return "/admin/adjustments/" + tenant_id + "/"  # type: ignore[operator]


def run_answer_href(run_id: object) -> object:
    """The address of a customer's gain-share run on our own side; works with a plain id and with a Var."""
    return "/admin/gain-share/runs/" + run_id + "/"  # type: ignore[operator]


def receipt_href(seq: object) -> object:
    """The address of one receipt, by its number in the log of whoever is signed in; for plain text and for a Var."""
    return "/receipts/" + seq + "/"  # type: ignore[operator]


def proof_href(invoice_id: object) -> object:
    """Where a browser downloads all that an invoice rests on."""
    return "/session/invoices/" + invoice_id + "/proof"  # type: ignore[operator]


def document_href(invoice_id: object) -> object:
    """Where a browser downloads an invoice as PDF."""
    return "/session/invoices/" + invoice_id + "/pdf"  # type: ignore[operator]


def note_document_href(credit_note_id: object) -> object:
    """Where a browser downloads a credit note as PDF."""
    return "/session/credit-notes/" + credit_note_id + "/pdf"  # type: ignore[operator]


def run_href(run_id: object) -> object:
    """The address of one gain-share run; works with a plain id and with a Var."""
    return BY_NAME["gain_share"].href + run_id + "/"  # type: ignore[operator]


def baseline_href(baseline_id: object) -> object:
    """The address of one baseline; works with a plain id and with a Var."""
    return "/gain-share/baselines/" + baseline_id + "/"  # type: ignore[operator]


def baseline_desk_href(baseline_id: object) -> object:
    """The address of a customer's baseline on our own side; works with a plain id and with a Var."""
    return "/admin/gain-share/baselines/" + baseline_id + "/"  # type: ignore[operator]


def run_document_href(run_id: object) -> object:
    """Where a browser downloads the report of a run."""
    return "/session/gain-share/" + run_id + "/pdf"  # type: ignore[operator]


def evidence_href(file_id: object) -> object:
    """Where a browser downloads a file of the customer it looks at."""
    return "/session/evidence/" + file_id  # type: ignore[operator]


def receipt_proof_href(seq: object) -> object:
    """Where a browser downloads one receipt with what proves it."""
    return "/session/receipts/" + seq + "/proof"  # type: ignore[operator]
