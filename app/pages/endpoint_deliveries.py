"""What was sent to the endpoint that is opened: page by page, one message of it, a test, and sending again.

The page's State takes this mixin and has `_admin()`, which answers with who may change endpoints, and
`_open(member, endpoint_id)`, which reads an endpoint anew.
"""

import asyncio
from typing import Any, Final

import reflex as rx

from app import unit_of_work
from app.pages.frame import open_page
from app.session import answers_refusals
from app.webhook_deliveries import deliver_test
from models.base import ID_MAX
from services.errors import Conflict, NotFound
from services.sign_in import Member
from services.webhooks import delivery_views, replays
from services.webhooks.delivery_views import DELIVERIES_SHOWN, NO_DELIVERIES, NO_DELIVERY, DeliveriesView, DeliveryView
from services.webhooks.endpoint_views import NO_ENDPOINT, EndpointRow

PAGES_BACK_MAX: Final = 1_000


class EndpointDeliveries(rx.State, mixin=True):
    """What was sent, and the message that is opened of it. `_cursors` are where the pages before this one ended."""

    opened: EndpointRow = NO_ENDPOINT
    sent: DeliveriesView = NO_DELIVERIES
    message: DeliveryView = NO_DELIVERY
    problem: str = ""
    testing: bool = False
    has_previous: bool = False
    _cursors: list[int] = []

    @rx.event
    @answers_refusals
    async def older(self) -> None:
        member = await open_page(self)
        if self.sent.last and len(self._cursors) < PAGES_BACK_MAX:
            self._cursors.append(self.sent.last)
        await self._show_sent(member)

    @rx.event
    @answers_refusals
    async def newer(self) -> None:
        member = await open_page(self)
        self._cursors = self._cursors[:-1]
        await self._show_sent(member)

    @rx.event
    @answers_refusals
    async def open_message(self, delivery_id: str) -> None:
        member = await open_page(self)
        self.message = await unit_of_work.read(
            delivery_views.read_delivery,
            tenant_id=str(member.tenant_id),
            endpoint_id=self.opened.id,
            delivery_id=delivery_id[:ID_MAX],
            timezone=member.timezone,
        )

    @rx.event
    @answers_refusals
    async def close_message(self) -> None:
        member = await open_page(self)
        self.message = NO_DELIVERY
        await self._open(member, self.opened.id)  # type: ignore[attr-defined]

    @rx.event
    @answers_refusals
    async def send_test(self) -> Any:
        """Send a test now, and show what came of it."""
        member, at = await self._admin(), unit_of_work.now()  # type: ignore[attr-defined]
        tenant_id, endpoint_id = str(member.tenant_id), self.opened.id
        self.testing, self.problem = True, ""
        yield
        try:
            asked = await unit_of_work.run(
                lambda session: replays.ask_test(session, tenant_id=tenant_id, endpoint_id=endpoint_id, at=at).id
            )
            await asyncio.to_thread(deliver_test, tenant_id=tenant_id, delivery_id=asked, at=at)
        except Conflict as refusal:
            self.problem = refusal.detail
        self.testing, self._cursors = False, []
        await self._open(member, endpoint_id)  # type: ignore[attr-defined]

    @rx.event
    @answers_refusals
    async def replay(self, notice_id: str) -> Any:
        """Send a notice again, behind what waits."""
        member, at = await self._admin(), unit_of_work.now()  # type: ignore[attr-defined]
        named = {"tenant_id": str(member.tenant_id), "endpoint_id": self.opened.id}
        try:
            await unit_of_work.run(
                lambda session: replays.replay_notice(session, **named, notice_id=notice_id[:ID_MAX], at=at)
            )
        except (Conflict, NotFound) as refusal:
            self.problem = refusal.detail
            return None
        self.message, self._cursors = NO_DELIVERY, []
        await self._open(member, self.opened.id)  # type: ignore[attr-defined]
        return rx.toast.success("It stands in line again")

    async def _show_sent(self, member: Member) -> None:
        self.has_previous = bool(self._cursors)
        self.sent = await unit_of_work.read(
            delivery_views.read_deliveries,
            tenant_id=str(member.tenant_id),
            endpoint_id=self.opened.id,
            timezone=member.timezone,
            before=self._cursors[-1] if self._cursors else 0,
            seen=len(self._cursors) * DELIVERIES_SHOWN,
        )
