"""The node's first page: what stands on its shelf. The web app takes its place once it is built."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

FOLDER = Path(__file__).parent / "home"
# Nothing from elsewhere, nothing inline, in nobody's frame.
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


def add_home(api: FastAPI) -> None:
    @api.get("/", include_in_schema=False)
    async def home() -> FileResponse:
        return FileResponse(
            FOLDER / "index.html",
            headers={"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"},
        )

    api.mount("/home", StaticFiles(directory=FOLDER), name="home")
