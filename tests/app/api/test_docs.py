"""The readable document of the API, which needs nothing from elsewhere."""

import re

from tests.app.api.conftest import Client, World


def test_the_page_loads_only_our_own_files(client: Client, sqlite_world: World) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    loaded = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
    assert loaded
    assert all(address.startswith("/") and not address.startswith("//") for address in loaded)
    for address in loaded:
        if address.startswith("/docs-files/"):
            assert client.get(address).status_code == 200


def test_the_document_is_the_one_it_shows(client: Client, sqlite_world: World) -> None:
    assert "'/openapi.json'" in client.get("/docs").text.replace('"', "'")
    assert client.get("/openapi.json").json()["info"]["title"] == "Tallystick"
