"""An answer that leaves in one write is the answer that two writes make."""

import asyncio
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from starlette.types import Receive, Scope, Send

from feria.settings import WebSettings
from feria.web.bare import WHOLE, send_json
from listening import listening


async def whole(scope: Scope, receive: Receive, send: Send) -> None:
    assert WHOLE in scope["extensions"]
    await send_json(scope, send, b'{"answer":42}', 503, {"Retry-After": "7"})


async def halves(scope: Scope, receive: Receive, send: Send) -> None:
    await send_json({**scope, "extensions": {}}, send, b'{"answer":42}', 503, {"Retry-After": "7"})


async def said(app: Any, path: Path, request: bytes) -> bytes:
    """All that comes back until the connection is closed, or has been silent for a while."""
    heard = b""
    async with listening(app, path, WebSettings()):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(request)
        with anyio.move_on_after(0.5):
            while piece := await reader.read(65536):
                heard += piece
        writer.close()
    return b"\r\n".join(line for line in heard.split(b"\r\n") if not line.startswith(b"date:"))


ASK = b"GET / HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        ASK + b"\r\n",
        ASK.replace(b"GET", b"HEAD") + b"\r\n",
        ASK + b"connection: close\r\n\r\n",
        ASK.replace(b"1.1", b"1.0") + b"\r\n",
        (ASK + b"\r\n") * 3,
        ASK.replace(b"GET", b"POST") + b"content-length: 2\r\n\r\nhi",
    ],
    ids=["GET", "HEAD", "close", "HTTP/1.0", "pipelined", "POST"],
)
async def test_it_says_the_same_in_one_write_as_in_two(tmp_path: Path, request_: bytes) -> None:
    one = await said(whole, tmp_path / "one", request_)
    assert one == await said(halves, tmp_path / "two", request_)
    assert one.startswith(b"HTTP/1.1 503 ")


async def test_a_connection_serves_one_whole_answer_after_another(tmp_path: Path) -> None:
    async with listening(whole, tmp_path / "socket", WebSettings()) as held:
        transport = httpx.AsyncHTTPTransport(uds=str(tmp_path / "socket"))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            for _ in range(3):
                reply = await http.post("/", content=b"body")
                assert (reply.status_code, reply.json()) == (503, {"answer": 42})
            assert len(held.connections) == 1
