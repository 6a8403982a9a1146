"""Keys on several members that speak over real connections: what is written on one, asked of another."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cluster.kv_app import served
from cluster.test_chunks import value_of
from feria.clock import SystemClock
from feria.cluster.chunks import PARALLEL, manifest_in
from feria.cluster.member import Member, open_member
from feria.settings import ClusterSettings, Settings
from serving import until

MIB = 2**20
SEEN = {"X-Min-Version": "1"}


@dataclass(frozen=True)
class Node:
    member: Member
    http: httpx.AsyncClient

    @property
    def address(self) -> str:
        assert self.member.network is not None
        return self.member.network.address

    def holds(self, key: str) -> bool:
        found = self.member.store._reading.row(key)
        manifest = manifest_in(found.value) if found else None
        return manifest is not None and all(map(self.member.chunks.holds, manifest.chunks))


@contextlib.asynccontextmanager
async def node(folder: Path, name: str, *join: Node, **cluster: Any) -> AsyncGenerator[Node]:
    joined = tuple(other.address for other in join)
    settings = Settings(
        home=folder,
        cluster=ClusterSettings(name=name, gossip_port=0, join=joined, **cluster),
        _env_file=None,
    )
    async with (
        open_member(settings.cluster, folder / name, SystemClock()) as member,
        served(settings, member.store, member.chunks) as kv,
    ):
        yield Node(member, kv.http)


async def met(*nodes: Node) -> None:
    await until(lambda: all(len(node.member.live()) == len(nodes) - 1 for node in nodes))


async def answers(node: Node) -> bool:
    """Whether it has all of the value; else it says so, or hangs up where it finds out."""
    try:
        return (await node.http.get("/v1/kv/model")).status_code == 200
    except httpx.RemoteProtocolError:
        return False


async def test_what_one_member_acknowledged_all_answer(tmp_path: Path) -> None:
    async with node(tmp_path, "a") as a, node(tmp_path, "b", a) as b, node(tmp_path, "c", a) as c:
        await met(a, b, c)
        assert (await a.http.put("/v1/kv/mug", content=b"12.50")).status_code == 201
        for other in (b, c):
            read = await other.http.get("/v1/kv/mug?seconds=60", headers=SEEN)
            assert (read.content, read.headers["etag"]) == (b"12.50", '"1"')
        await c.http.put("/v1/kv/mug", content=b"13.00", headers={"If-Match": "1"})
        assert (await a.http.get("/v1/kv/mug?wait=1&seconds=60")).content == b"13.00"
        await b.http.get("/v1/kv/mug?wait=1&seconds=60")
        await b.http.delete("/v1/kv/mug")
        gone = await c.http.get("/v1/kv/mug?wait=2&seconds=60")
        assert (gone.status_code, gone.json()["version"]) == (404, 3)


async def test_a_watch_on_one_member_tells_of_writes_on_another(tmp_path: Path) -> None:
    async with node(tmp_path, "a") as a, node(tmp_path, "b", a) as b:
        await met(a, b)
        async with asyncio.timeout(60), b.http.stream("GET", "/v1/kv?watch=1") as stream:
            lines = stream.aiter_lines()
            while not (await anext(lines)).startswith('data: {"since"'):
                pass
            await a.http.put("/v1/kv/mug", content=b"1")
            while not (line := await anext(lines)).startswith("data: "):
                pass
            assert json.loads(line[6:])["key"] == "mug"


async def test_two_who_wrote_without_knowing_of_each_other_are_told_which_lost(tmp_path: Path) -> None:
    async with node(tmp_path, "a") as a, node(tmp_path, "b") as b:
        await a.http.put("/v1/kv/mug", content=b"of a")
        await b.http.put("/v1/kv/mug", content=b"of b")
        async with node(tmp_path, "c", a, b) as c:
            await met(a, b, c)
            await until(lambda: len({one.member.store.gossip.replica.vector.hash for one in (a, b, c)}) == 1)
            values = {(await one.http.get("/v1/kv/mug")).content for one in (a, b, c)}
            assert len(values) == 1
            winner = values.pop().decode()
            loser = ({"of a", "of b"} - {winner}).pop()
            told = (await a.http.get("/v1/kv/mug?conflicts=1")).json()["conflicts"]
            told += (await b.http.get("/v1/kv/mug?conflicts=1")).json()["conflicts"]
            assert {base64.b64decode(one["value"]).decode() for one in told} == {loser}
            assert {one["member"] for one in told} <= {loser[-1], None}


async def test_a_large_value_travels_and_outlives_its_writer(tmp_path: Path) -> None:
    value = value_of(9 * MIB + 5)
    async with node(tmp_path, "b") as b:
        async with node(tmp_path, "a", b) as a:
            await met(a, b)
            await a.http.put("/v1/kv/model", content=value)
            await until(lambda: b.holds("model"))
        async with node(tmp_path, "c", b, keep_chunks="on_demand") as c:
            await until(lambda: c.member.live().get("b"))
            read = await c.http.get("/v1/kv/model?seconds=60", headers=SEEN)
            assert read.content == value
            digest = read.headers["repr-digest"]
            assert digest == (await b.http.get("/v1/kv/model")).headers["repr-digest"]


async def test_a_value_whose_only_holder_went_away_in_the_middle_comes_whole_when_it_is_back(
    tmp_path: Path,
) -> None:
    value = value_of(24 * MIB)
    async with node(tmp_path, "b") as b:
        async with node(tmp_path, "a", b) as a:
            await met(a, b)
            await a.http.put("/v1/kv/model", content=value)
            await until(lambda: len(list((tmp_path / "b" / "chunks").glob("??/*"))) >= PARALLEL)
        some = len(list((tmp_path / "b" / "chunks").glob("??/*")))
        if some < 24:
            await until(lambda: not b.member.live())
            assert not await answers(b)
        async with node(tmp_path, "a", b) as a:
            await until(lambda: b.member.live().get("a"))
            assert (await b.http.get("/v1/kv/model")).content == value
