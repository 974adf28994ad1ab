"""Have one thing after another stand at Stripe as it is wanted: found, made, changed or made anew, and noted here."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from models import CatalogKind
from services.database import transaction
from services.gateways.stripe import catalog
from services.gateways.stripe.catalog import CatalogThing, Shelf
from services.gateways.stripe.client import Stripe
from services.payments.stripe_catalog import NotedThing, fingerprint_of, forget_entry, keep_entry
from services.payments.stripe_wanted import Wanted
from services.settings import settings

Action = Literal["unchanged", "found", "created", "changed", "replaced", "removed"]
NOT_MADE_YET: Final = "(not made yet)"
_SHELF: Final[dict[CatalogKind, Shelf]] = {
    CatalogKind.PRODUCT: "products",
    CatalogKind.PRICE: "prices",
    CatalogKind.TAX_RATE: "tax_rates",
    CatalogKind.PAYMENT_LINK: "payment_links",
    CatalogKind.PORTAL_CONFIGURATION: "portal_configurations",
    CatalogKind.WEBHOOK_ENDPOINT: "webhook_endpoints",
}


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One thing and what was done about it, or would be in a dry run. `found`: it was there, and is noted here now."""

    key: str
    kind: CatalogKind
    action: Action
    stripe_id: str
    url: str | None = None


@dataclass
class SettingUp:
    """One run: what stands on each shelf, read once, and what was done so far."""

    stripe: Stripe
    at: datetime
    is_dry_run: bool
    noted: dict[str, NotedThing]
    steps: list[SetupStep] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    webhook_secret: str | None = None
    _shelves: dict[CatalogKind, dict[str, list[CatalogThing]]] = field(default_factory=dict)

    def look_up_prices(self, lookup_keys: list[str]) -> None:
        """Read the prices of these names; they are many, and found by name alone."""
        found = catalog.find_prices(self.stripe, lookup_keys=lookup_keys)
        self._shelves[CatalogKind.PRICE] = _by_key(found)

    def put(self, wanted: Wanted) -> str:
        """Have it stand there, and only it under its name. Answers its id."""
        standing = self._standing(wanted)
        chosen = self._chosen(wanted, standing)
        action: Action = "unchanged"
        if chosen is None or self._must_be_made_anew(wanted, chosen):
            action = "created" if chosen is None or not chosen.is_active else "replaced"
            chosen = self._make(wanted, previous=chosen)
        elif chosen.fingerprint != wanted.fingerprint or not chosen.is_active:
            action = "changed"
            chosen = self._change(wanted, chosen)
        self._retire_others(wanted, standing, chosen)
        if self._keep(wanted, chosen) and action == "unchanged":
            action = "found"
        self.steps.append(SetupStep(wanted.key, wanted.kind, action, chosen.id, chosen.url))
        return chosen.id

    def remove(self, noted: NotedThing) -> None:
        """Take what we noted off sale there, and forget it."""
        if not self.is_dry_run:
            catalog.retire_thing(self.stripe, shelf=_SHELF[noted.kind], thing_id=noted.stripe_id)
            with transaction() as session:
                forget_entry(session, account=self.stripe.account, lookup_key=noted.lookup_key)
        self.steps.append(SetupStep(noted.lookup_key, noted.kind, "removed", noted.stripe_id, noted.url))

    def _standing(self, wanted: Wanted) -> list[CatalogThing]:
        shelf = self._shelves.get(wanted.kind)
        if shelf is None:
            shelf = _by_key(catalog.list_things(self.stripe, shelf=_SHELF[wanted.kind]))
            self._shelves[wanted.kind] = shelf
        return shelf.get(wanted.key, [])

    def _chosen(self, wanted: Wanted, standing: list[CatalogThing]) -> CatalogThing | None:
        """The right one, else the one we noted, else one on sale; the newest of several."""
        noted = self._noted_id(wanted)
        return max(
            standing,
            key=lambda one: (one.fingerprint == wanted.fingerprint, one.is_active, one.id == noted),
            default=None,
        )

    def _must_be_made_anew(self, wanted: Wanted, chosen: CatalogThing) -> bool:
        if wanted.kind == CatalogKind.WEBHOOK_ENDPOINT and not self._knows_secret_of(wanted, chosen):
            return True
        return catalog.is_fixed(wanted.ware) and chosen.fingerprint != wanted.fingerprint

    def _knows_secret_of(self, wanted: Wanted, chosen: CatalogThing) -> bool:
        noted = self.noted.get(wanted.key)
        is_kept = noted is not None and noted.stripe_id == chosen.id and noted.has_secret
        return is_kept or settings().stripe_webhook_secret is not None

    def _make(self, wanted: Wanted, previous: CatalogThing | None) -> CatalogThing:
        if self.is_dry_run:
            return CatalogThing(NOT_MADE_YET, wanted.key, wanted.fingerprint, is_active=True, url=None)
        instead_of = previous.id if previous is not None else self._noted_id(wanted) or ""
        made = catalog.make_thing(
            self.stripe,
            key=fingerprint_of(["set-up", wanted.key, wanted.ware.params(), instead_of]),
            name=wanted.key,
            fingerprint=wanted.fingerprint,
            ware=wanted.ware,
        )
        if made.secret is not None:
            self.webhook_secret = made.secret
        return made

    def _change(self, wanted: Wanted, chosen: CatalogThing) -> CatalogThing:
        if self.is_dry_run:
            return chosen
        return catalog.change_thing(
            self.stripe, thing_id=chosen.id, name=wanted.key, fingerprint=wanted.fingerprint, ware=wanted.ware
        )

    def _retire_others(self, wanted: Wanted, standing: list[CatalogThing], chosen: CatalogThing) -> None:
        """Before the new one is noted: a run that ends in between finds the old one noted, and retires it then."""
        others = {one.id for one in standing if one.is_active}
        known = {one.id for one in standing}
        noted = self._noted_id(wanted)
        if noted is not None and (noted not in known or noted in others):
            others.add(noted)
        if not self.is_dry_run:
            for other in sorted(others - {chosen.id}):
                catalog.retire_thing(self.stripe, shelf=_SHELF[wanted.kind], thing_id=other)

    def _keep(self, wanted: Wanted, chosen: CatalogThing) -> bool:
        """Note it; False where it was noted as it is."""
        noted = self.noted.get(wanted.key)
        is_noted = noted is not None and (noted.stripe_id, noted.fingerprint, noted.url) == (
            chosen.id,
            wanted.fingerprint,
            chosen.url,
        )
        if is_noted and chosen.secret is None:
            return False
        if not self.is_dry_run:
            with transaction() as session:
                keep_entry(
                    session,
                    account=self.stripe.account,
                    lookup_key=wanted.key,
                    kind=wanted.kind,
                    stripe_id=chosen.id,
                    fingerprint=wanted.fingerprint,
                    url=chosen.url,
                    secret=chosen.secret,
                    at=self.at,
                )
        return True

    def _noted_id(self, wanted: Wanted) -> str | None:
        noted = self.noted.get(wanted.key)
        return None if noted is None else noted.stripe_id


def _by_key(found: Iterable[CatalogThing]) -> dict[str, list[CatalogThing]]:
    """By our name, the newest first, as Stripe lists them."""
    shelf: dict[str, list[CatalogThing]] = defaultdict(list)
    for one in found:
        shelf[one.key].append(one)
    return shelf
