"""Random price books, uses and histories, as plain data that either engine can be told."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.simple_billing import add_months, midnight

ZONES = (
    "UTC", "America/Toronto", "America/St_Johns", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu",
    "Pacific/Auckland", "America/Santiago", "Africa/Casablanca",
)  # fmt: skip
STARTS = (
    date(2024, 1, 31), date(2024, 2, 29), date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 9), date(2025, 10, 26),
    date(2025, 11, 1), date(2025, 12, 31), date(2026, 3, 30), date(2026, 5, 15),
)  # fmt: skip
CURRENCIES = (("CAD", 2), ("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3))


@dataclass(frozen=True)
class Case:
    """A history. Each step is (moment, what, facts); before each, whatever is due by then is closed."""

    timezone: str
    currency: str
    digits: int
    book: dict[str, Any]
    plan: str
    interval: str
    start: datetime
    trial_end: datetime | None
    steps: list[tuple[datetime, str, dict[str, Any]]]
    ends: datetime
    province: str = ""
    """Of Canada, where the customer says where it is; without one no tax is charged."""


def random_case(seed: int, *, with_arrears: bool = True) -> Case:
    """A history; of some of them an invoice is not paid, and the plan gives way to one without a fee for a time."""
    random = Random(seed)
    timezone = random.choice(ZONES)
    zone = ZoneInfo(timezone)
    currency, digits = random.choice(CURRENCIES)
    book = random_book(random, currency)
    start = midnight(random.choice(STARTS), zone)
    has_days = any(pool.get("resets") == "day" for pool in book["pools"].values())
    if not has_days and random.random() < 0.3:
        start += timedelta(seconds=random.randrange(86_400), microseconds=random.choice((0, 1, 999_999)))
    trial_end = None
    if random.random() < 0.2:
        trial_end = midnight(start.astimezone(zone).date() + timedelta(days=random.randint(1, 40)), zone)
    months = random.choice((1, 1, 2, 2, 3, 3, 4, 13))
    ends = add_months(trial_end or start, zone, months) + timedelta(hours=2)
    case = Case(
        timezone=timezone,
        currency=currency,
        digits=digits,
        book=book,
        plan=random.choice(book["plans"])["code"],
        interval=random.choice(("month", "month", "year")),
        start=start,
        trial_end=trial_end,
        steps=random_steps(random, book, start, ends),
        ends=ends,
    )
    return in_arrears(Random(f"arrears {seed}"), case) if with_arrears and not has_days else case


def in_arrears(random: Random, case: Case) -> Case:
    """The same history with invoices that are not paid, and are paid after all, in four of ten cases."""
    if random.random() > 0.4:
        return case
    free = random.choice([plan for plan in case.book["plans"] if plan["code"] != case.plan])
    free["base_price"] = "0"
    for plan in case.book["plans"]:
        if plan["base_price"] != "0":
            plan["after_dunning"] = free["code"]
    seconds = (case.ends - case.start) // timedelta(seconds=1)
    steps: list[tuple[datetime, str, dict[str, Any]]] = []
    for _ in range(random.choice((1, 2, 4))):
        at = case.start + timedelta(seconds=random.randrange(seconds))
        steps.append((at, "move", {}))
        back = at + timedelta(seconds=random.choice((7, 50_000, 900_000, 4_000_000)))
        if back < case.ends:
            steps.append((back, "go_back", {}))
    return replace(case, steps=sorted([*case.steps, *steps], key=lambda step: (step[0], step[1])))


def random_steps(random: Random, book: dict[str, Any], start: datetime, ends: datetime) -> list[Any]:
    seconds = (ends - start) // timedelta(seconds=1)
    steps: list[tuple[datetime, str, dict[str, Any]]] = []
    for _ in range(random.choice((0, 3, 8, 20))):
        at = start + timedelta(seconds=random.randrange(seconds))
        late = timedelta(seconds=random.randrange(34 * 86_400)) if random.random() < 0.25 else timedelta()
        units = f"{random.choice((1, 7, 40, 333, 2_500))}.{random.choice(('0', '5', '125', '001'))}"
        facts = {"event_type": random.choice(list(book["meters"])), "units": units, "occurred": max(start, at - late)}
        steps.append((at, "use", facts))
    for _ in range(random.choice((0, 0, 1, 4))):
        at = start + timedelta(seconds=random.randrange(seconds))
        steps.append((at, "assets", {"count": random.choice((0, 5, 20, 21, 200))}))
    has_days = any(pool.get("resets") == "day" for pool in book["pools"].values())
    for _ in range(0 if has_days else random.choice((0, 1, 2, 4))):
        at = start + timedelta(seconds=random.randrange(seconds))
        facts = {"plan": random.choice(book["plans"])["code"], "interval": random.choice(("month", "year"))}
        steps.append((at, "change", facts))
    if random.random() < 0.15:
        steps.append((start + timedelta(seconds=random.randrange(seconds)), "cancel", {}))
    return sorted(steps, key=lambda step: (step[0], step[1]))


def random_book(random: Random, currency: str) -> dict[str, Any]:
    """Two or three plans of one book; what one plan sells beyond its allowance another may not."""
    days = random.random() < 0.25
    pools = {"alpha": {"name": "Alpha", "unit": "credit"}}
    if random.random() < 0.5:
        pools["beta"] = {"name": "Beta", "unit": "call", **({"resets": "day"} if days else {})}
    meters = {
        f"m{number}": {
            "name": f"m{number}", "unit": "unit", "pool": random.choice(list(pools)),
            "credits_per_unit": random.choice(("1", "0.5", "0.125", "5", "500", "0.001")),
        }
        for number in range(random.choice((1, 2, 4)))
    }  # fmt: skip
    return {
        "code": "oracle",
        "name": "Oracle",
        "currency": currency,
        "annual_discount_pct": random.choice(("0", "20", "16.666666")),
        "pools": pools,
        "meters": meters,
        "plans": [random_plan(random, f"P{number}", pools) for number in range(random.choice((2, 3)))],
    }


def random_plan(random: Random, code: str, pools: dict[str, Any]) -> dict[str, Any]:
    plan: dict[str, Any] = {
        "code": code,
        "name": code,
        "base_price": random.choice(("0", "10", "29.99", "499", "1999.99", "0.01")),
        "allowances": {pool: random.choice(("1", "100", "2500.5", "30000")) for pool in pools if random.random() < 0.8},
        "overage": {pool: random_charge(random) for pool in pools if random.random() < 0.85},
    }
    if random.random() < 0.4:
        plan["assets"] = {"basis": random.choice(("latest", "peak", "average")), **random_charge(random)}
    return plan


def random_charge(random: Random) -> dict[str, Any]:
    model = random.choice(("flat", "per_unit", "package", "graduated", "volume"))
    rates = ("0", "0.0020", "0.000001", "3", "0.333333333333", "1.005")
    charge: dict[str, Any] = {"model": model}
    if model == "flat":
        charge["amount"] = random.choice(rates)
    elif model == "per_unit":
        charge["unit_price"] = random.choice(rates)
    elif model == "package":
        charge |= {"package_size": random.choice(("1", "7", "100.5")), "package_price": random.choice(rates)}
    else:
        tops = sorted(random.sample(range(1, 400), random.randint(0, 3)))
        charge["tiers"] = [
            {"unit_price": random.choice(rates)}
            | ({"up_to": str(top)} if top else {})
            | ({"flat_fee": random.choice(rates)} if random.random() < 0.3 else {})
            for top in (*tops, None)
        ]
    if random.random() < 0.3:
        charge["included"] = random.choice(("0", "5", "19.5"))
    if random.random() < 0.2:
        charge["minimum"] = random.choice(("0", "2.5"))
    if random.random() < 0.2:
        charge["maximum"] = random.choice(("2.5", "250"))
    return charge
