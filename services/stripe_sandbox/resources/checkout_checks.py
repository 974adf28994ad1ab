"""What the parameters of a checkout session are refused for."""

import re
from collections.abc import Mapping
from typing import Any, Final

from services.stripe_sandbox.clock import DAY
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.resources.customers import live_customer
from services.stripe_sandbox.world import World

REFERENCE: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")
TRIAL_DAYS_MAX: Final = 730
NOT_TOGETHER: Final = (
    ("customer", "customer_email"),
    ("customer", "customer_creation"),
    ("allow_promotion_codes", "discounts"),
)


def check_session(world: World, params: Mapping[str, Any], mode: str) -> None:
    """Raises StripeError for what cannot be asked together, or not in that mode."""
    for one, other in NOT_TOGETHER:
        if params.get(one) and params.get(other):
            raise StripeError(f"You may only specify one of these parameters: {one}, {other}.", param=one)
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise StripeError("The sandbox has hosted checkout pages only.", param="ui_mode")
    for name in ("success_url", "cancel_url"):
        if name in params and not params[name].startswith(("http://", "https://")):
            raise StripeError("Not a valid URL", code="url_invalid", param=name)
    if len(params.get("discounts") or []) > 1:
        raise StripeError("You may only specify one discount.", param="discounts")
    if "client_reference_id" in params and REFERENCE.fullmatch(params["client_reference_id"]) is None:
        raise StripeError(
            "Invalid client_reference_id: at most 200 letters, digits, dashes or underscores.",
            param="client_reference_id",
        )
    if mode != "payment" and params.get("customer_creation"):
        raise StripeError("`customer_creation` can only be used in `payment` mode.", param="customer_creation")
    if mode != "subscription" and params.get("subscription_data"):
        raise StripeError(
            "You can not pass `subscription_data` unless in `subscription` mode.", param="subscription_data"
        )
    _check_trial(world, params.get("subscription_data", {}))
    _check_customer(world, params)


def _check_trial(world: World, given: Mapping[str, Any]) -> None:
    days, end = given.get("trial_period_days"), given.get("trial_end")
    if days is not None and end is not None:
        raise StripeError(
            "You may only specify one of these parameters: trial_end, trial_period_days.", param="trial_end"
        )
    if days is not None and not 1 <= days <= TRIAL_DAYS_MAX:
        raise StripeError(
            f"The number of trial period days must be between 1 and {TRIAL_DAYS_MAX}.",
            param="subscription_data[trial_period_days]",
        )
    if end is not None and end < world.now() + 2 * DAY:
        raise StripeError(
            "The `trial_end` date has to be at least 2 days in the future.", param="subscription_data[trial_end]"
        )


def _check_customer(world: World, params: Mapping[str, Any]) -> None:
    updates = params.get("customer_update")
    if params.get("customer") is None:
        if updates:
            raise StripeError("`customer_update` can only be used with `customer`.", param="customer_update")
        return
    live_customer(world, params["customer"])
    collects_tax_id = params.get("tax_id_collection", {}).get("enabled")
    if collects_tax_id and (updates or {}).get("name") != "auto":
        raise StripeError(
            "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an "
            "existing customer, please set `customer_update[name]` to `auto`.",
            param="tax_id_collection[enabled]",
        )
