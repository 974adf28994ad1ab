"""API keys, for the customer: its owners make and revoke them, everybody of the account sees who made which."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.api_keys import SCOPE_PREFIX, key_list
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.pages.frame import open_page, page_body
from app.session import answers_refusals
from models import Role
from models.base import ID_MAX
from services import api_keys, key_views
from services.api_keys import Maker
from services.errors import Conflict, Forbidden, Unprocessable
from services.key_makers import maker_of_member
from services.key_views import NO_KEYS, KeyRow, KeysView
from services.sign_in import Member


class ApiKeysPage(rx.State):
    """The list, the form, the key just made, and the one that is asked about before it is revoked."""

    shell: ShellView = ShellView()
    view: KeysView = NO_KEYS
    made: str = ""
    made_name: str = ""
    revoking: KeyRow = KeyRow()
    adding: bool = False
    may_change: bool = False
    problem: str = ""
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        self.made = self.made_name = self.problem = ""
        self.adding, self.revoking = False, KeyRow()
        await self._show(member)
        self.loaded = True

    @rx.event
    @answers_refusals
    async def begin_adding(self) -> None:
        await self._maker()
        self.adding, self.problem, self.revoking = True, "", KeyRow()
        self.made = self.made_name = ""

    @rx.event
    @answers_refusals
    async def stop_adding(self) -> None:
        await open_page(self)
        self.adding, self.problem = False, ""

    @rx.event
    @answers_refusals
    async def add(self, form: dict[str, Any]) -> None:
        """Make the key that was asked for, and show it this once."""
        member, maker = await self._maker()
        name = str(form.get("name", "")).strip()
        scopes = [each.removeprefix(SCOPE_PREFIX) for each, on in form.items() if each.startswith(SCOPE_PREFIX) and on]
        self.problem = ""
        try:
            made = await unit_of_work.run(
                api_keys.create_api_key,
                tenant_id=str(member.tenant_id),
                scopes=scopes,
                name=name,
                maker=maker,
                at=unit_of_work.now(),
            )
        except (Unprocessable, Conflict, Forbidden) as refusal:
            self.problem = refusal.detail
            return
        self.adding, self.made, self.made_name = False, made.key, name or "The key"
        await self._show(member)

    @rx.event
    @answers_refusals
    async def put_away(self) -> None:
        """Forget the key that was shown."""
        await open_page(self)
        self.made = self.made_name = ""

    @rx.event
    @answers_refusals
    async def ask_revoke(self, key_id: str) -> None:
        member, _ = await self._maker()
        await self._show(member)
        asked = key_id[:ID_MAX]
        self.revoking = next((row for row in self.view.rows if row.id == asked and row.is_alive), KeyRow())

    @rx.event
    @answers_refusals
    async def keep(self) -> None:
        await open_page(self)
        self.revoking = KeyRow()

    @rx.event
    @answers_refusals
    async def revoke(self) -> Any:
        member, _ = await self._maker()
        if self.revoking.id == "":
            return None
        named = {"tenant_id": str(member.tenant_id), "key_id": self.revoking.id}
        await unit_of_work.run(lambda session: api_keys.revoke_api_key(session, **named, at=unit_of_work.now()).id)
        self.revoking = KeyRow()
        await self._show(member)
        return rx.toast.success("The key is revoked")

    async def _maker(self) -> tuple[Member, Maker]:
        member = await open_page(self)
        return member, maker_of_member(member)

    async def _show(self, member: Member) -> None:
        self.may_change = member.is_operator or member.role == Role.OWNER
        self.view = await unit_of_work.read(
            key_views.read_keys, tenant_id=str(member.tenant_id), timezone=member.timezone
        )


ON_LOAD = [ApiKeysPage.load]


def page() -> rx.Component:
    skeleton = rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("10rem", "1.75rem"), skeleton_line("24rem"), class_name="stack skeleton-head"),
        skeleton_card(6),
    )
    return page_body("api_keys", ApiKeysPage, key_list(ApiKeysPage), skeleton=skeleton)
