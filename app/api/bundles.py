"""Sending a bundle: one JSON document where it is small, else JSON lines, zipped and streamed page by page."""

from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app import unit_of_work
from app.api.json_body import JSON_TYPE
from app.api.listing import SEQ_MAX
from services.bundles import exports
from services.bundles.exports import DOCUMENT_RECEIPTS_MAX, Export
from services.database import Session, reading

LINES_TYPE: Final = "application/jsonl"
ZIPPED_TYPE: Final = "application/gzip"

BUNDLE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The bundle.",
        "content": {
            JSON_TYPE: {"schema": {"type": "object", "description": "The bundle as one document."}},
            ZIPPED_TYPE: {"schema": {"type": "string", "format": "binary", "description": "JSON lines, gzip."}},
        },
    }
}


class BundleForm(StrEnum):
    DOCUMENT = "document"
    JSONL = "jsonl"


Form = Annotated[
    BundleForm | None,
    Query(
        description=f"One JSON document, of at most {DOCUMENT_RECEIPTS_MAX:,} receipts, or zipped JSON lines. Without "
        "it, the smaller come as a document, unless application/jsonl is accepted."
    ),
]
Since = Annotated[
    int | None,
    Query(ge=1, le=SEQ_MAX, description="The size of a checkpoint you kept: the bundle proves the log grew from it."),
]


async def send_bundle(request: Request, prepare: Callable[[Session], Export], form: BundleForm | None) -> Response:
    """Answer with what `prepare` prepares. Raises TooLarge for a document of too many receipts."""
    wants_lines = LINES_TYPE in request.headers.get("accept", "").lower()

    def write(session: Session) -> tuple[Export, bytes | None]:
        export = prepare(session)
        is_small = export.count <= DOCUMENT_RECEIPTS_MAX and not wants_lines
        if form is BundleForm.DOCUMENT or (form is None and is_small):
            return export, exports.export_document(session, export=export)
        return export, None

    export, document = await unit_of_work.read(write)
    if document is not None:
        return Response(document, headers=_named(export, "json"), media_type=JSON_TYPE)
    chunks = _stream(export)
    return StreamingResponse(chunks, headers=_named(export, "jsonl.gz"), media_type=ZIPPED_TYPE)


async def _stream(export: Export) -> AsyncIterator[bytes]:
    chunks = exports.zipped(exports.export_lines(export, reading))
    while (chunk := await unit_of_work.read_on(next, chunks, None)) is not None:
        yield chunk


def _named(export: Export, suffix: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{export.name}.{suffix}"'}
