"""Putting wares at Stripe under names of ours, and finding them there again.

Prices are found by their lookup key, all else by its metadata. A fingerprint in the metadata says what each was made
from, so that an installation that remembers nothing can tell whether it is still right.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from services.errors import ProviderRefused
from services.gateways.stripe.client import API_VERSION, Stripe, given
from services.gateways.stripe.reading import metadata_of
from services.gateways.stripe.wares import (
    HANDLED_EVENTS,
    PaymentLink,
    PortalConfiguration,
    Price,
    Product,
    SalesTax,
    TieredPrice,
    Ware,
    WebhookEndpoint,
)

KEY: Final = "tallystick_key"
FINGERPRINT: Final = "tallystick_fingerprint"
LOOKUP_KEYS_A_CALL: Final = 10

Shelf = Literal["products", "prices", "tax_rates", "payment_links", "portal_configurations", "webhook_endpoints"]

_SHELVES: Final[Mapping[type[Ware], Shelf]] = {
    Product: "products",
    Price: "prices",
    TieredPrice: "prices",
    SalesTax: "tax_rates",
    PaymentLink: "payment_links",
    PortalConfiguration: "portal_configurations",
    WebhookEndpoint: "webhook_endpoints",
}
_FIXED: Final = {"prices", "tax_rates", "payment_links", "webhook_endpoints"}
"""What nobody can change in all it says: another is made, and this one taken off sale."""


@dataclass(frozen=True, slots=True)
class CatalogThing:
    """One of ours at Stripe. `fingerprint` is "" where somebody changed it there; `secret` is told once, when made."""

    id: str
    key: str
    fingerprint: str
    is_active: bool
    url: str | None
    secret: str | None = field(default=None, repr=False)


def shelf_of(ware: Ware) -> Shelf:
    """Where such a ware stands."""
    return _SHELVES[type(ware)]


def is_fixed(ware: Ware) -> bool:
    """Whether another has to be made where one of these should be different."""
    return shelf_of(ware) in _FIXED


def list_things(stripe: Stripe, *, shelf: Shelf) -> Iterator[CatalogThing]:
    """Everything on a shelf that carries a name of ours, on sale or not."""
    for found in stripe.listed(_service(stripe, shelf).list):
        if metadata_of(found).get(KEY):
            yield _thing(shelf, found)


def find_prices(stripe: Stripe, *, lookup_keys: Iterable[str]) -> Iterator[CatalogThing]:
    """The prices that hold these lookup keys."""
    for some in _batched(sorted(lookup_keys), LOOKUP_KEYS_A_CALL):
        for found in stripe.listed(stripe.v1.prices.list, lookup_keys=list(some)):
            yield _thing("prices", found)


def make_thing(stripe: Stripe, *, key: str, name: str, fingerprint: str, ware: Ware) -> CatalogThing:
    """Put it there under `name`. A price takes the lookup key over from whichever price has it."""
    shelf, params = shelf_of(ware), _marked(ware, name, fingerprint)
    if shelf == "prices":
        params |= {"lookup_key": name, "transfer_lookup_key": True}
    return _thing(shelf, stripe.call(_service(stripe, shelf).create, params, key=key))


def change_thing(stripe: Stripe, *, thing_id: str, name: str, fingerprint: str, ware: Ware) -> CatalogThing:
    """Put it back on sale and, where its kind can be changed, make it what it should be."""
    shelf = shelf_of(ware)
    on_sale = {"disabled": False} if shelf == "webhook_endpoints" else {"active": True}
    params = on_sale if is_fixed(ware) else {**_marked(ware, name, fingerprint), **on_sale}
    return _thing(shelf, stripe.call(_service(stripe, shelf).update, given(thing_id), params))


def retire_thing(stripe: Stripe, *, shelf: Shelf, thing_id: str) -> None:
    """Take it off sale; an endpoint is deleted. One that is not there any more is no matter."""
    service = _service(stripe, shelf)
    try:
        if shelf == "webhook_endpoints":
            stripe.call(service.delete, given(thing_id))
        else:
            stripe.call(service.update, given(thing_id), {"active": False})
    except ProviderRefused as refused:
        if not refused.is_missing:
            raise


def _service(stripe: Stripe, shelf: Shelf) -> Any:
    if shelf == "portal_configurations":
        return stripe.v1.billing_portal.configurations
    return getattr(stripe.v1, shelf)


def _marked(ware: Ware, name: str, fingerprint: str) -> dict[str, Any]:
    params = ware.params()
    return {**params, "metadata": {**params.get("metadata", {}), KEY: name, FINGERPRINT: fingerprint}}


def _thing(shelf: Shelf, found: Mapping[str, Any]) -> CatalogThing:
    metadata = metadata_of(found)
    is_active = found["status"] == "enabled" if shelf == "webhook_endpoints" else found["active"]
    was_changed = _CHANGED.get(shelf, _never)(found)
    return CatalogThing(
        id=found["id"],
        key=metadata.get(KEY) or found.get("lookup_key") or "",
        fingerprint="" if was_changed else metadata.get(FINGERPRINT, ""),
        is_active=is_active,
        url=found.get("url") if shelf in {"payment_links", "webhook_endpoints"} else None,
        secret=found.get("secret"),
    )


def _never(_found: Mapping[str, Any]) -> bool:
    return False


def _portal_was_changed(found: Mapping[str, Any]) -> bool:
    """Whether somebody let customers cancel or change their plan there, where we would not hear of it in time."""
    features = found["features"]
    return bool(features["subscription_cancel"]["enabled"] or features["subscription_update"]["enabled"])


def _endpoint_was_changed(found: Mapping[str, Any]) -> bool:
    return found["api_version"] != API_VERSION or set(found["enabled_events"]) != set(HANDLED_EVENTS)


_CHANGED: Final[Mapping[str, Callable[[Mapping[str, Any]], bool]]] = {
    "portal_configurations": _portal_was_changed,
    "webhook_endpoints": _endpoint_was_changed,
}


def _batched(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    yield from (names[start : start + size] for start in range(0, len(names), size))
