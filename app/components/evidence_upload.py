"""A file field that sends its file at once, to be kept as evidence, and tells the page's State what came of it.

The State has a handler that answers with `send_file(...)` when a file is chosen, and one that takes what was told: a
dict with `which` and either `id` and `name` or `problem`. Whether the file is there the second one asks a service.
"""

import json
from typing import Any, Final

import reflex as rx

from app.components.forms import field
from app.components.layout import Text
from models.evidence import EVIDENCE_BYTES_MAX
from services.gain_share.evidence import ACCEPTED

ACCEPT: Final = ".pdf,.png,.jpg,.jpeg,.csv,.txt,.xlsx,.docx"
TABLES: Final = ".csv,.txt"
NOT_SENT: Final = "The file could not be sent; check your connection and choose it again."
TOO_LARGE: Final = f"A file has at most {EVIDENCE_BYTES_MAX // 1024 // 1024} MB; choose a shorter one."
TOLD_MAX: Final = 400

SCRIPT: Final = """(async () => {
  const which = %(which)s, input = document.getElementById(%(input)s);
  const file = input && input.files[0];
  if (!file) return {which, problem: ""};
  if (file.size > %(bytes_max)s) return {which, problem: %(too_large)s};
  const query = new URLSearchParams({name: file.name, ...%(customer)s});
  try {
    const answer = await fetch("/session/evidence?" + query, {
      method: "POST", body: file, headers: {"Content-Type": "application/octet-stream"}});
    const told = await answer.json();
    return answer.ok ? {which, id: told.id, name: told.name} : {which, problem: told.detail || %(not_sent)s};
  } catch {
    return {which, problem: %(not_sent)s};
  }
})()"""


def send_file(which: str, *, callback: Any, tenant_id: str = "") -> Any:
    """The event that sends what is chosen in the field `which`, and then calls `callback` with what was told.

    Operators name the customer it is about.
    """
    told = {
        "which": which,
        "input": f"field-{which}",
        "bytes_max": EVIDENCE_BYTES_MAX,
        "too_large": TOO_LARGE,
        "not_sent": NOT_SENT,
        "customer": {"tenant_id": tenant_id} if tenant_id else {},
    }
    return rx.call_script(SCRIPT % {name: json.dumps(value) for name, value in told.items()}, callback=callback)


def told_of(told: Any) -> dict[str, str]:
    """What the browser said of an upload, as text of bounded length; anybody may have said it."""
    said = told if isinstance(told, dict) else {}
    return {name: str(said.get(name) or "")[:TOLD_MAX] for name in ("which", "id", "name", "problem")}


def file_field(
    label: Text,
    *,
    which: str,
    choose: Any,
    name: Any,
    problem: Any = "",
    hint: Text = "",
    accept: str = ACCEPT,
    **props: Any,
) -> rx.Component:
    """`choose` is called when a file is chosen; `name` is a Var with the name of the file that is kept by now."""
    kept = rx.el.p(
        rx.icon("circle_check", size=14, aria_hidden="true"),
        rx.el.span(name, style={"overflowWrap": "anywhere"}),
        class_name="field-hint",
        role="status",
        style={"display": "flex", "gap": "var(--space-1)", "alignItems": "center", "color": "var(--c-good)"},
    )
    unsubmitted = rx.Var(json.dumps(f"field-{which}"))  # a plain id would send the field along with the form around it
    control = rx.el.input(
        id=unsubmitted, type="file", accept=accept, on_change=lambda _: choose, class_name="input", **props
    )
    return rx.el.div(
        field(label, control, for_id=f"field-{which}", hint=hint or f"{ACCEPTED}; at most 10 MB.", error=problem),
        rx.cond(name != "", kept, rx.fragment()),
    )
