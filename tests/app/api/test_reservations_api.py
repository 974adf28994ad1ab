"""Reservations over HTTP."""

from typing import Any

from tests.app.api.conftest import Client, World, assert_problem

PATH = "/v1/usage/reservations"
JOB = {"event_type": "optimizer_job", "units": 4}


def reserve(client: Client, world: World, **body: Any) -> Any:
    return client.post(PATH, json=JOB | body, headers=world.acme.headers)


def finalize(client: Client, world: World, id: str, **body: Any) -> Any:
    return client.post(f"{PATH}/{id}/finalize", json={"units": 3} | body, headers=world.acme.headers)


def test_hold_then_finalise(world: World, client: Client) -> None:
    held = reserve(client, world, reservation_id="night-run", expires_in=60)
    assert held.status_code == 201, held.text
    document = held.json()
    assert {name: document[name] for name in ("reservation_id", "credits_held", "overage_credits", "status")} == {
        "reservation_id": "night-run",
        "credits_held": "2000",
        "overage_credits": "0",
        "status": "held",
    }
    assert document["remaining_credits"] == "998000"
    summary = client.get("/v1/usage/summary", headers=world.acme.headers).json()
    assert (summary["total_credits"], summary["remaining_credits"]) == ("0", "998000")
    done = finalize(client, world, "night-run", meta={"nodes": 3})
    assert done.status_code == 200, done.text
    answer = done.json()
    assert (answer["event_id"], answer["credits_burned"], answer["remaining_credits"]) == (
        "night-run",
        "1500",
        "998500",
    )
    assert (answer["was_held"], answer["duplicate"]) == (True, False)
    again = finalize(client, world, "night-run", meta={"nodes": 3}).json()
    assert again == answer | {"duplicate": True}


def test_hold_then_release(world: World, client: Client) -> None:
    id = reserve(client, world).json()["reservation_id"]
    for _ in range(2):
        released = client.post(f"{PATH}/{id}/release", headers=world.acme.headers)
        assert (released.status_code, released.json()["status"]) == (200, "released")
    assert_problem(finalize(client, world, id), 409, "reservation_conflict", "reservation_id")
    summary = client.get("/v1/usage/summary", headers=world.acme.headers).json()
    assert (summary["total_credits"], summary["remaining_credits"]) == ("0", "1000000")


def test_the_same_idempotency_key_holds_once(world: World, client: Client) -> None:
    headers = world.acme.headers | {"Idempotency-Key": "night"}
    first, again = (client.post(PATH, json=JOB, headers=headers) for _ in range(2))
    assert first.json() == again.json()
    assert client.get("/v1/usage/summary", headers=world.acme.headers).json()["remaining_credits"] == "998000"


def test_refusals_name_the_field(world: World, client: Client) -> None:
    assert_problem(reserve(client, world, units=0), 422, "invalid_units", "units")
    assert_problem(reserve(client, world, event_type="none"), 422, "unknown_event_type", "event_type")
    for expires_in in (0, 86_401, "60", 1.5, True):
        assert_problem(reserve(client, world, expires_in=expires_in), 422, "invalid", "expires_in")
    for id in ("a b", "x" * 65, "a/b", 5):
        assert_problem(reserve(client, world, reservation_id=id), 422, "invalid", "reservation_id")
    assert_problem(reserve(client, world, meta={}), 422, "invalid", "meta")
    assert_problem(client.post(PATH, json=[], headers=world.acme.headers), 422, "invalid")
    assert_problem(finalize(client, world, "none"), 404, "not_found", "reservation_id")
    assert reserve(client, world, reservation_id="one").status_code == 201
    assert_problem(reserve(client, world, reservation_id="one", units=5), 409, "reservation_conflict", "reservation_id")
    assert_problem(finalize(client, world, "one", units=-1), 422, "invalid_units", "units")
    assert_problem(finalize(client, world, "one", site="nowhere"), 422, "unknown_site", "site")
    assert_problem(finalize(client, world, "one", event_type="x"), 422, "invalid", "event_type")
    assert finalize(client, world, "one").status_code == 200
    other = client.post(f"{PATH}/one/release", headers=world.borealis.headers)
    assert_problem(other, 404, "not_found", "reservation_id")
    mine = client.post(f"{PATH}/one/release", headers=world.acme.headers)
    assert_problem(mine, 409, "reservation_conflict", "reservation_id")
