"""The node's first page, what stands on its shelf, and the one to sign in. The web app takes their place
once it is built."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

FOLDER = Path(__file__).parent / "home"
# Nothing from elsewhere, nothing inline, in nobody's frame.
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


def add_home(api: FastAPI, needs: Sequence[Any]) -> None:
    """`needs` are the dependencies of pages that are not for everybody."""

    @api.get("/", include_in_schema=False, dependencies=needs)
    async def home() -> FileResponse:
        return _page("index.html")

    @api.get("/login", include_in_schema=False)
    async def login() -> FileResponse:
        return _page("login.html")

    api.mount("/home", StaticFiles(directory=FOLDER), name="home")


def _page(name: str) -> FileResponse:
    return FileResponse(
        FOLDER / name, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    )
