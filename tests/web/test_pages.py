"""How a node serves the web app; a small one, that a test has put there."""

import gzip
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from feria.web.pages import add_pages
from feria.web.replies import add_error_replies

SCRIPT = b"export const fair = 'everybody keeps their own stall';\n" * 40
SMALLER = b"pretend that this is Brotli"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assets = tmp_path / "app" / "assets"
    assets.mkdir(parents=True)
    (tmp_path / "app" / "index.html").write_text("<!doctype html><title>feria</title>", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("not of the app", encoding="utf-8")
    (assets / "fair-1a2b.js").write_bytes(SCRIPT)
    (assets / "fair-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT))
    (assets / "fair-1a2b.js.br").write_bytes(SMALLER)
    (assets / "net-3c4d.wasm").write_bytes(b"\0asm\1\0\0\0")
    return tmp_path / "app"


@pytest.fixture
async def http(folder: Path) -> AsyncGenerator[httpx.AsyncClient]:
    async with _serving(folder) as http:
        yield http


def _serving(folder: Path) -> httpx.AsyncClient:
    api = FastAPI()
    add_error_replies(api)
    add_pages(api, [], folder)
    return httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://127.0.0.1")


@pytest.mark.parametrize(
    "path", ["/", "/shop/MUG-1", "/federation/jobs/3?chart=loss", "/cluster/keys/prices/mug", "/settings"]
)
async def test_every_address_of_the_app_is_its_one_page(http: httpx.AsyncClient, path: str) -> None:
    page = await http.get(path)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<title>feria</title>" in page.text
    assert page.headers["cache-control"] == "no-cache"


async def test_an_address_that_the_app_does_not_have_is_not_found(http: httpx.AsyncClient) -> None:
    assert (await http.get("/fedration")).status_code == 404


async def test_the_page_may_run_models_and_see_the_camera_and_ask_nobody_else(
    http: httpx.AsyncClient,
) -> None:
    headers = (await http.get("/")).headers
    policy = dict(one.split(" ", 1) for one in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["form-action"] == "'self'"
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert not any("unsafe-inline" in said or "http" in said for said in policy.values())
    assert "camera=(self)" in headers["permissions-policy"]


async def test_an_unchanged_page_is_not_sent_twice(http: httpx.AsyncClient, folder: Path) -> None:
    first = await http.get("/")
    known = {"If-None-Match": first.headers["etag"]}
    again = await http.get("/shop", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    (folder / "index.html").write_text("<!doctype html><title>feria, newer</title>", encoding="utf-8")
    assert (await http.get("/", headers=known)).status_code == 200


async def test_assets_are_kept_for_good_and_have_their_types(http: httpx.AsyncClient) -> None:
    script, net = [await http.get(f"/assets/{name}") for name in ("fair-1a2b.js", "net-3c4d.wasm")]
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert net.headers["content-type"] == "application/wasm"
    for file in (script, net):
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=0.8, deflate", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("identity", None),
        ("", None),
    ],
)
async def test_a_file_comes_in_the_smallest_form_that_the_browser_reads(
    http: httpx.AsyncClient, accepted: str, encoding: str | None
) -> None:
    async with http.stream("GET", "/assets/fair-1a2b.js", headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    if encoding == "br":
        assert raw == SMALLER
    else:
        assert (gzip.decompress(raw) if encoding else raw) == SCRIPT


@pytest.mark.parametrize("path", ["/assets/../../secret.txt", "/assets/%2e%2e/%2e%2e/secret.txt", "/assets/"])
async def test_nothing_outside_the_assets_is_served(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


async def test_a_node_without_the_app_says_how_to_have_it(tmp_path: Path) -> None:
    async with _serving(tmp_path / "nothing") as http:
        page = await http.get("/shop")
        assert (page.status_code, page.json()["error"]) == (404, "not_found")
        assert "make app" in page.json()["detail"]
        assert (await http.get("/assets/fair-1a2b.js")).status_code == 404
