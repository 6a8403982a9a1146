"""What is used of uvicorn's inside is there, and works as it must."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from feria.chat.transports import TRANSPORT, OpenSockets, close_frame, text_frame, transport_of
from feria.cli.serving import listen
from feria.cli.stopping import Sockets

SIZES = (0, 1, 125, 126, 127, 65_535, 65_536, 100_000)


async def mixed(scope: Any, receive: Any, send: Any) -> None:
    """Answers each text three times: through uvicorn, past it, and through it again."""
    transport = transport_of(scope)
    assert transport is not None
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        text = message["text"]
        if text == "leave":
            transport.write(close_frame(1013, "so be it"))
            transport.close()
            return
        await send({"type": "websocket.send", "text": f"1{text}"})
        transport.write(text_frame(f"2{text}"))
        await send({"type": "websocket.send", "text": f"3{text}"})


@pytest.fixture
async def url() -> AsyncGenerator[str]:
    with listen("127.0.0.1", 0) as door:
        config = uvicorn.Config(
            mixed, ws=OpenSockets, ws_per_message_deflate=False, log_config=None, lifespan="off"
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[door]))
        yield f"ws://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        await serving


async def test_frames_written_past_uvicorn_arrive_between_its_own(url: str) -> None:
    async with connect(url, max_size=None) as socket:
        for size in SIZES:
            text = "ñ" * (size // 2) + "x" * (size % 2)
            await socket.send(text)
            assert [await socket.recv() for _ in range(3)] == [f"{number}{text}" for number in (1, 2, 3)]


async def test_no_compression_is_agreed_on_which_frames_would_pass_by(url: str) -> None:
    async with connect(url, compression="deflate") as socket:
        assert socket.protocol.extensions == []


async def test_a_farewell_says_its_code_and_reason(url: str) -> None:
    async with connect(url) as socket:
        await socket.send("leave")
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert (socket.close_code, socket.close_reason) == (1013, "so be it")


def test_a_node_serves_with_these_sockets() -> None:
    assert issubclass(Sockets, OpenSockets)


def test_on_another_server_there_is_no_transport() -> None:
    assert transport_of({"type": "websocket"}) is None
    assert transport_of({"type": "websocket", "extensions": {TRANSPORT: None}}) is None
