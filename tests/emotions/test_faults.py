"""What may go wrong around a stream: peers that hang, lie or vanish, a node that is killed, a version that
changes under load."""

import asyncio
import base64
import json
import os
import signal
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import anyio.to_thread
import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from cli.running import Feria, RunningNode
from emotions.reading import NAMES, ask, base64_of, by_brightness, heard, publish, shade, streaming
from feria.emotions.emotions import Emotions
from feria.settings import InferenceSettings, Settings, WebSettings
from serving import Served, open_server, until

TEXT, BINARY, FIN, MASKED = 0x1, 0x2, 0x80, 0x80


@pytest.fixture
async def impatient(settings: Settings) -> AsyncGenerator[Served]:
    quick = settings.model_copy(update={"web": WebSettings(read_seconds=0.3)})
    async with open_server(quick) as served, asyncio.timeout(300):
        await publish(served)
        yield served


@asynccontextmanager
async def raw(served: Served) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A stream whose every byte is ours."""
    place = urlsplit(served.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /v1/emotions/stream HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in head, head
    assert b"permessage-deflate" not in head
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def well(served: Served) -> None:
    async with streaming(served) as socket:
        await heard(socket)
        picture = base64_of(shade("happy"))
        assert (await ask(socket, command="predict", image=picture))["emotion_name"] == "happy"


async def test_a_peer_that_is_gone_without_a_word_is_noticed(impatient: Served) -> None:
    async with raw(impatient) as (reader, _):
        await reader.read(1)  # and then no pong, ever
        await until(lambda: impatient.parts[Emotions].streams)
        await until(lambda: not impatient.parts[Emotions].streams)
    await well(impatient)


async def test_who_dribbles_a_frame_is_let_go(impatient: Served) -> None:
    async with raw(impatient) as (reader, writer):
        writer.write(struct.pack("!BBQ4s", FIN | TEXT, MASKED | 127, 2**20, b"abcd"))
        await until(lambda: impatient.parts[Emotions].streams)
        clock = asyncio.get_running_loop().time
        began = clock()
        while not reader.at_eof() and clock() - began < 20:
            writer.write(b"x")
            try:
                async with asyncio.timeout(0.05):
                    await reader.read(65536)
            except TimeoutError:
                continue
            except OSError:
                break
        await until(lambda: not impatient.parts[Emotions].streams)
        assert clock() - began < 10
    await well(impatient)


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack("!BB", FIN | TEXT, 5) + b"hello",
        struct.pack("!BB4s", FIN | 0x3, MASKED, b"abcd"),
        struct.pack("!BB4s", 0x70 | FIN | TEXT, MASKED, b"abcd"),
        struct.pack("!BB4s", FIN, MASKED, b"abcd"),
        struct.pack("!BBQ4s", FIN | BINARY, MASKED | 127, 2**62, b"abcd"),
        struct.pack("!BB4s", FIN | TEXT, MASKED | 2, b"\0\0\0\0") + b"\xff\xfe",
    ],
    ids=["not masked", "unknown kind", "reserved bits", "a rest of nothing", "of exabytes", "not UTF-8"],
)
async def test_what_is_no_websocket_ends_that_connection_only(served: Served, frame: bytes) -> None:
    async with raw(served) as (reader, writer):
        writer.write(frame)
        with anyio.fail_after(300):
            while await reader.read(65536):
                pass
    await well(served)


async def test_a_thousand_who_vanish_with_work_under_way_cost_the_next_nothing(settings: Settings) -> None:
    patient = InferenceSettings(max_waiting=10_000, max_wait_milliseconds=60_000)
    async with (
        open_server(settings.model_copy(update={"inference": patient})) as served,
        asyncio.timeout(300),
    ):
        await publish(served)
        message = json.dumps({"command": "predict", "image": base64_of(shade("happy"))})
        url = served.url.replace("http", "ws", 1) + "/"
        for _ in range(5):
            sockets = await asyncio.gather(*(connect(url, proxy=None, open_timeout=300) for _ in range(200)))
            for socket in sockets:
                await socket.send(message)
            for socket in sockets:
                socket.transport.abort()
        emotions = served.parts[Emotions]
        await until(lambda: not emotions.streams)
        async with streaming(served) as socket:
            await heard(socket)
            began = asyncio.get_running_loop().time()
            said = await ask(socket, command="predict", image=base64_of(shade("sad")))
            assert said["emotion_name"] == "sad"
            assert asyncio.get_running_loop().time() - began < 5


async def test_a_version_that_changes_under_load_fails_nobody(served: Served) -> None:
    pictures = {name: base64_of(shade(name)) for name in NAMES}
    tags: set[str] = set()
    stop = asyncio.Event()

    async def watch() -> int:
        answered = 0
        async with streaming(served) as socket:
            await heard(socket)
            while not stop.is_set():
                name = NAMES[answered % 7]
                said = await ask(socket, command="predict", image=pictures[name])
                assert said["emotion_name"] == name, said
                tags.add(said["model_version_tag"])
                answered += 1
        return answered

    watching = [asyncio.ensure_future(watch()) for _ in range(5)]
    for version in range(2, 6):
        await until(lambda version=version: f"v{version - 1}.0.0" in tags)  # type: ignore[misc]
        await publish(served, by_brightness(sure=5.0 + version))
    await until(lambda: "v5.0.0" in tags)
    stop.set()
    assert all(await asyncio.gather(*watching))
    assert tags == {f"v{version}.0.0" for version in range(1, 6)}


async def test_labels_that_were_said_to_be_stored_survive_kill_9(tmp_path: Path) -> None:
    feria = Feria(tmp_path / "home", tmp_path)
    net = tmp_path / "net.onnx"
    net.write_bytes(by_brightness())
    allowing = {"FERIA_EMOTIONS__ALLOW": '["statistics"]', "FERIA_EMOTIONS__MODEL_PATH": str(net)}
    said = 0
    for _ in range(5):
        starting = feria.node(**allowing)
        node = await anyio.to_thread.run_sync(starting.__enter__)
        try:
            async with httpx.AsyncClient(base_url=node.url, timeout=300) as http:
                counted = await counted_when_ready(http)
                assert said <= counted <= said + 8  # no more than were under way were stored unsaid
                said = counted
            said += await stored_until_killed(node)
        finally:
            await anyio.to_thread.run_sync(starting.__exit__, None, None, None)
    assert said > 50


async def counted_when_ready(http: httpx.AsyncClient) -> int:
    with anyio.fail_after(300):
        while (await http.post("/v1/emotions?allow=mood", content=shade("happy"))).status_code != 200:
            await http.get("/livez")
    total: int = (await http.get("/v1/emotions/statistics")).json()["total"]
    return total


async def stored_until_killed(node: RunningNode) -> int:
    said = 0
    url = node.url.replace("http", "ws", 1) + "/v1/emotions/stream"
    with pytest.raises((OSError, ConnectionClosed)):
        async with connect(url, proxy=None, open_timeout=300) as socket:
            await socket.recv()
            message = json.dumps({"command": "predict", "image": base64_of(shade("sad"))})
            for _ in range(8):
                await socket.send(message)
            while True:
                said += json.loads(await socket.recv()).get("stored") is True
                await socket.send(message)
                if said == 30:
                    node.process.send_signal(signal.SIGKILL)
    return said
