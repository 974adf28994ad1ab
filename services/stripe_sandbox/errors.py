"""The answers Stripe gives when it refuses.

StripeError            400 invalid_request_error
├── ResourceMissing    404 resource_missing
├── UnknownUrl         404
├── Unauthorized       401
├── CardDeclined       402 card_error: what was tried is kept, unless `undo` is set
├── IdempotencyMismatch 400 idempotency_error
├── KeyInUse           409 idempotency_error
├── RateLimited        429 rate_limit_error
└── ServerFault        500 or 503 api_error
"""

from typing import Any, ClassVar

from services.stripe_sandbox.documents import Document


class StripeError(Exception):
    """A refusal in Stripe's own shape. `param` names the parameter, `more` holds further fields of the answer."""

    status: int = 400
    type: ClassVar[str] = "invalid_request_error"

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None, **more: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.more = more

    def body(self, request_id: str) -> Document:
        named = {"code": self.code, "param": self.param, **self.more}
        if self.code is not None:
            named["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        given = {key: value for key, value in named.items() if value is not None}
        url = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": {"message": self.message, "request_log_url": url, "type": self.type, **given}}


class ResourceMissing(StripeError):
    status = 404

    def __init__(self, noun: str, identifier: str, param: str = "id") -> None:
        super().__init__(f"No such {noun}: '{identifier}'", code="resource_missing", param=param)


class UnknownUrl(StripeError):
    status = 404

    def __init__(self, method: str, path: str) -> None:
        super().__init__(
            f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at "
            "https://support.stripe.com/."
        )


class Unauthorized(StripeError):
    status = 401


class CardDeclined(StripeError):
    """The payment failed. The attempt stays on record; `undo` takes the whole call back instead."""

    status = 402
    type = "card_error"
    undo = False


class IdempotencyMismatch(StripeError):
    type = "idempotency_error"


class KeyInUse(StripeError):
    status = 409
    type = "idempotency_error"


class RateLimited(StripeError):
    status = 429
    type = "rate_limit_error"


class ServerFault(StripeError):
    type = "api_error"

    def __init__(self, status: int) -> None:
        super().__init__("An unknown error occurred")
        self.status = status
