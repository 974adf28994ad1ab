"""The state of the card that says where assets are asked for: read and changed apart from the rest of the overview."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import reflex as rx

from app import asset_pulls, unit_of_work
from app.components.asset_source import asset_source_card
from app.components.shell import ShellView
from app.pages.frame import open_page
from app.session import answers_refusals, require_role
from models import Role
from services.assets import source_views as asset_source_views
from services.assets import sources as asset_sources
from services.assets.source_views import NO_SOURCE, AssetSourceView
from services.errors import Conflict, Unprocessable
from services.sign_in import Member


class AssetSourceCard(rx.State):
    """The address as it is, and whether it is being changed or asked."""

    shell: ShellView = ShellView()
    view: AssetSourceView = NO_SOURCE
    editing: bool = False
    asking: bool = False
    problem: str = ""
    may_change: bool = False
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        await self._show(await open_page(self))

    @rx.event
    @answers_refusals
    async def edit(self) -> None:
        await self._admin()
        self.editing, self.problem = True, ""

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        await open_page(self)
        self.editing, self.problem = False, ""

    @rx.event
    @answers_refusals
    async def save(self, form: dict[str, Any]) -> Any:
        """Name the address that was typed; an empty token leaves the one there is."""
        member, at = await self._admin(), unit_of_work.now()
        token, hours = str(form.get("token") or ""), str(form.get("every_hours") or "24")
        self.problem = ""
        try:
            await unit_of_work.run(
                lambda session: (
                    asset_sources.set_source(
                        session,
                        tenant_id=str(member.tenant_id),
                        url=str(form.get("url", "")),
                        every_hours=int(hours) if hours.isdecimal() and len(hours) < 3 else 0,
                        token=token or None,
                        keeps_token=not token,
                        at=at,
                    ).url
                )
            )
        except Unprocessable as refusal:
            self.problem = refusal.detail
            return None
        await self._show(member)
        return rx.toast.success("Saved; it is asked from the next time on")

    @rx.event
    @answers_refusals
    async def remove(self) -> Any:
        member, at = await self._admin(), unit_of_work.now()
        await unit_of_work.run(
            lambda session: asset_sources.remove_source(session, tenant_id=str(member.tenant_id), at=at)
        )
        await self._show(member)
        return rx.toast.success("It is asked no more")

    @rx.event
    @answers_refusals
    async def ask(self) -> AsyncIterator[Any]:
        """Ask now, and show what came of it."""
        member, at = await self._admin(), unit_of_work.now()
        tenant_id = str(member.tenant_id)
        self.asking, self.problem = True, ""
        yield
        try:
            await unit_of_work.run(lambda session: asset_sources.ask_now(session, tenant_id=tenant_id, at=at).slot)
            await asyncio.to_thread(asset_pulls.pull_asset_count, tenant_id=tenant_id, at=at)
        except Conflict as refusal:
            self.problem = refusal.detail
        said = self.problem
        await self._show(member)
        self.problem = said

    async def _admin(self) -> Member:
        member = await open_page(self)
        require_role(member, Role.BILLING_ADMIN)
        return member

    async def _show(self, member: Member) -> None:
        self.editing, self.asking, self.problem = False, False, ""
        self.may_change = member.is_operator or member.role in (Role.BILLING_ADMIN, Role.OWNER)
        self.view = await unit_of_work.read(
            asset_source_views.read_asset_source, tenant_id=str(member.tenant_id), timezone=member.timezone
        )
        self.loaded = True


def card(*, after_asking: Any) -> rx.Component:
    """The card in its place on a page, which shows the new count by `after_asking`."""
    return asset_source_card(AssetSourceCard, after_asking=after_asking)
