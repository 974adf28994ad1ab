"""Keep the files that show what was said, as they were sent, and give them back to who may see them."""

import hashlib
import zipfile
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from typing import Final

from sqlalchemy.orm import defer
from sqlmodel import Session, col, func, select

from models import EvidenceFile
from models.evidence import EVIDENCE_BYTES_MAX, FILE_NAME_MAX
from services.errors import NotFound, TooLarge, Unprocessable, UnsupportedMediaType
from services.gain_share.parties import Signer
from services.identifiers import new_id
from services.tenants import lock_head

STORED_BYTES_MAX: Final = 2 * 1024**3
"""Of all files of one customer together."""

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
ACCEPTED: Final = "pdf, png, jpeg, csv, txt, xlsx and docx"


def store_evidence(
    session: Session, *, tenant_id: str, name: str, content: bytes, signer: Signer, at: datetime
) -> EvidenceFile:
    """Keep a file. The same bytes again give the row they were kept in first, under its first name.

    Raises UnsupportedMediaType where it is none of ACCEPTED, by its name and by what is in it, TooLarge, and
    Unprocessable for an empty one or a name that is none.
    """
    media_type = checked_media_type(name, content)
    sha256 = hashlib.sha256(content).hexdigest()
    lock_head(session, tenant_id=tenant_id)
    known = session.exec(
        select(EvidenceFile)
        .where(EvidenceFile.tenant_id == tenant_id, EvidenceFile.sha256 == sha256)
        .options(defer(EvidenceFile.content))  # type: ignore[arg-type]
    ).first()
    if known is not None:
        return known
    stored = session.exec(select(func.sum(EvidenceFile.size_bytes)).where(EvidenceFile.tenant_id == tenant_id)).one()
    if int(stored or 0) + len(content) > STORED_BYTES_MAX:
        raise TooLarge(f"A customer's files have at most {STORED_BYTES_MAX:,} bytes together; ask us for more room.")
    kept = EvidenceFile(
        tenant_id=tenant_id,
        id=new_id("fil"),
        sha256=sha256,
        name=name,
        media_type=media_type,
        size_bytes=len(content),
        content=content,
        party=signer.party,
        uploaded_by=signer.by,
        uploaded_at=at,
    )
    session.add(kept)
    session.flush()
    return kept


def find_evidence(session: Session, *, tenant_id: str, file_id: str, field: str = "file_id") -> EvidenceFile:
    """What is known of a file; its content is read when it is asked for. Raises NotFound naming `field`."""
    without_content = defer(EvidenceFile.content)  # type: ignore[arg-type]
    known = (tenant_id, file_id) if file_id.isprintable() else None
    found = None if known is None else session.get(EvidenceFile, known, options=[without_content])
    if found is None:
        raise NotFound("There is no such file of this customer; upload it first.", field=field)
    return found


def list_evidence(session: Session, *, tenant_id: str, limit: int, before: str | None = None) -> list[EvidenceFile]:
    """A customer's files, the newest first, those with an id below `before`; without their contents."""
    mine = select(EvidenceFile).where(EvidenceFile.tenant_id == tenant_id)
    if before is not None:
        mine = mine.where(EvidenceFile.id < before)
    without_content = defer(EvidenceFile.content)  # type: ignore[arg-type]
    return list(session.exec(mine.order_by(col(EvidenceFile.id).desc()).limit(limit).options(without_content)))


def checked_media_type(name: str, content: bytes) -> str:
    """The media type of a file that may be kept, told by its name and held against its content."""
    if not 0 < len(name) <= FILE_NAME_MAX or not name.isprintable() or "/" in name or "\\" in name or name[0] in ". ":
        raise Unprocessable(f"A file's name has 1 to {FILE_NAME_MAX} printable characters and no slash.", field="file")
    if len(content) > EVIDENCE_BYTES_MAX:
        raise TooLarge(f"A file has at most {EVIDENCE_BYTES_MAX:,} bytes; send a shorter one.", field="file")
    if not content:
        raise Unprocessable("The file is empty; choose another.", field="file")
    kind = _KINDS.get(name.rpartition(".")[2].lower())
    if kind is None:
        raise UnsupportedMediaType(f"Files may be {ACCEPTED}; {name} is none of them.", field="file")
    media_type, is_one = kind
    if not is_one(content):
        raise UnsupportedMediaType(f"{name} does not hold what its name says; files may be {ACCEPTED}.", field="file")
    return media_type


def _begins(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(marks)


def _office(part: str) -> Callable[[bytes], bool]:
    """A zip archive whose table of contents names the main part; nothing of it is unpacked."""

    def is_one(content: bytes) -> bool:
        try:
            with zipfile.ZipFile(BytesIO(content)) as archive:
                return part in archive.namelist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
            return False

    return is_one


def _is_text(content: bytes) -> bool:
    """Text in some encoding: none of the characters that only programs write."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            text = content.decode("utf-16")
        except UnicodeDecodeError:
            return False
        return not any(ord(letter) < 32 and letter not in "\t\r\n\f" for letter in text)
    return not content.translate(None, _TEXT_BYTES)


_TEXT_BYTES: Final = bytes({9, 10, 12, 13, *range(32, 256)} - {127})
_KINDS: Final[dict[str, tuple[str, Callable[[bytes], bool]]]] = {
    "pdf": ("application/pdf", _begins(b"%PDF-")),
    "png": ("image/png", _begins(b"\x89PNG\r\n\x1a\n")),
    "jpg": ("image/jpeg", _begins(b"\xff\xd8\xff")),
    "jpeg": ("image/jpeg", _begins(b"\xff\xd8\xff")),
    "csv": ("text/csv", _is_text),
    "txt": ("text/plain", _is_text),
    "xlsx": (f"{_OFFICE}.spreadsheetml.sheet", _office("xl/workbook.xml")),
    "docx": (f"{_OFFICE}.wordprocessingml.document", _office("word/document.xml")),
}
