"""One call from the wire to its answer: key, idempotency, operation, parameters, effect, expansion."""

import base64
import binascii
import hmac
import json
import logging
from dataclasses import dataclass, field

from services.stripe_sandbox import idempotency
from services.stripe_sandbox.documents import Document, random_text, shown
from services.stripe_sandbox.errors import CardDeclined, ServerFault, StripeError, Unauthorized
from services.stripe_sandbox.expansion import Expansion, Includable
from services.stripe_sandbox.forms import decode_form
from services.stripe_sandbox.idempotency import Answer
from services.stripe_sandbox.operations import Call, Operation, Router
from services.stripe_sandbox.world import API_VERSION, Cause, World

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What arrived. `path` begins with /v1, `form` is the query of a GET or DELETE and the body of a POST."""

    method: str
    path: str
    form: str
    authorization: str = ""
    idempotency_key: str | None = None
    request_id: str = field(default_factory=lambda: f"req_{random_text(14)}")


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes
    headers: dict[str, str]


class Dispatcher:
    def __init__(self, world: World, router: Router, includable: dict[tuple[str, str], Includable]) -> None:
        self.world = world
        self.router = router
        self.expansion = Expansion(world, includable)

    def answer(self, request: Request) -> Response:
        """Do the call, alone in the sandbox, and answer it."""
        with self.world.lock:
            try:
                return self._answer(request)
            except StripeError as refusal:
                return _refused(refusal, request)
            except Exception:
                logger.exception("%s %s failed", request.method, request.path)
                return _refused(ServerFault(500), request)

    def _answer(self, request: Request) -> Response:
        check_key(self.world.secret_key, request.authorization)
        operation, ids = self.router.find(request.method, request.path)
        self.world.calls[f"{operation.method} {operation.path}"] += 1
        self.world.catch_up()
        if request.method != "POST" or not request.idempotency_key:
            return self._run(operation, ids, request)
        asked = idempotency.fingerprint(request.method, request.path, request.form)
        kept = idempotency.replay(self.world, request.idempotency_key, asked)
        if kept is not None:
            headers = {"Request-Id": kept.request_id, "Idempotent-Replayed": "true"}
            return _response(kept.status, kept.body.encode(), request, headers)
        return self._run(operation, ids, request, asked)

    def _run(self, operation: Operation, ids: tuple[str, ...], request: Request, asked: str | None = None) -> Response:
        params, expand = operation.parse(decode_form(request.form))
        call = Call(path=request.path, ids=ids, params=params, expand=expand)
        self.world.cause = Cause(request.request_id, request.idempotency_key)
        try:
            status, body = self._execute(operation, call, request.request_id)
        except BaseException:
            self.world.store.rollback()
            raise
        finally:
            self.world.cause = Cause()
        if asked is not None and request.idempotency_key:
            answer = Answer(status, body, request.request_id)
            idempotency.keep(self.world, request.idempotency_key, asked, answer)
            idempotency.forget_old(self.world)
        self.world.store.commit()
        return _response(status, body.encode(), request)

    def _execute(self, operation: Operation, call: Call, request_id: str) -> tuple[int, str]:
        """What the operation answers, refusals included: those count as the answer to an idempotency key too."""
        store = self.world.store
        try:
            document = operation.run(self.world, call)
            answer = self.expansion.expanded(presented(document), call.expand)
            if not call.keep:
                store.rollback()
        except StripeError as refusal:
            if not isinstance(refusal, CardDeclined) or refusal.undo:
                store.rollback()
            return refusal.status, json.dumps(refusal.body(request_id))
        return 200, json.dumps(answer)


def check_key(secret_key: str, authorization: str) -> None:
    """Raises Unauthorized unless the header carries the sandbox's own key."""
    scheme, _, given = authorization.partition(" ")
    key = _user_of_basic(given) if scheme.lower() == "basic" else given.strip() if scheme.lower() == "bearer" else ""
    if not key:
        raise Unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    if key.startswith(("sk_live_", "rk_live_")):
        raise Unauthorized("This is a sandbox: it takes no live key. Use the sandbox's own test key.")
    if not hmac.compare_digest(key.encode(), secret_key.encode()):
        raise Unauthorized(f"Invalid API Key provided: {_masked(key)}")


def _user_of_basic(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _masked(key: str) -> str:
    return f"{key[:7]}{'*' * 10}{key[-4:]}" if len(key) > 15 else "*" * len(key)


def presented(document: Document) -> Document:
    """The document, or each one in a list, without the sandbox's own keys."""
    if document.get("object") == "list":
        return {**document, "data": [shown(element) for element in document["data"]]}
    return shown(document)


def _refused(refusal: StripeError, request: Request) -> Response:
    return _response(refusal.status, json.dumps(refusal.body(request.request_id)).encode(), request)


def _response(status: int, body: bytes, request: Request, headers: dict[str, str] | None = None) -> Response:
    standard = {"Request-Id": request.request_id, "Stripe-Version": API_VERSION, "Content-Type": "application/json"}
    if request.idempotency_key:
        standard["Idempotency-Key"] = request.idempotency_key
    return Response(status, body, {**standard, **(headers or {})})
