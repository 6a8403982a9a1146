"""Keys over real connections: cut, slow, pipelined, or with nobody who reads."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.chunk_net import ChunkNet
from cluster.kv_app import Served, open_kv
from cluster.test_chunks import value_of
from feria.cluster.chunks import CHUNK_BYTES
from feria.settings import WebSettings
from listening import listening
from serving import until

MIB = 2**20


@pytest.fixture
async def kv(tmp_path: Path) -> AsyncGenerator[Served]:
    async with open_kv(tmp_path, max_value_mib=8) as served:
        yield served


@contextlib.asynccontextmanager
async def door(kv: Served, folder: Path) -> AsyncGenerator[httpx.AsyncClient]:
    async with listening(kv.app, folder / "socket", WebSettings(read_seconds=1.0)):
        transport = httpx.AsyncHTTPTransport(uds=str(folder / "socket"))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            yield http


async def say(folder: Path, *pieces: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(folder / "socket")
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    return reader, writer


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "host: 127.0.0.1", *lines, "", "")).encode()


@pytest.mark.parametrize("size", [100, 3 * MIB])
@pytest.mark.parametrize("announced", ["content-length", "chunked"])
async def test_a_caller_who_hangs_up_in_the_middle_of_a_value_has_written_nothing(
    kv: Served, tmp_path: Path, size: int, announced: str
) -> None:
    value = value_of(size)
    async with door(kv, tmp_path) as http:
        await http.put("/v1/kv/model", content=b"before")
        if announced == "chunked":
            lines = head("PUT", "/v1/kv/model", "transfer-encoding: chunked"), b"%x\r\n" % size
        else:
            lines = (head("PUT", "/v1/kv/model", f"content-length: {size}"),)
        _, writer = await say(tmp_path, *lines, value[: size - 10])
        writer.close()
        await writer.wait_closed()
        for number in range(20):  # the node is well, and goes on
            await http.put(f"/v1/kv/other/{number}", content=b"x")
        read = await http.get("/v1/kv/model")
        assert (read.content, read.headers["etag"]) == (b"before", '"1"')
        assert (await http.put("/v1/kv/model", content=value)).json()["version"] == 2
        assert (await http.get("/v1/kv/model")).content == value


async def test_a_caller_who_stops_speaking_is_told_so_and_has_written_nothing(
    kv: Served, tmp_path: Path
) -> None:
    async with door(kv, tmp_path) as http:
        reader, writer = await say(tmp_path, head("PUT", "/v1/kv/a", "content-length: 10"), b"12345")
        async with asyncio.timeout(60):
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()
        assert (await http.get("/v1/kv/a")).status_code == 404


async def test_a_body_that_comes_byte_by_byte_is_one_value(kv: Served, tmp_path: Path) -> None:
    async with door(kv, tmp_path) as http:
        value = value_of(200)
        pieces = (bytes([one]) for one in value)
        reader, writer = await say(tmp_path, head("PUT", "/v1/kv/a", "content-length: 200"), *pieces)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 201 ")
        writer.close()
        assert (await http.get("/v1/kv/a")).content == value


async def test_requests_sent_ahead_are_answered_in_their_order(kv: Served, tmp_path: Path) -> None:
    async with door(kv, tmp_path):
        asked = [head("PUT", "/v1/kv/a", "content-length: 1") + b"%d" % n for n in range(5)]
        asked += [
            head("GET", "/v1/kv/a"),
            head("DELETE", "/v1/kv/a"),
            head("GET", "/v1/kv/a", "connection: close"),
        ]
        reader, writer = await say(tmp_path, b"".join(asked))
        async with asyncio.timeout(60):
            heard = await reader.read()
        writer.close()
        statuses = [line.split()[1] for line in heard.split(b"\r\n") if b"HTTP/1.1 " in line]
        assert statuses == [b"201", *[b"200"] * 6, b"404"]
        assert b'"version":5' in heard


async def test_a_large_body_that_nobody_wants_is_not_waited_for(kv: Served, tmp_path: Path) -> None:
    async with door(kv, tmp_path) as http:
        huge = head("PUT", "/v1/kv/a", f"content-length: {2**40}", "expect: 100-continue")
        reader, writer = await say(tmp_path, huge)
        async with asyncio.timeout(60):
            heard = await reader.read()
        writer.close()
        assert heard.startswith(b"HTTP/1.1 413 ")
        assert b"100 Continue" not in heard
        assert (await http.get("/v1/kv")).json()["keys"] == []


async def test_a_reader_who_leaves_in_the_middle_of_a_large_value_costs_nothing_more(
    kv: Served, tmp_path: Path
) -> None:
    async with door(kv, tmp_path) as http:
        await http.put("/v1/kv/model", content=value_of(8 * MIB))
        before = len(asyncio.all_tasks())
        for _ in range(10):
            reader, writer = await say(tmp_path, head("GET", "/v1/kv/model"))
            await reader.readexactly(1000)
            writer.transport.abort()
        await until(lambda: len(asyncio.all_tasks()) <= before)
        assert (await http.get("/v1/kv/model")).content == value_of(8 * MIB)


async def test_a_value_whose_rest_is_nowhere_breaks_off_and_is_not_taken_for_whole(tmp_path: Path) -> None:
    net = ChunkNet(tmp_path / "chunks")
    async with open_kv(tmp_path, net) as a, door(a, tmp_path) as http:
        value = value_of(12 * MIB)
        await http.put("/v1/kv/model", content=value)
        damaged = net.files("a")
        whole = [path.read_bytes() for path in damaged]
        first = value[:CHUNK_BYTES]
        for path, content in zip(damaged, whole, strict=True):
            if content != first:
                path.unlink()
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get("/v1/kv/model")
        next(path for path, content in zip(damaged, whole, strict=True) if content == first).unlink()
        nowhere = await http.get("/v1/kv/model")
        assert (nowhere.status_code, nowhere.json()["error"]) == (503, "unavailable")
        for path, content in zip(damaged, whole, strict=True):
            path.write_bytes(content)
        assert (await http.get("/v1/kv/model")).content == value


async def test_a_watcher_who_does_not_read_holds_up_nobody_and_later_hears_the_newest(
    kv: Served, tmp_path: Path
) -> None:
    async with door(kv, tmp_path) as http:
        path = tmp_path / "socket"
        with socket.socket(socket.AF_UNIX) as watcher:
            watcher.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            watcher.connect(str(path))
            watcher.sendall(head("GET", "/v1/kv?watch=1"))
            for number in range(300):
                await http.put(f"/v1/kv/{number % 30}", content=bytes(50_000) + b"%d" % number)
            watcher.setblocking(False)
            heard, last = b"", b'"version":10'
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(120):
                while not all(b'"key":"%d",%b' % (n, last) in heard for n in range(30)):
                    heard += await loop.sock_recv(watcher, 2**20)
        assert heard.startswith(b"HTTP/1.1 200 ")


PIECES = st.sampled_from(
    [
        b"GET /v1/kv/a HTTP/1.1\r\n", b"PUT /v1/kv/a HTTP/1.1\r\n", b"DELETE /v1/kv/%00 HTTP/1.1\r\n",
        b"GET /v1/kv?watch=1&since=0 HTTP/1.1\r\n", b"GET /v1/kv/a?wait=99&seconds=0 HTTP/1.1\r\n",
        b"GET /v1/kv/%f0%28%8c%28?conflicts HTTP/1.1\r\n", b"PUT /v1/kv//..//%2e%2e HTTP/1.1\r\n",
        b"GET /v1/kv?limit=\xff&prefix=%zz&after=%00 HTTP/1.1\r\n",
        b"host: 127.0.0.1\r\n", b"\r\n", b"if-match: \xff\r\n", b"if-match: 0\r\n", b"if-none-match: *\r\n",
        b"x-min-version: 1e3\r\n", b"last-event-id: -\r\n", b"content-length: 5\r\n",
        b"content-length: -5\r\n",
        b"content-length: 99999999999999999999\r\n", b"transfer-encoding: chunked\r\n", b"5\r\nhello\r\n",
        b"0\r\n\r\n", b"fffffff\r\n", b"hello", b"\x00" * 70_000, b"expect: 100-continue\r\n",
    ]
)  # fmt: skip
counted = itertools.count()


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")  # that what failed is long
@settings(max_examples=60, deadline=None)
@given(
    said=st.lists(
        st.lists(PIECES | st.binary(max_size=64), max_size=10).map(b"".join), min_size=1, max_size=8
    )
)
def test_whatever_is_sent_is_answered_or_hung_up_on_and_keys_stay_what_they_are(
    tmp_path_factory: pytest.TempPathFactory, said: list[bytes]
) -> None:
    async def throw() -> None:
        folder = tmp_path_factory.mktemp("kv")
        async with open_kv(folder, max_value_mib=1) as kv, door(kv, folder) as http:
            await http.put("/v1/kv/kept", content=b"whole")
            for garbage in said:
                reader, writer = await say(folder, garbage)
                writer.write_eof()
                async with asyncio.timeout(60):
                    heard = await reader.read(100_000)  # a watch would never end
                writer.close()
                assert not heard or heard.startswith(b"HTTP/1.1 "), heard
                assert b"HTTP/1.1 500" not in heard
            assert (await http.get("/v1/kv/kept")).content == b"whole"

    asyncio.run(throw())
