"""The web app: its one page at every address that it has, and the files that the page asks for.

`make app` builds it into the folder `app` beside this file. All its files but the page have a digest in their
names and are kept by browsers for good; each lies there in Brotli and gzip too.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Scope

from feria.errors import NotFound

APP = Path(__file__).parent / "app"
OPEN_PAGES = ("/", "/shop", "/shop/{deeper:path}", "/mood", "/chat", "/chat/{deeper:path}", "/login")
"""What shoppers, who have no account, see."""
ROOMS = (
    *("/models", "/models/{deeper:path}"),
    *("/federation", "/federation/{deeper:path}"),
    *("/cluster", "/cluster/{deeper:path}"),
    "/settings",
)
"""What those see who run the node."""

# Nothing from elsewhere, nothing inline, in nobody's frame. A model that runs in the browser is WebAssembly,
# and a picture that a shopper has chosen a blob.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
# A worker goes by the policy of its own file. The second lets WebAssembly have threads.
ON_FILES = {"content-security-policy": POLICY, "cross-origin-embedder-policy": "require-corp"}
ON_PAGE = {
    **ON_FILES,
    "cache-control": "no-cache",
    "permissions-policy": "camera=(self), geolocation=(), microphone=()",
}
ON_ASSETS = {**ON_FILES, "cache-control": "public, max-age=31536000, immutable"}

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".onnx": "application/octet-stream",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
"""Python asks the system, and not every system knows them."""
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))

NO_APP = "This node has no web app. In a checkout, `make app` builds it; FERIA_BUILD_APP=0 had left it out."


def add_pages(api: FastAPI, needs: Sequence[Any], folder: Path = APP) -> None:
    """`needs` are the dependencies of pages that are not for everybody; `folder`, where the app is."""
    app = _Files(folder, ON_PAGE)

    async def page(request: Request) -> Response:
        try:
            return await app.get_response("index.html", request.scope)
        except HTTPException:
            raise NotFound(NO_APP) from None

    for path in OPEN_PAGES:
        api.add_api_route(path, page, include_in_schema=False)
    for path in ROOMS:
        api.add_api_route(path, page, include_in_schema=False, dependencies=needs)
    api.mount("/assets", _Files(folder / "assets", ON_ASSETS), name="assets")


class _Files(StaticFiles):
    """Each in the smallest form that lies there and that the caller reads."""

    def __init__(self, folder: Path, headers: dict[str, str]) -> None:
        super().__init__(directory=folder, check_dir=False)
        self._headers = headers

    async def check_config(self) -> None:
        """A node without its app has no such folder, and no file either."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        path = Path(full_path)
        encoding, form = _smallest(path, Headers(scope=scope).get("accept-encoding", ""))
        answer = super().file_response(form, form.stat(), scope, status_code)
        answer.headers.update(self._headers)
        answer.headers["vary"] = "Accept-Encoding"
        if answer.status_code != 304:
            answer.headers["content-type"] = TYPES.get(path.suffix, "application/octet-stream")
        if encoding:
            answer.headers["content-encoding"] = encoding
        return answer


def _smallest(path: Path, accepted: str) -> tuple[str | None, Path]:
    read = set()
    for one in accepted.lower().split(","):
        name, _, weight = one.partition(";")
        if weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}:
            read.add(name.strip())
    for encoding, suffix in ENCODINGS:
        form = path.with_name(path.name + suffix)
        if encoding in read and form.is_file():
            return encoding, form
    return None, path
