"""The report of a run over HTTP: a file to keep, in either language, with a code that leads back to the run."""

import io

import pytest
from pypdf import PdfReader

from tests.app.api.conftest import PASSWORD, Client, Customer, World, assert_problem
from tests.app.api.test_gain_share_api import RUNS, harbour, submitted

__all__ = ["harbour"]


@pytest.fixture
def run_id(client: Client, world: World, harbour: Customer) -> str:
    return str(submitted(client, world, harbour)["gainshare_run_id"])


def text_of(content: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content), strict=True).pages)


def test_a_report_is_a_file_to_keep_and_its_code_leads_back(
    client: Client,
    world: World,
    harbour: Customer,
    run_id: str,
) -> None:
    address = f"{RUNS}/{run_id}/pdf"
    answer = client.get(address, headers=harbour.headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["content-disposition"] == f'attachment; filename="gain-share-{run_id}.pdf"'
    assert client.get(address, headers=harbour.headers).content == answer.content
    text = text_of(answer.content)
    assert "15% of documented savings of $2,484,000.00" in text
    code = text.split("Verification code ")[1].split()[0]
    told = client.get(f"/v1/documents/{code}", headers=harbour.headers).json()
    assert (told["kind"], told["id"], told["invoice_id"], told["total"]) == (
        "gain_share_run", run_id, None, "372600.00",
    )  # fmt: skip
    assert_problem(client.get(f"/v1/documents/{code}", headers=world.acme.headers), 404, "not_found", "code")
    french = client.get(address, params={"language": "fr"}, headers=harbour.headers)
    assert "Rapport de partage des gains" in text_of(french.content)
    assert_problem(client.get(address, params={"language": "de"}, headers=harbour.headers), 422, "invalid", "language")
    assert_problem(client.get(address, headers=world.acme.headers), 404, "not_found", "run_id")


def test_a_signed_in_person_downloads_their_own(
    client: Client,
    world: World,
    harbour: Customer,
    run_id: str,
) -> None:
    path = f"/session/gain-share/{run_id}/pdf"
    led = client.get(path)
    assert (led.status_code, led.headers["location"].startswith("/sign-in")) == (303, True)
    assert client.post("/session", data={"email": world.acme.email, "password": PASSWORD}).status_code == 303
    assert_problem(client.get(path), 404, "not_found", "run_id")
    assert client.post("/session", data={"email": harbour.email, "password": PASSWORD}).status_code == 303
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
