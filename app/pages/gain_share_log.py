"""Importing a maintenance log for a customer, on our own side: files, columns, a dry run, and only then keeping it."""

from dataclasses import replace
from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.desk import desk_tabs
from app.components.evidence_upload import NOT_SENT, send_file, told_of
from app.components.layout import page_header
from app.components.log_import import files_section, mapping_section
from app.components.log_reading import kept_section, reading_section
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.pages.customer_desk import open_desk, typed_of
from app.pages.frame import page_body
from app.session import answers_refusals
from models import LogFile
from models.base import ID_MAX
from services.errors import Conflict, NotFound, Unprocessable
from services.gain_share.parties import signer_of_member
from services.maintenance import import_views as maintenance_import_views
from services.maintenance import imports as maintenance_imports
from services.maintenance import tables as maintenance_tables
from services.maintenance.import_views import NO_READING, ImportRow, ReadingView
from services.maintenance.imports import LoadedLog
from services.maintenance.logs import LogReading
from services.maintenance.tables import NO_TABLE, TableView
from services.sign_in import Member

FIELD_MAX = 240
FILES = tuple(file.value for file in LogFile)


class GainShareLogPage(rx.State):
    """The files that were chosen, and what reading them came to. `_typed` is the form the dry run was made from."""

    shell: ShellView = ShellView()
    failures: TableView = NO_TABLE
    repairs: TableView = NO_TABLE
    machines: TableView = NO_TABLE
    reading: ReadingView = NO_READING
    kept: tuple[ImportRow, ...] = ()
    timezone: str = ""
    problem: str = ""
    done: str = ""
    is_reading: bool = False
    is_keeping: bool = False
    loaded: bool = False
    refusal: str = ""
    _typed: dict[str, str] = {}

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_desk(self)
        self.timezone, self.is_reading, self.is_keeping = member.timezone, False, False
        await self._list(member)
        self.loaded = True

    @rx.event
    @answers_refusals
    async def choose_file(self, which: str) -> Any:
        """Send the file that was chosen in one of the fields."""
        member = await open_desk(self)
        if which not in FILES:
            return None
        setattr(self, which, NO_TABLE)
        self._forget()
        return send_file(which, callback=GainShareLogPage.file_came, tenant_id=str(member.tenant_id))

    @rx.event
    @answers_refusals
    async def file_came(self, told: dict[str, Any]) -> None:
        """Look at the header of a file that was sent."""
        member = await open_desk(self)
        said = told_of(told)
        if said["which"] not in FILES:
            return
        if said["id"] == "":
            setattr(self, said["which"], replace(NO_TABLE, problem=said["problem"] or NOT_SENT))
            return
        await self._look(member, said["which"], said["id"][:ID_MAX], encoding="utf-8", delimiter="")

    @rx.event
    @answers_refusals
    async def read_as(self, which: str, what: str, value: str) -> None:
        """Read a file's text in another encoding, or parted by another character."""
        member = await open_desk(self)
        if which not in FILES or what not in ("encoding", "delimiter"):
            return
        table: TableView = getattr(self, which)
        if table.file_id == "":
            return
        writing = {"encoding": table.encoding, "delimiter": table.delimiter} | {what: str(value)[:16]}
        self._forget()
        await self._look(member, which, table.file_id, **writing)

    @rx.event
    @answers_refusals
    async def leave_out(self, which: str) -> None:
        """Read the log without one of its files."""
        await open_desk(self)
        if which in FILES:
            setattr(self, which, NO_TABLE)
            self._forget()

    @rx.event
    @answers_refusals
    async def try_it(self, form: dict[str, Any]) -> Any:
        """Read the log and keep nothing."""
        member = await open_desk(self)
        self._forget()
        self.is_reading = True
        yield
        typed = typed_of(form, FIELD_MAX)
        try:
            loaded, reading = await self._read(member, typed)
            self.reading = await unit_of_work.work(maintenance_import_views.reading_view, reading, loaded.timezone)
            self._typed = typed
        except (Unprocessable, Conflict, NotFound) as refusal:
            self.problem = refusal.detail
        self.is_reading = False

    @rx.event
    @answers_refusals
    async def keep(self) -> Any:
        """Keep what the dry run showed, once."""
        member = await open_desk(self)
        if not self._typed:
            return
        self.is_keeping, self.problem = True, ""
        yield
        self.is_keeping = False
        try:
            loaded, reading = await self._read(member, dict(self._typed))
            made = await unit_of_work.run(
                maintenance_imports.keep_log,
                loaded,
                reading,
                tenant_id=str(member.tenant_id),
                signer=signer_of_member(member),
                at=unit_of_work.now(),
            )
        except (Unprocessable, Conflict, NotFound) as refusal:
            self.problem = refusal.detail
            return
        self._forget()
        self.failures = self.repairs = self.machines = NO_TABLE
        self.done = f"Kept: {len(made.measurements):,} figures, by month and site."
        await self._list(member)

    async def _read(self, member: Member, typed: dict[str, str]) -> tuple[LoadedLog, LogReading]:
        """Read the log out of the way of the database: it may take seconds."""
        request = maintenance_tables.read_typed_import(typed, self._tables())
        loaded = await unit_of_work.read(
            maintenance_imports.load_log, tenant_id=str(member.tenant_id), request=request, at=unit_of_work.now()
        )
        return loaded, await unit_of_work.work(loaded.read)

    def _tables(self) -> dict[str, TableView]:
        return {which: getattr(self, which) for which in FILES}

    def _forget(self) -> None:
        self.reading, self.problem, self.done, self._typed = NO_READING, "", "", {}

    async def _look(self, member: Member, which: str, file_id: str, *, encoding: str, delimiter: str) -> None:
        try:
            table = await unit_of_work.read(
                maintenance_tables.read_table,
                tenant_id=str(member.tenant_id),
                file_id=file_id,
                encoding=encoding,
                delimiter=delimiter,
            )
        except NotFound as refusal:
            table = replace(NO_TABLE, problem=refusal.detail)
        setattr(self, which, table)

    async def _list(self, member: Member) -> None:
        self.kept = await unit_of_work.read(maintenance_import_views.list_kept, tenant_id=str(member.tenant_id))


ON_LOAD = [GainShareLogPage.load]


def page() -> rx.Component:
    """From the files to the figures, one step under another."""
    state = GainShareLogPage
    content = rx.fragment(
        page_header(
            "Maintenance log",
            rx.fragment("Failures and repairs of ", state.shell.tenant_name, ", as its own system exports them."),
        ),
        desk_tabs("gain_share_log"),
        files_section(state),
        rx.cond(state.failures.columns, mapping_section(state), rx.fragment()),
        rx.cond(state.reading.title != "", reading_section(state), rx.fragment()),
        kept_section(state),
    )
    return page_body("gain_share_log", GainShareLogPage, content, skeleton=_skeleton())


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("10rem", "1.75rem"), skeleton_line("20rem"), class_name="stack skeleton-head"),
        skeleton_card(8),
    )
