"""What the middleware of limits.py share: who calls, which paths they concern, and how a refusal is answered."""

import inspect
import posixpath
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from services.errors import UPGRADE_URL, NotSignedIn, Refusal
from services.limits import Limits

POLICY_VIOLATION: Final = 1008
REASON_MAX: Final = 120
_CALLER: Final = "tallystick.caller"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, by their credential, and what their plan limits."""

    tenant_id: str
    limits: Limits


Identify = Callable[[Scope], Caller | Awaitable[Caller | None] | None]
AnswerRefusal = Callable[[Refusal, Scope], ASGIApp]


def answer_plainly(refusal: Refusal, _scope: Scope) -> ASGIApp:
    """The refusal as a small JSON object: `error`, and what else belongs to it."""
    body = {"error": refusal.detail} | refusal.members
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(refusal, NotSignedIn) else {}
    if "retry_after" in body:
        headers["Retry-After"] = str(body.pop("retry_after"))
    return JSONResponse(body, refusal.status, headers)


class Limiting:
    """What the three share: who calls, which paths are left alone, and how a refusal is answered."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        identify: Identify,
        exclude_paths: Collection[str] = (),
        upgrade_url: str = UPGRADE_URL,
        answer: AnswerRefusal = answer_plainly,
    ) -> None:
        self.app = app
        self._identify = identify
        self._excluded = tuple(exclude_paths)
        self.upgrade_url = upgrade_url
        self._answer = answer

    def concerns(self, scope: Scope) -> bool:
        if scope["type"] not in ("http", "websocket"):
            return False
        return not self._excluded or prefix_of(path_of(scope), self._excluded) is None

    async def caller_of(self, scope: Scope) -> Caller | None:
        """Who calls; asked once for all the middleware that asks the same function."""
        asked = scope.get(_CALLER)
        if asked is not None and asked[0] == self._identify:
            known: Caller | None = asked[1]
            return known
        found = self._identify(scope)
        caller = await found if inspect.isawaitable(found) else found
        scope[_CALLER] = (self._identify, caller)
        return caller

    async def refuse(self, refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refusal.detail[:REASON_MAX]})
            return
        await self._answer(refusal, scope)(scope, receive, send)


def path_of(scope: Scope) -> str:
    """The path below where the application is mounted, in its one spelling."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    return posixpath.normpath(f"/{path.lstrip('/')}") if "//" in path or "/." in path else path


def prefix_of(path: str, prefixes: Collection[str]) -> str | None:
    """The longest of the prefixes that the path is, or is below."""
    fitting = [each for each in prefixes if path == each or path.startswith(f"{each.rstrip('/')}/")]
    return max(fitting, key=len, default=None)
