"""The HTTP API: `create_api()` assembles one router a resource. Errors are rendered in problems.py, nowhere else."""

from typing import Any, Final

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import (
    asset_source,
    assets,
    billing_parties,
    browser_downloads,
    browser_evidence,
    browser_session,
    checkout,
    contracts,
    corrections,
    credit_gifts,
    credits,
    dashboard,
    documents,
    evidence,
    exports,
    gain_share,
    gain_share_reports,
    health,
    invoices,
    keys,
    kpis,
    maintenance,
    metrics,
    notices,
    plans,
    receipts,
    reservations,
    returns,
    spend_controls,
    stripe_webhook,
    subscription_changes,
    subscriptions,
    test_clocks,
    unsubscribe,
    usage,
    usage_check,
    usage_reports,
    webhook_endpoints,
)
from app.api.docs import add_docs
from app.api.documentation import describe
from app.api.problems import add_problem_handlers
from app.api.quick_metering import QuickMetering
from app.api.request_edge import RequestEdge
from app.logs import configure_logging

VERSION: Final = "1.0.0"
DESCRIPTION: Final = (
    "Meter usage, read the bill, and check both. Send an API key as `Authorization: Bearer <key>`. Quantities are "
    "plain decimal strings; amounts are whole minor units. Refusals are problem details (RFC 9457) that say what to do."
)
ROUTERS: Final = (
    plans.router,
    subscriptions.router,
    test_clocks.router,
    subscription_changes.router,
    usage.router,
    usage_check.router,
    corrections.router,
    reservations.router,
    usage_reports.router,
    spend_controls.router,
    billing_parties.router,
    credits.router,
    credit_gifts.router,
    assets.router,
    asset_source.router,
    documents.router,
    invoices.router,
    returns.router,
    checkout.router,
    receipts.router,
    webhook_endpoints.router,
    notices.router,
    dashboard.router,
    contracts.router,
    gain_share.router,
    gain_share_reports.router,
    evidence.router,
    kpis.router,
    maintenance.router,
    exports.router,
    keys.router,
    health.router,
    metrics.router,
    browser_session.router,
    browser_downloads.router,
    browser_evidence.router,
    unsubscribe.router,
)


class Api(FastAPI):
    """The framework's application, with the calls that are too many for it answered in front."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._enter: ASGIApp = QuickMetering(super().__call__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._enter(scope, receive, send)


def create_api() -> FastAPI:
    """The FastAPI application that is served beside the pages, and alone by `tallystick api`."""
    configure_logging()
    api = Api(
        title="Tallystick",
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in ROUTERS:
        api.router.routes.extend(router.routes)
    api.router.routes.extend(stripe_webhook.routes)
    add_docs(api)
    add_problem_handlers(api)
    describe(api)
    health.add_not_found(api)
    api.add_middleware(RequestEdge)
    return api
