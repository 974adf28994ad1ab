"""The HTTP API, one router a resource."""

from fastapi import FastAPI


def create_api() -> FastAPI:
    """The FastAPI application that is served beside the pages."""
    api = FastAPI(title="Tallystick")

    @api.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"ok": True}

    return api
