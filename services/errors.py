"""Refusals. Each carries a code for programs, a status for HTTP and a sentence a customer can act on.

Refusal
├── BadRequest 400            the request cannot be understood
│   ├── MalformedJson
│   └── InvalidDelivery       not an event the payment provider signed just now; `reason` says which check failed
├── NotSignedIn 401           no credential, or one that is not valid any more
├── Forbidden 403             the credential does not allow this
│   ├── WrongTenant
│   ├── MissingScope
│   └── FeatureNotIncluded
├── NotFound 404              no such thing for this customer
├── NotAllowedHere 405        the address exists, the method does not
├── Conflict 409              it contradicts what is already recorded
│   ├── EventConflict         same event id, other body
│   ├── IdempotencyConflict   same Idempotency-Key, other request
│   ├── PeriodNotEnded
│   ├── ReservationConflict   it was finalised, released or made otherwise
│   └── SubscriptionConflict
├── TooLarge 413              more than one request may carry
├── UnsupportedMediaType 415
├── Unprocessable 422         understood, but a value is not acceptable; `field` names it
│   ├── UnknownPlan · UnknownEventType · UnknownSite · UnknownPriceBook
│   ├── InvalidUnits
│   ├── NotCorrectable        a correction itself: the event it corrects is to be corrected again
│   ├── EventTooOld · EventInFuture · EventBeforeSubscription
│   ├── SiteLimitReached
│   ├── SubscriptionUnclear   the customer has several; `subscription_ids` lists them
│   ├── InvalidSignature      a signature that was not made by this key over these bytes
│   └── BundleRefused         a bundle of receipts; `seq` is the first receipt that is wrong, where it is one
│       ├── InvalidBundle     it contradicts itself, its signatures or its prices
│       └── Unverifiable      a key or a proof is missing, or it says something this version does not know
├── QuotaReached 429          used up and the plan has no price for more; carries an upgrade address
│   ├── OverageNotAllowed
│   └── SpendCapReached       the customer's own cap; carries where to raise it
├── TooManyAttempts 429       (sign_in_limit.py) wrong passwords; carries how long to wait
├── ProviderRefused 502       the payment provider will not do it; carries its code, the parameter and its status
├── PaymentsUnavailable 503   no payment provider is set up here, or it is set up in a way that must not be
├── ProviderUnavailable 503   the payment provider cannot be reached or is busy; the same call may be made again
├── KeysUnavailable 503       the signing key cannot be had: no master key, or another one
└── Unavailable 503           (availability.py) the database cannot be had, or has not been migrated
"""

from typing import Any, ClassVar

UPGRADE_URL = "/plans/"
RAISE_CAP_URL = "/#spending-limit"


class Refusal(Exception):
    """Something we will not do. `members` are extra fields the caller gets beside the sentence."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "Refused"

    def __init__(self, detail: str, *, field: str | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.members = members


class BadRequest(Refusal):
    status, code, title = 400, "bad_request", "The request cannot be understood"


class MalformedJson(BadRequest):
    code = "malformed_json"


class InvalidDelivery(BadRequest):
    """`reason` is missing, malformed, wrong or stale (the signature), body (what it signs is not an event) or mode."""

    code, title = "invalid_delivery", "This is not an event from the payment provider"

    def __init__(self, detail: str, *, reason: str) -> None:
        super().__init__(detail, reason=reason)
        self.reason = reason


class NotSignedIn(Refusal):
    status, code, title = 401, "not_signed_in", "Sign in first"


class Forbidden(Refusal):
    status, code, title = 403, "forbidden", "Not allowed"


class WrongTenant(Forbidden):
    code = "wrong_tenant"


class MissingScope(Forbidden):
    code = "missing_scope"


class FeatureNotIncluded(Forbidden):
    code = "feature_not_included"


class NotFound(Refusal):
    status, code, title = 404, "not_found", "Not found"


class NotAllowedHere(Refusal):
    status, code, title = 405, "method_not_allowed", "Method not allowed"


class Conflict(Refusal):
    status, code, title = 409, "conflict", "Conflicts with what is recorded"


class EventConflict(Conflict):
    code = "event_conflict"


class IdempotencyConflict(Conflict):
    code = "idempotency_conflict"


class PeriodNotEnded(Conflict):
    code = "period_not_ended"


class ReservationConflict(Conflict):
    code = "reservation_conflict"


class SubscriptionConflict(Conflict):
    code = "subscription_conflict"


class TooLarge(Refusal):
    status, code, title = 413, "too_large", "Too large"


class UnsupportedMediaType(Refusal):
    status, code, title = 415, "unsupported_media_type", "Unsupported content type"


class Unprocessable(Refusal):
    status, code, title = 422, "invalid", "A value is not acceptable"


class UnknownPlan(Unprocessable):
    code = "unknown_plan"


class UnknownPriceBook(Unprocessable):
    code = "unknown_price_book"


class UnknownEventType(Unprocessable):
    code = "unknown_event_type"


class UnknownSite(Unprocessable):
    code = "unknown_site"


class SiteLimitReached(Unprocessable):
    code = "site_limit_reached"


class SubscriptionUnclear(Unprocessable):
    code = "subscription_unclear"


class InvalidSignature(Unprocessable):
    code = "invalid_signature"


class BundleRefused(Unprocessable):
    code = "bundle_refused"

    def __init__(self, detail: str, *, seq: int | None = None) -> None:
        super().__init__(detail, seq=seq)
        self.seq = seq


class InvalidBundle(BundleRefused):
    code, title = "invalid_bundle", "The bundle is not valid"


class Unverifiable(BundleRefused):
    code, title = "unverifiable_bundle", "The bundle cannot be verified"


class InvalidUnits(Unprocessable):
    code = "invalid_units"


class NotCorrectable(Unprocessable):
    code = "not_correctable"


class EventTooOld(Unprocessable):
    code = "event_too_old"


class EventInFuture(Unprocessable):
    code = "event_in_future"


class EventBeforeSubscription(Unprocessable):
    code = "event_before_subscription"


class QuotaReached(Refusal):
    status, code, title = 429, "quota_reached", "Quota reached"


class OverageNotAllowed(QuotaReached):
    code = "overage_not_allowed"


class SpendCapReached(QuotaReached):
    code, title = "spend_cap_reached", "Spending limit reached"


class KeysUnavailable(Refusal):
    status, code, title = 503, "keys_unavailable", "Receipts cannot be signed just now"


class PaymentsUnavailable(Refusal):
    status, code, title = 503, "payments_unavailable", "Payments are not set up"


class ProviderUnavailable(Refusal):
    """The same call under the same key may be made again, `retry_after_seconds` from now where it said so."""

    status, code, title = 503, "payment_provider_unavailable", "The payment provider cannot be reached just now"

    def __init__(self, detail: str, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(detail)
        if retry_after_seconds is not None:
            self.members["retry_after"] = retry_after_seconds
        self.retry_after_seconds = retry_after_seconds


class ProviderRefused(Refusal):
    """Making the same call again would be refused again. `provider_status` is the HTTP status it answered with."""

    status, code, title = 502, "payment_provider_refused", "The payment provider refused"

    def __init__(
        self,
        detail: str,
        *,
        provider_code: str | None = None,
        param: str | None = None,
        provider_status: int | None = None,
    ) -> None:
        super().__init__(detail, provider_code=provider_code, param=param, provider_status=provider_status)
        self.provider_code, self.param, self.provider_status = provider_code, param, provider_status

    @property
    def is_missing(self) -> bool:
        """Whether what the call named is not there: it was deleted, or it belongs to another account."""
        return self.provider_code == "resource_missing"
