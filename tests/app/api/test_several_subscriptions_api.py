"""Several subscriptions of one customer, over HTTP."""

from tests.app.api.conftest import Client, World, assert_problem

TRACK = {"event_type": "LLM_token_usage", "units": 1}


def start(client: Client, world: World, **body: object) -> dict[str, str]:
    answer = client.post("/v1/subscriptions", json={"plan_code": "STARTER"} | body, headers=world.acme.headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


def test_another_needs_a_name_or_a_site(client: Client, world: World) -> None:
    headers = world.acme.headers
    refused = client.post("/v1/subscriptions", json={"plan_code": "STARTER"}, headers=headers)
    assert_problem(refused, 409, "subscription_conflict")
    team, plant = start(client, world, name="Team A"), start(client, world, site="plant-2")
    assert (team["name"], team["site"], plant["name"], plant["site"]) == ("Team A", None, "plant-2", "plant-2")
    listed = client.get("/v1/subscriptions", headers=headers).json()["subscriptions"]
    assert [each["subscription_id"] for each in listed] == [
        world.acme.subscription_id, team["subscription_id"], plant["subscription_id"]
    ]  # fmt: skip
    assert client.get("/v1/subscriptions", headers=world.borealis.headers).json()["subscriptions"][0]["name"] == ""
    again = client.post("/v1/subscriptions", json={"plan_code": "PRO", "name": "Team A"}, headers=headers)
    assert_problem(again, 409, "subscription_conflict")
    wrong = client.post("/v1/subscriptions", json={"plan_code": "PRO", "name": " padded "}, headers=headers)
    assert_problem(wrong, 422, "invalid", "name")


def test_use_of_a_site_is_answered_with_what_its_own_subscription_has_left(client: Client, world: World) -> None:
    start(client, world, site="plant-2")
    headers = world.acme.headers
    there = client.post("/v1/usage/track", json=TRACK | {"site": "plant-2"}, headers=headers).json()
    here = client.post("/v1/usage/track", json=TRACK, headers=headers).json()
    assert (there["remaining_credits"], here["remaining_credits"]) == ("249999", "999999")
    asked = client.post("/v1/usage/check", json=TRACK | {"site": "plant-2"}, headers=headers).json()
    held = client.post("/v1/usage/reservations", json=TRACK | {"site": "plant-2"}, headers=headers).json()
    assert (asked["remaining_credits"], held["remaining_credits"]) == ("249999", "249998")


def test_the_dashboard_and_the_invoices_are_those_of_the_one_that_is_named(client: Client, world: World) -> None:
    plant = start(client, world, site="plant-2")
    headers, its = world.acme.headers, f"?subscription_id={plant['subscription_id']}"
    shown = client.get(f"/v1/billing/dashboard{its}", headers=headers).json()
    assert (shown["plan_code"], shown["name"], shown["site"]) == ("STARTER", "plant-2", "plant-2")
    assert client.get("/v1/billing/dashboard", headers=headers).json()["plan_code"] == "PRO"
    bills = client.get(f"/v1/invoices{its}", headers=headers).json()["invoices"]
    assert [bill["subscription_id"] for bill in bills] == [plant["subscription_id"]]
    assert len(client.get("/v1/invoices", headers=headers).json()["invoices"]) == 2
    for path in ("/v1/billing/dashboard", "/v1/invoices"):
        assert_problem(client.get(f"{path}{its}", headers=world.borealis.headers), 404, "not_found", "subscription_id")
        assert client.get(f"{path}{its}", headers=world.operator_headers).status_code == 200
