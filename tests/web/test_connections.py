"""Real sockets, and a loop whose clock is put forward by hand: nothing here waits for time to pass."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState
from websockets.asyncio.client import unix_connect

from feria.settings import WebSettings
from feria.web.connections import PIPELINED
from listening import listening

WHOLE = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n"
WEB = WebSettings(max_header_kib=1, read_seconds=30, max_connections=3)


class Ahead(asyncio.SelectorEventLoop):
    """Its clock can be put forward."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": Ahead}


async def settled() -> None:
    """What was written to a Unix socket is there at once; a few turns of the loop take it all the way."""
    for _ in range(20):
        await asyncio.sleep(0)


async def pass_time(seconds: float) -> None:
    await settled()
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Ahead)
    loop.ahead += seconds
    await settled()


class Listener:
    """An application that says how many bytes it was sent, once it is allowed to."""

    def __init__(self) -> None:
        self.reads, self.answers = asyncio.Event(), asyncio.Event()
        self.reads.set()
        self.answers.set()
        self.called = 0
        self.left = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.echo(receive, send)
            return
        self.called += 1
        await self.reads.wait()
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left += 1
                return
            size, more = size + len(message["body"]), message["more_body"]
        await self.answers.wait()
        body = b"%d" % size
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def echo(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})


class Caller:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def say(self, said: bytes) -> None:
        self._writer.write(said)

    async def heard(self) -> tuple[int, dict[str, str], Any]:
        """The next answer: its status, its headers, its body."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        body = await self._reader.readexactly(int(headers["content-length"]))
        return int(first.split()[1]), headers, json.loads(body)

    async def refused(self) -> tuple[int, str]:
        """The status and the code of a refusal, after which nothing more comes."""
        status, headers, said = await self.heard()
        assert headers["connection"] == "close"
        assert said["detail"].endswith(".")
        assert await self.rest() == b""
        return status, said["error"]

    async def line(self) -> bytes:
        return await self._reader.readuntil(b"\r\n\r\n")

    async def rest(self) -> bytes:
        return await self._reader.read()

    async def hang_up(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


class Node:
    def __init__(self, path: str) -> None:
        self.path = path
        self.app = Listener()
        self.state: ServerState
        self.callers: list[Caller] = []

    async def caller(self, said: bytes = b"") -> Caller:
        caller = Caller(*await asyncio.open_unix_connection(self.path))
        self.callers.append(caller)
        caller.say(said)
        await settled()
        return caller


@pytest.fixture
async def node(tmp_path: Path) -> AsyncGenerator[Node]:
    node = Node(str(tmp_path / "socket"))
    with anyio.fail_after(10_000):  # of a clock that is put forward
        async with listening(node.app, Path(node.path), WEB) as state:
            node.state = state
            yield node
            for caller in node.callers:
                await caller.hang_up()
            await settled()
        assert not state.connections


# ------------------------------------------------------------------------------ time
@pytest.mark.parametrize("said", [b"G", WHOLE[:-1], b"\r\n\r\n"])
async def test_a_head_that_does_not_end_is_cut_off(node: Node, said: bytes) -> None:
    caller = await node.caller(said)
    await pass_time(29)
    assert node.state.connections
    await pass_time(2)
    assert await caller.refused() == (408, "request_timeout")
    assert node.app.called == 0


async def test_a_head_that_trickles_buys_no_time(node: Node) -> None:
    caller = await node.caller()
    for byte in WHOLE[:4]:
        await pass_time(10)
        caller.say(bytes([byte]))
    assert await caller.refused() == (408, "request_timeout")


async def test_the_first_byte_of_a_later_head_starts_the_clock(node: Node) -> None:
    caller = await node.caller(WHOLE)
    assert (await caller.heard())[0] == 200
    await pass_time(4)  # less than an idle connection is kept
    caller.say(WHOLE[:5])
    await pass_time(29)
    caller.say(WHOLE[5:])
    assert (await caller.heard())[0] == 200
    caller.say(WHOLE[:5])
    await pass_time(31)
    assert await caller.refused() == (408, "request_timeout")


async def test_a_caller_who_never_speaks_is_left_without_a_word(node: Node) -> None:
    caller = await node.caller()
    await pass_time(31)
    assert await caller.rest() == b""


async def test_a_body_that_falls_silent_is_cut_off_and_its_work_with_it(node: Node) -> None:
    caller = await node.caller(POST + b"half")
    await pass_time(31)
    assert await caller.refused() == (408, "request_timeout")
    assert (node.app.called, node.app.left) == (1, 1)


async def test_a_slow_body_is_heard_to_its_end(node: Node) -> None:
    caller = await node.caller(POST)
    for _ in range(10):
        await pass_time(29)
        caller.say(b"x")
    assert (await caller.heard())[2] == 10


async def test_an_answer_may_take_as_long_as_it_likes(node: Node) -> None:
    node.app.answers.clear()
    caller = await node.caller(POST + b"0123456789")
    await pass_time(1000)
    node.app.answers.set()
    assert (await caller.heard())[2] == 10


async def test_nobody_is_blamed_for_a_node_that_does_not_read(node: Node) -> None:
    node.app.reads.clear()
    size = 200_000
    large = await node.caller(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size)
    large.say(bytes(size))
    polite = await node.caller(POST.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"))
    for _ in range(5):
        await pass_time(20)
    node.app.reads.set()
    assert (await large.heard())[2] == size
    assert await polite.line() == b"HTTP/1.1 100 Continue\r\n\r\n"
    polite.say(b"0123456789")
    assert (await polite.heard())[2] == 10


async def test_a_websocket_outlives_the_time_of_its_head(node: Node) -> None:
    async with unix_connect(node.path, "ws://node/") as socket:
        await pass_time(31)
        await socket.send("still here")
        assert await socket.recv() == "still here"


# ------------------------------------------------------------------------------ size
@pytest.mark.parametrize(
    "head",
    [
        WHOLE[:-2] + b"a: " + bytes(2000).replace(b"\0", b"a") + b"\r\n\r\n",
        WHOLE[:-2] + b"a: b\r\n" * 300 + b"\r\n",
        WHOLE.replace(b"/", b"/" + b"a" * 2000, 1),
    ],
    ids=["one long header", "many short headers", "a long address"],
)
async def test_a_head_beyond_the_limit_is_refused_whether_it_comes_whole_or_not(
    node: Node, head: bytes
) -> None:
    caller = await node.caller(head)
    assert await caller.refused() == (431, "request_header_fields_too_large")
    caller = await node.caller(head[:10])
    caller.say(head[10:-4])
    assert await caller.refused() == (431, "request_header_fields_too_large")
    caller = await node.caller(WHOLE)
    assert (await caller.heard())[0] == 200
    caller.say(head)
    assert await caller.refused() == (431, "request_header_fields_too_large")
    assert node.app.called == 1


@pytest.mark.parametrize("endless", [b"\r\n", b"GET /" + b"a" * 1000, b"a: b\r\n", b"a"])
async def test_a_head_without_end_is_not_read_without_end(node: Node, endless: bytes) -> None:
    caller = await node.caller(WHOLE[:-2] if endless.startswith(b"a") else b"")
    for _ in range(2000):
        caller.say(endless)
        await settled()
        if not node.state.connections:
            break
    assert (await caller.refused())[0] in {400, 431}


async def test_the_largest_head_is_answered_and_what_it_brings_does_not_count(node: Node) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\na: "
    head += b"b" * (1000 - len(head)) + b"\r\n\r\n"
    caller = await node.caller(head + bytes(5000) + head[:300])
    assert (await caller.heard())[2] == 5000
    caller.say(head[300:] + bytes(5000))
    assert (await caller.heard())[2] == 5000


# ------------------------------------------------------------------------------ number
async def test_one_caller_too_many_is_told_to_retry_until_another_leaves(node: Node) -> None:
    held = [await node.caller() for _ in range(WEB.max_connections)]
    late = await node.caller(WHOLE)
    status, headers, said = await late.heard()
    assert (status, said["error"], headers["retry-after"]) == (503, "busy", "1")
    assert await late.rest() == b""
    silent = await node.caller()
    await pass_time(1.1)
    assert await silent.rest() == b""
    await held.pop().hang_up()
    await settled()
    welcome = await node.caller(WHOLE)
    assert (await welcome.heard())[0] == 200


async def test_requests_sent_ahead_are_answered_in_turn_up_to_a_limit(node: Node) -> None:
    caller = await node.caller(WHOLE * PIPELINED)
    for _ in range(PIPELINED):
        assert (await caller.heard())[0] == 200
    greedy = await node.caller(WHOLE * 1_000)
    assert (await greedy.rest()).count(b"HTTP/1.1 200") <= 1
    assert node.app.called <= PIPELINED + 1


# ------------------------------------------------------------------------------ form
@pytest.mark.parametrize(
    "said",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        POST.replace(b"10", b"ten"),
        POST.replace(b"10", b"10\r\ntransfer-encoding: chunked"),
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nno length\r\n",
    ],
)
async def test_what_is_no_http_is_told_so_in_the_house_s_form(node: Node, said: bytes) -> None:
    caller = await node.caller(said)
    assert await caller.refused() == (400, "bad_request")


async def test_a_refusal_is_never_taken_for_the_answer_to_an_earlier_request(node: Node) -> None:
    node.app.answers.clear()
    caller = await node.caller(WHOLE + b"nonsense\r\n\r\n")
    assert await caller.rest() == b""


async def test_an_upgrade_to_something_unknown_is_answered_as_if_it_had_not_been_asked(node: Node) -> None:
    caller = await node.caller(b"GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n")
    assert (await caller.heard())[0] == 200
    caller.say(WHOLE)
    assert (await caller.heard())[0] == 200
