"""What pages of both parties share: showing one baseline, and proposing one as typed.

A page's State takes these mixins and has `_member()`, which answers with who is signed in and may be on the page, and
`_show(member)`, which reads anew what the page shows.
"""

from typing import Any, Final

import reflex as rx

from app import unit_of_work
from app.components.evidence_upload import NOT_SENT, send_file, told_of
from app.pages.customer_desk import typed_of
from app.session import answers_refusals
from models import Party
from models.base import ID_MAX
from models.kpi import KPI_MAX
from services import wording
from services.errors import Conflict, Forbidden, NotFound, Unprocessable
from services.gain_share import baseline_page, proposals
from services.gain_share.baseline_page import NO_BASELINE_PAGE, BaselinePageView
from services.gain_share.parties import signer_of_member
from services.gain_share.proposals import FIELDS, NO_BASELINE_FORM, BaselineForm
from services.gain_share.typed import TYPED_MAX
from services.sign_in import Member

REFUSED = (Unprocessable, Conflict, Forbidden, NotFound)
MARKED: Final = "Nothing was proposed yet. Look at what is marked above."
OTHER_SIDE: Final = {Party.SELLER: "The customer", Party.CUSTOMER: "The seller"}


class BaselineShowing(rx.State, mixin=True):
    """The baseline that the address names, or that there is none."""

    view: BaselinePageView = NO_BASELINE_PAGE
    missing: bool = False

    def _wanted(self) -> str:
        return str(self.rx_router_page.params.get("baseline_id", ""))[:ID_MAX]

    async def _show(self, member: Member) -> None:
        try:
            self.view = await unit_of_work.read(
                baseline_page.read_baseline_page,
                tenant_id=str(member.tenant_id),
                baseline_id=self._wanted(),
                member=member,
                at=unit_of_work.now(),
            )
            self.missing = False
        except NotFound:
            self.view, self.missing = NO_BASELINE_PAGE, True


class BaselineProposing(rx.State, mixin=True):
    """What can be proposed, the document that was sent, and what is wrong with what was typed, field by field."""

    form: BaselineForm = NO_BASELINE_FORM
    kpi: str = ""
    unit: str = ""
    source_name: str = ""
    problems: dict[str, str] = dict.fromkeys(FIELDS, "")
    propose_problem: str = ""
    proposed: str = ""
    next_step: str = ""
    proposals: int = 0
    """How many were made here, so that the form begins empty again."""

    _source_id: str = ""

    @rx.event
    @answers_refusals
    async def choose_kpi(self, code: str) -> None:
        """Show the unit and the rates of another KPI; what else was typed stays."""
        await self._member()  # type: ignore[attr-defined]
        self.kpi = str(code)[:KPI_MAX]
        self.unit = self.form.units.get(self.kpi, "")

    @rx.event
    @answers_refusals
    async def choose_source(self) -> Any:
        """Send the document that was chosen."""
        member = await self._member()  # type: ignore[attr-defined]
        signer_of_member(member)
        self.source_name, self._source_id, self.proposed = "", "", ""
        self.problems = self.problems | {"source": ""}
        customer = str(member.tenant_id) if member.is_operator else ""
        return send_file("source", callback=type(self).source_came, tenant_id=customer)

    @rx.event
    @answers_refusals
    async def source_came(self, told: dict[str, Any]) -> None:
        """Remember the document that was kept; whether it is there is asked as it is proposed."""
        signer_of_member(await self._member())  # type: ignore[attr-defined]
        said = told_of(told)
        self._source_id, self.source_name = said["id"][:ID_MAX], said["name"] if said["id"] else ""
        self.problems = self.problems | {"source": "" if said["id"] else said["problem"] or NOT_SENT}

    @rx.event
    @answers_refusals
    async def propose(self, form: dict[str, Any]) -> None:
        """Propose what was typed to the other party; what is refused stays as it was typed, each field marked."""
        member = await self._member()  # type: ignore[attr-defined]
        self.propose_problem, self.proposed, self.problems = "", "", dict.fromkeys(FIELDS, "")
        try:
            signer = signer_of_member(member)
            made = await unit_of_work.run(
                proposals.propose_typed,
                tenant_id=str(member.tenant_id),
                typed=typed_of(form, TYPED_MAX * 2),
                file_id=self._source_id,
                signer=signer,
                at=unit_of_work.now(),
            )
        except REFUSED as refusal:
            marked = {name: said for name, said in refusal.members.get("problems", {}).items() if name in FIELDS}
            self.problems = self.problems | marked
            self.propose_problem = MARKED if marked else refusal.detail
            return
        self.proposed = f"Proposed: {dict(self.form.kpis).get(made.kpi, made.kpi)}."
        self.next_step = (
            f"{OTHER_SIDE[signer.party]} is told, and accepts it or declines it with a reason. Until then it counts "
            f"for nothing and you can withdraw it. Once accepted, runs from {wording.day(made.effective_from)} on are "
            "measured against it."
        )
        self.source_name, self._source_id, self.proposals = "", "", self.proposals + 1
        await self._show(member)  # type: ignore[attr-defined]

    async def _open_form(self, tenant_id: str) -> None:
        """Read what can be proposed; the KPI that was chosen stays."""
        self.form = await unit_of_work.read(proposals.open_baseline_form, tenant_id=tenant_id, at=unit_of_work.now())
        if self.kpi not in self.form.units:
            self.kpi = next(iter(self.form.units), "")
        self.unit = self.form.units.get(self.kpi, "")

    def _start_over(self) -> None:
        self.proposed, self.propose_problem, self.problems = "", "", dict.fromkeys(FIELDS, "")
