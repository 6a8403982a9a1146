"""One suite for every ReplicatedMap: what the Protocol cannot say in types."""

import asyncio
import random
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feria.clock import SystemClock
from feria.cluster.chunks import Chunks
from feria.cluster.gossip_map import GossipMap
from feria.cluster.maps import LocalMap, ReplicatedMap, _after
from feria.cluster.store import open_store
from feria.errors import Conflict
from feria.storage.blobs import Blobs
from feria.storage.database import Database


@pytest.fixture(params=["local", "gossip"])
async def map(
    request: pytest.FixtureRequest, database: Database, tmp_path: Path
) -> AsyncGenerator[ReplicatedMap]:
    if request.param == "local":
        yield LocalMap(database, SystemClock())
        return
    chunks = Chunks(Blobs(tmp_path / "chunks"), send=lambda to, message: False, peers=dict)
    async with open_store(tmp_path / "rows", SystemClock(), random.Random(1)) as store:
        yield GossipMap(store, chunks)
        await chunks.close()


async def test_versions_count_the_changes_of_a_key(map: ReplicatedMap) -> None:
    assert [(await map.put("a", value)).version for value in (b"1", b"2", b"3")] == [1, 2, 3]
    entry = await map.get("a")
    assert entry is not None
    assert (entry.value, entry.version) == (b"3", 3)
    assert await map.get("b") is None


async def test_keys_differ_by_case_and_by_accent(map: ReplicatedMap) -> None:
    for key in ("a", "A", "á", "a "):
        await map.put(key, key.encode())
    assert [entry.key for entry in await map.scan("")] == sorted(("a", "A", "á", "a "))


async def test_large_and_binary_values_come_back_whole(map: ReplicatedMap) -> None:
    value = bytes(range(256)) * 4000
    await map.put("large", value)
    entry = await map.get("large")
    assert entry is not None
    assert entry.value == value


async def test_a_scan_takes_the_prefix_literally(map: ReplicatedMap) -> None:
    for key in ("models/a_b/1", "models/axb/1", "models/a%/1", "models/b/1", "models", "n"):
        await map.put(key, b"")
    assert [entry.key for entry in await map.scan("models/a_b/")] == ["models/a_b/1"]
    assert [entry.key for entry in await map.scan("models/a")] == [
        "models/a%/1",
        "models/a_b/1",
        "models/axb/1",
    ]


async def test_a_demanded_version_must_be_the_one_found(map: ReplicatedMap) -> None:
    await map.put("a", b"", if_version=0)
    with pytest.raises(Conflict):
        await map.put("a", b"", if_version=0)
    await map.put("a", b"", if_version=1)
    with pytest.raises(Conflict):
        await map.put("b", b"", if_version=7)


async def test_of_many_first_writers_one_wins(map: ReplicatedMap) -> None:
    tries = await asyncio.gather(
        *(map.put("a", str(i).encode(), if_version=0) for i in range(10)), return_exceptions=True
    )
    assert sum(isinstance(result, Conflict) for result in tries) == 9


async def test_a_removed_key_is_forgotten(map: ReplicatedMap) -> None:
    await map.put("a", b"")
    await map.remove("a")
    await map.remove("a")
    assert await map.get("a") is None


async def test_listeners_hear_of_their_prefix_once_it_is_durable(map: ReplicatedMap) -> None:
    heard = listen(map)
    await map.put("models/a", b"")
    await map.put("other/b", b"")
    assert heard == [("models/a", True)]
    await map.remove("models/a")
    assert heard == [("models/a", True), ("models/a", False)]


async def test_the_local_map_keeps_and_tells_what_its_transaction_does(database: Database) -> None:
    """Which the gossip form cannot promise: its rows are not in the node's database."""
    map = LocalMap(database, SystemClock())
    heard = listen(map)
    async with database.transaction():
        await map.put("models/a", b"")
        assert heard == []
    assert heard == [("models/a", True)]


def listen(map: ReplicatedMap) -> list[tuple[str, bool]]:
    heard: list[tuple[str, bool]] = []

    async def note(key: str) -> None:
        heard.append((key, await map.get(key) is not None))

    map.subscribe("models/", note)
    return heard


@given(prefix=st.text(min_size=1, max_size=5), rest=st.text(max_size=5))
def test_the_range_of_a_prefix_holds_all_that_begin_so(prefix: str, rest: str) -> None:
    if ord(prefix[-1]) < 0x10FFFF:
        assert prefix <= prefix + rest < _after(prefix)
