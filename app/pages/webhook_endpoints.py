"""Webhooks, for the customer: endpoints, what was sent to each, its secret, and sending again."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.components.webhook_endpoint import endpoint_detail
from app.components.webhook_endpoints import TYPE_PREFIX, endpoint_list
from app.components.webhook_messages import message_detail
from app.pages.endpoint_deliveries import EndpointDeliveries
from app.pages.frame import open_page, page_body
from app.session import answers_refusals, require_role
from models import Role
from models.base import ID_MAX
from services.database import Session
from services.errors import Conflict, NotFound, Unprocessable
from services.sign_in import Member
from services.webhooks import endpoint_views, endpoints
from services.webhooks.delivery_views import NO_DELIVERIES, NO_DELIVERY
from services.webhooks.endpoint_views import NO_ENDPOINT, NO_ENDPOINTS, EndpointsView
from services.webhooks.endpoints import EndpointChanges


class WebhookEndpointsPage(EndpointDeliveries, rx.State):
    """The list, and the endpoint that is opened."""

    shell: ShellView = ShellView()
    view: EndpointsView = NO_ENDPOINTS
    secret: str = ""
    adding: bool = False
    wants_all: bool = True
    deleting: bool = False
    may_change: bool = False
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        await self._show(await open_page(self))
        self.loaded = True

    @rx.event
    @answers_refusals
    async def begin_adding(self) -> None:
        await self._admin()
        self.adding, self.wants_all, self.problem = True, True, ""

    @rx.event
    @answers_refusals
    async def stop_adding(self) -> None:
        await open_page(self)
        self.adding, self.problem = False, ""

    @rx.event
    @answers_refusals
    async def choose_all(self, wants_all: bool) -> None:
        await open_page(self)
        self.wants_all = bool(wants_all)

    @rx.event
    @answers_refusals
    async def add(self, form: dict[str, Any]) -> Any:
        """Register what was typed, and open it."""
        member, at = await self._admin(), unit_of_work.now()
        chosen = [name.removeprefix(TYPE_PREFIX) for name, on in form.items() if name.startswith(TYPE_PREFIX) and on]
        self.problem = ""

        def act(session: Session) -> str:
            return endpoints.create_endpoint(
                session,
                tenant_id=str(member.tenant_id),
                url=str(form.get("url", "")),
                description=str(form.get("description", "")),
                event_types=None if self.wants_all else chosen,
                at=at,
            ).id

        try:
            endpoint_id = await unit_of_work.run(act)
        except (Unprocessable, Conflict) as refusal:
            self.problem = refusal.detail
            return None
        self.adding = False
        await self._open(member, endpoint_id)
        return rx.toast.success("Endpoint added")

    @rx.event
    @answers_refusals
    async def open_endpoint(self, endpoint_id: str) -> None:
        member = await open_page(self)
        self._put_back()
        await self._open(member, endpoint_id[:ID_MAX])

    @rx.event
    @answers_refusals
    async def close_endpoint(self) -> None:
        member = await open_page(self)
        self._put_back()
        self.opened, self.sent = NO_ENDPOINT, NO_DELIVERIES
        await self._show(member)

    @rx.event
    @answers_refusals
    async def reveal(self) -> None:
        """Show what signatures are verified with."""
        member, at = await self._admin(), unit_of_work.now()

        def read(session: Session) -> str:
            endpoint = endpoints.read_endpoint(session, tenant_id=str(member.tenant_id), endpoint_id=self.opened.id)
            return endpoints.open_secrets(session, endpoint, at=at)[0]

        self.secret = await unit_of_work.read(read)

    @rx.event
    @answers_refusals
    async def rotate(self) -> Any:
        member, at = await self._admin(), unit_of_work.now()
        named = {"tenant_id": str(member.tenant_id), "endpoint_id": self.opened.id}
        await unit_of_work.run(lambda session: endpoints.rotate_secret(session, **named, at=at).id)
        self.secret = ""
        await self._open(member, self.opened.id)
        return rx.toast.success("There is a new secret; both sign for a day")

    @rx.event
    @answers_refusals
    async def turn_off(self) -> None:
        await self._change(EndpointChanges(enabled=False))

    @rx.event
    @answers_refusals
    async def enable(self, skips_held: bool) -> None:
        await self._change(EndpointChanges(enabled=True, skips_held=bool(skips_held)))

    @rx.event
    @answers_refusals
    async def ask_delete(self) -> None:
        await self._admin()
        self.deleting = True

    @rx.event
    @answers_refusals
    async def keep(self) -> None:
        await open_page(self)
        self.deleting = False

    @rx.event
    @answers_refusals
    async def delete(self) -> Any:
        member, at = await self._admin(), unit_of_work.now()
        named = {"tenant_id": str(member.tenant_id), "endpoint_id": self.opened.id}
        await unit_of_work.run(lambda session: endpoints.delete_endpoint(session, **named, at=at))
        self._put_back()
        self.opened, self.sent = NO_ENDPOINT, NO_DELIVERIES
        await self._show(member)
        return rx.toast.success("Endpoint deleted")

    async def _admin(self) -> Member:
        member = await open_page(self)
        require_role(member, Role.BILLING_ADMIN)
        return member

    async def _change(self, changes: EndpointChanges) -> None:
        member, at = await self._admin(), unit_of_work.now()
        named = {"tenant_id": str(member.tenant_id), "endpoint_id": self.opened.id}
        await unit_of_work.run(lambda session: endpoints.change_endpoint(session, **named, changes=changes, at=at).id)
        await self._open(member, self.opened.id)

    async def _show(self, member: Member) -> None:
        self.may_change = member.is_operator or member.role in (Role.BILLING_ADMIN, Role.OWNER)
        self.view = await unit_of_work.read(
            endpoint_views.read_endpoints,
            tenant_id=str(member.tenant_id),
            timezone=member.timezone,
            now=unit_of_work.now(),
        )

    async def _open(self, member: Member, endpoint_id: str) -> None:
        self.may_change = member.is_operator or member.role in (Role.BILLING_ADMIN, Role.OWNER)
        try:
            self.opened = await unit_of_work.read(
                endpoint_views.read_endpoint_row,
                tenant_id=str(member.tenant_id),
                endpoint_id=endpoint_id,
                timezone=member.timezone,
                now=unit_of_work.now(),
            )
        except NotFound:
            self.opened = NO_ENDPOINT
            await self._show(member)
            return
        await self._show_sent(member)

    def _put_back(self) -> None:
        self.secret, self.problem, self.message, self.deleting = "", "", NO_DELIVERY, False
        self.adding, self._cursors = False, []


ON_LOAD = [WebhookEndpointsPage.load]


def page() -> rx.Component:
    """The list, the endpoint that is opened, or the message that is."""
    state = WebhookEndpointsPage
    inside = rx.cond(state.message.id != "", message_detail(state), endpoint_detail(state))
    shown = rx.cond(state.opened.id != "", inside, endpoint_list(state))
    skeleton = rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("10rem", "1.75rem"), skeleton_line("24rem"), class_name="stack skeleton-head"),
        skeleton_card(8),
    )
    return page_body("webhook_endpoints", state, shown, skeleton=skeleton)
