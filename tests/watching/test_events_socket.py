"""Events over a WebSocket, as a browser hears them."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from feria.access.tokens import Tokens
from feria.access.wire import NewToken, Role, TokenOrder
from feria.events.bus import EventBus
from feria.settings import AccessSettings, EventSettings, Settings, WebSettings
from serving import Served, open_server, until


@pytest.fixture
async def served(settings: Settings) -> AsyncGenerator[Served]:
    impatient = settings.model_copy(
        update={"events": EventSettings(buffer=4), "web": WebSettings(read_seconds=0.5)}
    )
    async with open_server(impatient) as served:
        with anyio.fail_after(300):
            yield served


@pytest.fixture
async def locked(settings: Settings) -> AsyncGenerator[Served]:
    async with open_server(settings.model_copy(update={"access": AccessSettings(locked=True)})) as served:
        with anyio.fail_after(300):
            yield served


async def token(served: Served, name: str, role: Role) -> NewToken:
    made: NewToken = await served.parts[Tokens].create(TokenOrder(name=name, role=role))
    return made


def listening(
    served: Served, query: str = "", as_: NewToken | None = None
) -> AbstractAsyncContextManager[ClientConnection]:
    headers = {} if as_ is None else {"Authorization": f"Bearer {as_.token}"}
    url = served.url.replace("http", "ws", 1) + "/v1/events" + query
    return connect(url, additional_headers=headers)


async def tell(served: Served, *events: tuple[str, Any]) -> None:
    """Once somebody listens."""
    bus: Any = served.parts[EventBus]
    await until(lambda: bus._exact or bus._prefixes)
    for topic, data in events:
        bus.publish(topic, data)


async def test_what_was_asked_for_is_told(served: Served) -> None:
    async with listening(served, "?topic=task.1&topic=model.*") as socket:
        await tell(served, ("task.2", 0), ("task.1", {"state": "done"}), ("model.heart", None))
        heard = [json.loads(await socket.recv()) for _ in range(2)]
    assert heard == [
        {"type": "event", "topic": "task.1", "data": {"state": "done"}},
        {"type": "event", "topic": "model.heart", "data": None},
    ]


async def test_who_names_no_topic_hears_all_and_of_what_was_lost(served: Served) -> None:
    async with listening(served) as socket:
        await tell(served, *[("count", number) for number in range(10)])
        assert json.loads(await socket.recv()) == {"type": "missed", "count": 6}
        assert [json.loads(await socket.recv())["data"] for _ in range(4)] == [6, 7, 8, 9]


async def test_what_is_no_topic_is_said_to_be_none(served: Served) -> None:
    async with listening(served, "?topic=a%20b") as socket:
        said = json.loads(await socket.recv())
        assert (said["type"], said["error"]) == ("error", "invalid")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


async def test_who_hangs_up_is_forgotten(served: Served) -> None:
    bus: Any = served.parts[EventBus]
    async with listening(served, "?topic=a&topic=b*") as socket:
        await socket.send("hello?")
        await tell(served, ("b", 1))
        await socket.recv()
    await until(lambda: "a" not in bus._exact and "b" not in bus._prefixes)


async def test_who_does_not_read_is_let_go_and_forgotten(served: Served) -> None:
    place, bus = urlsplit(served.url), served.parts[EventBus]
    reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=1024)
    key = base64.b64encode(b"0123456789abcdef").decode()
    writer.write(
        f"GET /v1/events?topic=a HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    await tell(served)
    while "a" in bus._exact:
        bus.publish("a", "x" * 1_000_000)
        await asyncio.sleep(0.001)
    await until(lambda: not served.server.server_state.connections)
    writer.transport.abort()


async def test_a_node_that_stops_says_goodbye_with_1001(served: Served) -> None:
    async with listening(served) as socket:
        await tell(served, ("a", 1))
        await socket.recv()
        served.server.drain()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


async def test_what_somebody_owns_is_told_to_them_and_to_administrators(locked: Served) -> None:
    ana, root = await token(locked, "ana", Role.viewer), await token(locked, "root", Role.admin)
    told = [
        ("task.1", {"owner": "ben", "n": 1}),
        ("task.2", {"owner": "ana", "n": 2}),
        ("model.heart", {"n": 3}),
    ]
    for listener, heard in ((ana, [2, 3]), (root, [1, 2, 3])):
        async with listening(locked, as_=listener) as socket:
            await tell(locked, *told)
            assert [json.loads(await socket.recv())["data"]["n"] for _ in heard] == heard


async def test_who_is_revoked_hears_no_more(locked: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feria.access.lasting.ASK_AGAIN_SECONDS", 0.01)
    ana = await token(locked, "ana", Role.viewer)
    async with listening(locked, as_=ana) as socket:
        await tell(locked, ("a", 1))
        await socket.recv()
        await locked.parts[Tokens].revoke(ana.id, force=True)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


async def test_a_change_on_the_shelf_is_an_event(served: Served) -> None:
    import httpx

    import nets

    async with (
        listening(served, "?topic=model.*") as socket,
        httpx.AsyncClient(base_url=served.url, timeout=300) as http,
    ):
        await tell(served)
        await http.post("/v1/models/one", files={"file": nets.linear([1.0])})
        assert json.loads(await socket.recv())["data"] == {"name": "one", "latest": 1}
        await http.delete("/v1/models/one")
        assert json.loads(await socket.recv())["data"] == {"name": "one", "latest": None}
