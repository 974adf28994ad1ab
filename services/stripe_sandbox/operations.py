"""An operation: method, path, what it takes and what it does. Resources list theirs in `OPERATIONS`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from services.stripe_sandbox import parameters
from services.stripe_sandbox.documents import Document, at_path
from services.stripe_sandbox.errors import StripeError, UnknownUrl
from services.stripe_sandbox.forms import Raw
from services.stripe_sandbox.parameters import INTEGER, RANGE, STRING, Table
from services.stripe_sandbox.world import World

PAGE_DEFAULT = 10
PAGE_MAX = 100
PAGING: Table = {"limit": INTEGER, "starting_after": STRING, "ending_before": STRING}
CREATED: Table = {"created": RANGE}
EXPAND = parameters.list_of(parameters.ID)


@dataclass
class Call:
    """One request: the ids in its path, its parameters with their types, and what it asked to expand."""

    path: str
    ids: tuple[str, ...]
    params: dict[str, Any]
    expand: list[str] = field(default_factory=list)
    keep: bool = True
    """Whether what the operation did is kept. A preview sets it to False."""

    @property
    def id(self) -> str:
        """The last id in the path."""
        return self.ids[-1]

    def given(self, *names: str) -> dict[str, Any]:
        """Those of the named parameters that were given."""
        return {name: self.params[name] for name in names if name in self.params}


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    run: Callable[[World, Call], Document]
    takes: Table = field(default_factory=dict)

    def parse(self, raw: dict[str, Raw]) -> tuple[dict[str, Any], list[str]]:
        """Parameters and what to expand. Raises StripeError."""
        rest = dict(raw)
        expand = EXPAND(rest.pop("expand"), "expand") if "expand" in rest else []
        return parameters.parse(rest, self.takes), expand


class Router:
    """Finds the operation of a method and path; a literal step wins over an id."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._tree: dict[str, Any] = {}
        for operation in operations:
            node = self._tree
            for step in operation.path.strip("/").split("/"):
                node = node.setdefault("{}" if step.startswith("{") else step, {})
            assert f"{operation.method} " not in node, f"{operation.method} {operation.path} is there twice"
            node[f"{operation.method} "] = operation

    def find(self, method: str, path: str) -> tuple[Operation, tuple[str, ...]]:
        """The operation and the ids in the path. Raises UnknownUrl."""
        node, ids = self._tree, []
        for step in path.strip("/").split("/"):
            if step in node:
                node = node[step]
            elif "{}" in node and step:
                node = node["{}"]
                ids.append(step)
            else:
                raise UnknownUrl(method, path)
        operation = node.get(f"{method} ")
        if operation is None:
            raise UnknownUrl(method, path)
        return operation, tuple(ids)


def list_table(**filters: parameters.Parser | parameters.Required) -> Table:
    """What a list takes: paging and these filters."""
    return {**PAGING, **filters}


def page(
    world: World,
    call: Call,
    kind: str,
    *,
    where: dict[str, Any] | None = None,
    keep: Callable[[Document], bool] | None = None,
    oldest_first: bool = False,
) -> Document:
    """One page, newest first. `where` holds equalities on indexed paths (None: not asked); `keep` judges the rest."""
    table = world.store.tables[kind]
    equal = {path: value for path, value in (where or {}).items() if value is not None}
    unindexed = set(equal) - set(table.indexes)
    assert not unindexed, f"{kind} has no index on {unindexed}"
    params, limit = call.params, page_limit(call.params)
    ids = table.ids(equal)
    after, before = params.get("starting_after"), params.get("ending_before")
    for name, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor is not None:
            world.get(kind, cursor, param=name)
    if oldest_first:
        after, before = before, after
    forward = before is not None or (oldest_first and after is None)
    found = table.oldest_first(ids, before) if forward else table.newest_first(ids, after)
    data: list[Document] = []
    for document in found:
        if _matches(document, equal, params) and (keep is None or keep(document)):
            data.append(document)
            if len(data) > limit:
                break
    has_more = len(data) > limit
    data = data[:limit]
    return {
        "object": "list",
        "data": data if forward == oldest_first else data[::-1],
        "has_more": has_more,
        "url": call.path,
    }


def page_limit(params: dict[str, Any]) -> int:
    limit: int = params.get("limit", PAGE_DEFAULT)
    if not 1 <= limit <= PAGE_MAX:
        bound = "greater than or equal to 1" if limit < 1 else f"less than or equal to {PAGE_MAX}"
        raise StripeError(f"This value must be {bound}.", code="parameter_invalid_integer", param="limit")
    return limit


def _matches(document: Document, equal: dict[str, Any], params: dict[str, Any]) -> bool:
    if document.get("deleted") or any(at_path(document, path) != value for path, value in equal.items()):
        return False
    return within(document.get("created", document.get("date", 0)), params.get("created"))


def within(moment: int | None, asked: Any) -> bool:
    """Whether a time is the one asked for, or inside the range asked for."""
    if asked is None:
        return True
    if moment is None:
        return False
    if isinstance(asked, int):
        return moment == asked
    return bool(
        moment > asked.get("gt", -1)
        and moment >= asked.get("gte", 0)
        and moment < asked.get("lt", moment + 1)
        and moment <= asked.get("lte", moment)
    )
