"""Two nodes behind one proxy, real processes: on a database that they share, and with a SQLite each."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest

import nets
from cli.running import FERIA
from e2e.test_worker_kills import Program, _answers
from programs import free_port, until
from servers import fresh_database

PATIENCE = 300.0


class Proxy:
    """Sends each connection to the next node, and to the other where that one does not answer; or, where
    callers are to stay, all to the first."""

    def __init__(self, ports: list[int], *, keep: bool) -> None:
        self._ports = ports
        self._turns = itertools.repeat(0) if keep else itertools.count()
        self.url = ""

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turn = next(self._turns)
        order = [self._ports[(turn + n) % len(self._ports)] for n in range(len(self._ports))]
        for port in order:
            with contextlib.suppress(OSError):
                there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(_pass(reader, there_writer), _pass(there_reader, writer))
                return
        writer.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.close()


@contextlib.asynccontextmanager
async def behind_a_proxy(
    folder: Path, environ: dict[str, str], *, keep: bool
) -> AsyncGenerator[tuple[Proxy, list[Program], list[str]]]:
    ports = [free_port(), free_port()]
    gossip = [free_port(), free_port()]
    nodes = [
        Program(
            [
                *(str(FERIA), "serve", "--port", str(ports[n]), "--gossip-port", str(gossip[n])),
                *("--join", f"127.0.0.1:{gossip[1 - n]}"),
            ],
            folder,
            environ | {"FERIA_HOME": str(folder / f"home-{n}")},
        )
        for n in (0, 1)
    ]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    proxy = Proxy(ports, keep=keep)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with contextlib.ExitStack() as stack:
        for node, url in zip(nodes, urls, strict=True):
            stack.enter_context(node)
            await until(lambda url=url: _answers(url))  # type: ignore[misc]
        try:
            yield proxy, nodes, urls
        finally:
            server.close()


async def served(url: str, rows: list[list[float]]) -> Any:
    """What a node predicts once the model has come to it."""
    deadline = time.monotonic() + PATIENCE
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as http:
        while True:
            reply = await http.post("/v1/models/sum/predict", json={"rows": rows})
            if reply.status_code == 200:
                return reply.json()["predictions"]
            assert time.monotonic() < deadline, reply.text
            await asyncio.sleep(0.1)


async def publish(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as http:
        sent = await http.post("/v1/models/sum", files={"file": nets.linear([2.0])})
        assert sent.status_code == 201, sent.text


async def _order(http: httpx.AsyncClient, key: str, row: float) -> Any:
    later = {"Prefer": "respond-async", "Idempotency-Key": key, "Connection": "close"}
    return (await http.post("/v1/models/sum/predict", json={"rows": [[row]]}, headers=later)).json()


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
async def test_nodes_on_one_database_answer_as_one(kind: str, tmp_path: Path) -> None:
    async with fresh_database(kind) as storage:
        assert storage.url is not None
        environ = {"FERIA_STORAGE__URL": storage.url, "FERIA_STORAGE__MIGRATE_ON_START": "true"}
        async with behind_a_proxy(tmp_path, environ, keep=False) as (proxy, nodes, urls):
            await publish(proxy.url)
            for url in urls:
                assert await served(url, [[3.0]]) == [6.0]
            async with httpx.AsyncClient(
                base_url=proxy.url, timeout=PATIENCE, headers={"Connection": "close"}
            ) as http:
                tasks = [await _order(http, f"k{n}", n) for n in range(20)]
                for n, task in enumerate(tasks):
                    # Asked again with its key, of whichever node: it is the same task.
                    assert (await _order(http, f"k{n}", n))["id"] == task["id"]
                    reply = await http.get(f"/v1/tasks/{task['id']}/result", params={"wait": 60})
                    assert (reply.status_code, reply.json()["predictions"]) == (200, [2.0 * n])
                nodes[0].kill()
                after = await _order(http, "after", 50)
                reply = await http.get(f"/v1/tasks/{after['id']}/result", params={"wait": 60})
                assert reply.json()["predictions"] == [100.0]
                for n, task in enumerate(tasks):  # the dead node's too
                    reply = await http.get(f"/v1/tasks/{task['id']}/result")
                    assert (reply.status_code, reply.json()["predictions"]) == (200, [2.0 * n])


async def test_nodes_with_a_database_each_serve_the_same_models(tmp_path: Path) -> None:
    async with behind_a_proxy(tmp_path, {}, keep=True) as (proxy, nodes, urls):
        await publish(proxy.url)
        for url in urls:
            assert await served(url, [[3.0]]) == [6.0]
        async with httpx.AsyncClient(
            base_url=proxy.url, timeout=PATIENCE, headers={"Connection": "close"}
        ) as http:
            task = await _order(http, "k", 4)
            reply = await http.get(f"/v1/tasks/{task['id']}/result", params={"wait": 60})
            assert reply.json()["predictions"] == [8.0]
            nodes[0].kill()
            assert await served(proxy.url, [[4.0]]) == [8.0]
            # Tasks travel with the cluster as models do.
            reply = await http.get(f"/v1/tasks/{task['id']}/result")
            assert (reply.status_code, reply.json()["predictions"]) == (200, [8.0])
