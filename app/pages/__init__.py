"""One module a page: its State, and `page()`. This table says which module shows which route."""

from types import ModuleType
from typing import Final

import reflex as rx

from app.pages import (
    adjustments,
    admin,
    api_keys,
    baseline,
    baseline_desk,
    billing_details,
    calls,
    checkout,
    clock,
    contracts,
    credit_gifts,
    credits,
    desk_notifications,
    exports,
    gain_share,
    gain_share_answer,
    gain_share_desk,
    gain_share_log,
    gain_share_months,
    gain_share_new,
    gain_share_queue,
    gain_share_run,
    invoice,
    invoices,
    jobs,
    mail,
    not_found,
    notifications,
    overview,
    plans,
    receipt,
    reconciliation,
    seller,
    sign_in,
    usage,
    verify,
    webhook_endpoints,
    webhooks,
)
from app.routes import BY_NAME
from app.state_owner import ForgetForOthers

MODULES: Final[dict[str, ModuleType]] = {
    "sign_in": sign_in,
    "overview": overview,
    "plans": plans,
    "checkout": checkout,
    "usage": usage,
    "credits": credits,
    "invoices": invoices,
    "invoice": invoice,
    "billing_details": billing_details,
    "exports": exports,
    "verify": verify,
    "receipt": receipt,
    "gain_share": gain_share,
    "gain_share_run": gain_share_run,
    "baseline": baseline,
    "webhook_endpoints": webhook_endpoints,
    "api_keys": api_keys,
    "notifications": notifications,
    "admin": admin,
    "contracts": contracts,
    "adjustments": adjustments,
    "gain_share_queue": gain_share_queue,
    "gain_share_months": gain_share_months,
    "gain_share_log": gain_share_log,
    "gain_share_desk": gain_share_desk,
    "baseline_desk": baseline_desk,
    "gain_share_new": gain_share_new,
    "gain_share_answer": gain_share_answer,
    "credit_gifts": credit_gifts,
    "seller": seller,
    "reconciliation": reconciliation,
    "webhooks": webhooks,
    "calls": calls,
    "clock": clock,
    "mail": mail,
    "desk_notifications": desk_notifications,
    "jobs": jobs,
}
"""Route name → the module with `page()` and, where it loads data, `ON_LOAD`: a list of event handlers."""


def add_pages(app: rx.App) -> None:
    """Register every page under the address and title that app/routes.py gives it."""
    app.add_middleware(ForgetForOthers(), index=0)
    for name, module in MODULES.items():
        route = BY_NAME[name]
        on_load = getattr(module, "ON_LOAD", None)
        app.add_page(module.page, route=route.path, title=f"{route.title} · Tallystick", on_load=on_load)
    app.add_page(not_found.page, route="404", title="Page not found · Tallystick")
