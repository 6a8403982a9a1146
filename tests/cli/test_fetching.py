"""Downloads are bounded and verified."""

import hashlib
from pathlib import Path

import httpx
import pytest

from feria.cli.fetching import fetch
from feria.errors import FeriaError, Invalid, TooLarge, Unavailable

FILE = b"x" * 1000
DIGEST = hashlib.sha256(FILE).hexdigest()


async def pieces():  # type: ignore[no-untyped-def]
    for _ in range(10):
        yield FILE[:100]


# Servers on https that misbehave cannot be had in a test; the answers stand in for them.
def website(request: httpx.Request) -> httpx.Response:
    match request.url.path:
        case "/file":
            return httpx.Response(200, content=FILE)
        case "/silent about its size":
            return httpx.Response(200, content=pieces())
        case "/to http":
            return httpx.Response(302, headers={"Location": "http://other/file"})
        case "/to https":
            return httpx.Response(302, headers={"Location": "https://other/file"})
        case "/circle":
            return httpx.Response(302, headers={"Location": "/circle"})
        case _:
            return httpx.Response(500)


async def get(path: str, to: Path, *, sha256: str | None = None, limit: int = 10_000) -> None:
    transport = httpx.MockTransport(website)
    await fetch(f"https://site{path}", to, sha256, limit, lambda *_: None, transport)


@pytest.mark.parametrize("path", ["/file", "/silent about its size", "/to https"])
async def test_a_file_arrives_whole(path: str, tmp_path: Path) -> None:
    to = tmp_path / "file"
    await get(path, to, sha256=DIGEST)
    assert hashlib.sha256(content(to)).hexdigest() == DIGEST


def content(file: Path) -> bytes:
    return file.read_bytes()


@pytest.mark.parametrize(
    ("path", "limit", "kind"),
    [
        ("/file", 999, TooLarge),
        ("/silent about its size", 999, TooLarge),
        ("/to http", 10_000, Invalid),
        ("/circle", 10_000, Unavailable),
        ("/broken", 10_000, Unavailable),
    ],
)
async def test_what_should_not_arrive_does_not(
    path: str, limit: int, kind: type[FeriaError], tmp_path: Path
) -> None:
    with pytest.raises(kind):
        await get(path, tmp_path / "file", limit=limit)
    assert left(tmp_path) == []


def left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_known_digest_makes_http_good_enough(tmp_path: Path) -> None:
    await get("/to http", tmp_path / "file", sha256=DIGEST)
    assert content(tmp_path / "file") == FILE
