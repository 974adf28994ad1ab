"""Files are kept as they came, once, if they are what their name says."""

import hashlib
import zipfile
from datetime import UTC, date, datetime
from io import BytesIO

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from models import Party
from models.evidence import EVIDENCE_BYTES_MAX
from services.errors import NotFound, TooLarge, Unprocessable, UnsupportedMediaType
from services.gain_share import evidence
from services.gain_share.evidence import checked_media_type, find_evidence, list_evidence, store_evidence
from tests.gain_share_given import OURS, THEIRS
from tests.given import Customer, customer

AT = datetime(2026, 7, 10, 12, tzinfo=UTC)
PDF = b"%PDF-1.7 a report"


@pytest.fixture
def acme(session: Session) -> Customer:
    return customer(session, plan="ENTERPRISE", start=date(2026, 1, 1), at=AT)


def office(part: str) -> bytes:
    written = BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(part, "<x/>")
    return written.getvalue()


def test_a_file_is_kept_as_it_came(session: Session, acme: Customer) -> None:
    kept = store_evidence(session, tenant_id=acme.tenant_id, name="März.pdf", content=PDF, signer=THEIRS, at=AT)
    session.expire_all()
    found = find_evidence(session, tenant_id=acme.tenant_id, file_id=kept.id)
    assert (found.name, found.media_type, found.size_bytes) == ("März.pdf", "application/pdf", len(PDF))
    assert (found.sha256, found.content) == (hashlib.sha256(PDF).hexdigest(), PDF)
    assert (found.party, found.uploaded_by) == (Party.CUSTOMER, "usr_theirs")


def test_the_same_bytes_are_kept_once_for_each_customer(session: Session, acme: Customer) -> None:
    other = customer(session, plan="ENTERPRISE", name="Other", start=date(2026, 1, 1), at=AT)
    first = store_evidence(session, tenant_id=acme.tenant_id, name="a.pdf", content=PDF, signer=THEIRS, at=AT)
    again = store_evidence(session, tenant_id=acme.tenant_id, name="b.pdf", content=PDF, signer=OURS, at=AT)
    theirs = store_evidence(session, tenant_id=other.tenant_id, name="b.pdf", content=PDF, signer=OURS, at=AT)
    assert (again.id, again.name) == (first.id, "a.pdf")
    assert theirs.id != first.id
    with pytest.raises(NotFound):
        find_evidence(session, tenant_id=acme.tenant_id, file_id=theirs.id)
    assert [each.id for each in list_evidence(session, tenant_id=acme.tenant_id, limit=9)] == [first.id]


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("a.PDF", PDF, "application/pdf"),
        ("a.png", b"\x89PNG\r\n\x1a\nrest", "image/png"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a.jpeg", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a.csv", "Maschine;Zeit\nSäge;1\n".encode("latin-1"), "text/csv"),
        ("a.csv", "a,b\n".encode("utf-16"), "text/csv"),
        ("a.txt", b"words\n", "text/plain"),
        ("a.xlsx", office("xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (
            "a.docx",
            office("word/document.xml"),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
    ],
)
def test_a_file_that_is_what_its_name_says_is_taken(name: str, content: bytes, media_type: str) -> None:
    assert checked_media_type(name, content) == media_type


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", b"<script>"), ("a.exe", b"MZ"), ("a", b"x"), ("a.svg", b"<svg/>"), ("a.pdf", b"<html>"),
        ("a.png", PDF), ("a.csv", b"a\x00b"), ("a.txt", b"\xff\xfea"), ("a.xlsx", office("word/document.xml")),
        ("a.docx", b"PK\x03\x04broken"), ("a.pdf.exe", PDF),
    ],
)  # fmt: skip
def test_other_files_are_refused_with_the_list(name: str, content: bytes) -> None:
    with pytest.raises(UnsupportedMediaType, match="pdf, png, jpeg, csv, txt, xlsx and docx"):
        checked_media_type(name, content)


@pytest.mark.parametrize("name", ["", "../a.pdf", "a\\b.pdf", ".pdf", "x" * 200 + ".pdf", "a\nb.pdf"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Unprocessable):
        checked_media_type(name, PDF)


def test_empty_and_overlong_files_are_refused(
    session: Session, acme: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unprocessable):
        checked_media_type("a.pdf", b"")
    with pytest.raises(TooLarge):
        checked_media_type("a.pdf", PDF.ljust(EVIDENCE_BYTES_MAX + 1))
    monkeypatch.setattr(evidence, "STORED_BYTES_MAX", len(PDF))
    store_evidence(session, tenant_id=acme.tenant_id, name="a.pdf", content=PDF, signer=THEIRS, at=AT)
    with pytest.raises(TooLarge, match="together"):
        store_evidence(session, tenant_id=acme.tenant_id, name="b.pdf", content=PDF + b"2", signer=THEIRS, at=AT)


def test_the_database_keeps_it_as_it_is(session: Session, acme: Customer) -> None:
    store_evidence(session, tenant_id=acme.tenant_id, name="a.pdf", content=PDF, signer=THEIRS, at=AT)
    for statement in ("UPDATE evidence_file SET name = 'b.pdf'", "DELETE FROM evidence_file"):
        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(text(statement))
