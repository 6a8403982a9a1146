"""The mensaje contract, spoken by the stock client from npm."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest

from chat.npm import Driver, open_driver
from feria.settings import ChatSettings, Settings
from serving import Served, open_server

TRANSPORTS = {
    "websocket": {"transports": ["websocket"]},
    "polling": {"transports": ["polling"]},
    "upgrade": {},
}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Served]:
    chat = ChatSettings(messages_per_second=10_000, room_messages_per_second=10_000)
    async with open_server(Settings(home=tmp_path, chat=chat, _env_file=None)) as served:
        yield served


@pytest.fixture
async def npm() -> AsyncGenerator[Driver]:
    async with open_driver() as driver:
        yield driver


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_one_says_all_hear_themselves_included(
    served: Served, npm: Driver, transport: str
) -> None:
    clients = [await npm.connect(served.url, **TRANSPORTS[transport]) for _ in range(3)]
    texts = ["Hola", "¿Qué tal? ñandú 🎪", "<script>alert(1)</script>", '"\\', " con espacios "]
    for text in texts:
        clients[1].emit("mensaje", text)
    for client in clients:
        assert await client.all("mensaje", len(texts)) == texts


async def test_a_client_that_comes_by_polling_goes_on_over_a_websocket(served: Served, npm: Driver) -> None:
    client = npm.open(served.url)
    assert await client.hear("open") == "polling"
    assert await client.hear("upgrade") == "websocket"
    for number in range(20):
        client.emit("mensaje", str(number))
    assert await client.all("mensaje", 20) == [str(number) for number in range(20)]


async def test_order_is_kept_while_a_client_comes_over(served: Served, npm: Driver) -> None:
    speaker = await npm.connect(served.url, transports=["websocket"])
    client = npm.open(served.url)
    said = 0
    while said < 50 or "upgrade" not in [name for name, _ in client.events]:
        await asyncio.gather(*(speaker.ask("mensaje", str(number)) for number in range(said, said + 10)))
        said += 10
    await asyncio.gather(*(speaker.ask("mensaje", str(number)) for number in range(said, said + 100)))
    last = said + 99
    heard = [int(await client.hear("mensaje"))]
    while heard[-1] != last:
        heard.append(int(await client.hear("mensaje")))
    assert heard == list(range(heard[0], last + 1))


async def test_a_client_that_lost_its_connection_comes_back_by_itself(served: Served, npm: Driver) -> None:
    client = await npm.connect(served.url, transports=["websocket"])
    client.drop()
    await client.hear("disconnect")
    await client.hear("connect")
    client.emit("mensaje", "otra vez")
    assert await client.hear("mensaje") == "otra vez"


async def test_a_text_can_be_acknowledged(served: Served, npm: Driver) -> None:
    client = await npm.connect(served.url)
    assert await client.ask("mensaje", "hola") == {"status": "success"}
    assert (await client.ask("mensaje", {"no": "text"}))["error"] == "invalid"
    assert (await client.ask("mensaje", "x" * 4001))["error"] == "too_large"
    assert (await client.ask("mensaje"))["error"] == "invalid"


async def test_a_thousand_clients_hear_one(served: Served, npm: Driver) -> None:
    crowd = await npm.crowd(served.url, 1000, "mensaje", transports=["websocket"])
    crowd.emit("mensaje", "a todos")
    heard, _ = await crowd.hear("all heard")
    assert heard == 1000


async def test_the_page_and_the_client_script_are_served(served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.url, timeout=300) as http:
        page = await http.get("/mensaje")
        script = await http.get("/socket.io/socket.io.js")
        rest = [await http.get(f"/mensaje/page.{kind}") for kind in ("js", "css")]
    assert page.headers["content-type"].startswith("text/html")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "Socket.IO v4" in script.text
    assert "innerHTML" not in rest[0].text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert [answer.status_code for answer in (page, script, *rest)] == [200] * 4


async def test_what_is_sent_too_fast_is_refused_with_a_reason(tmp_path: Path, npm: Driver) -> None:
    async with open_server(Settings(home=tmp_path, _env_file=None)) as served:
        client = await npm.connect(served.url)
        for number in range(50):
            client.emit("mensaje", str(number))
        assert (await client.hear("refused"))["error"] == "rate_limited"


async def test_a_node_that_passes_nothing_on_says_so(tmp_path: Path, npm: Driver) -> None:
    settings = Settings(home=tmp_path, chat=ChatSettings(mensaje=False), _env_file=None)
    async with open_server(settings) as served:
        client = await npm.connect(served.url)
        assert (await client.ask("mensaje", "hola"))["error"] == "invalid"
