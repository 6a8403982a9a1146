import asyncio
import hashlib
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import nets
from feria.clock import SystemClock
from feria.cluster.maps import LocalMap
from feria.errors import DiskFull, Invalid, NotAModel, NotFound, TooLarge
from feria.registry.rows import Row, rank
from feria.registry.shelf import Registry
from feria.registry.wire import Description, State
from feria.settings import RegistrySettings, WorkerSettings
from feria.storage.blobs import Blobs, open_blobs
from feria.storage.database import Database
from feria.tasks.processes import Processes, open_processes

ONE, TWO = nets.linear([1.0]), nets.linear([2.0])


@pytest.fixture
async def processes() -> AsyncGenerator[Processes]:
    async with open_processes(WorkerSettings()) as processes:
        yield processes


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncGenerator[Blobs]:
    async with open_blobs(tmp_path) as blobs:
        yield blobs


@pytest.fixture
def registry(database: Database, blobs: Blobs, processes: Processes) -> Registry:
    clock = SystemClock()
    return Registry(LocalMap(database, clock), blobs, processes, RegistrySettings(max_model_mib=1), clock)


async def test_a_published_model_is_found_by_name_and_by_version(registry: Registry) -> None:
    first = await registry.publish("heart", ONE, Description(card="# First", metrics={"r2": 0.5}))
    second = await registry.publish("heart", TWO)
    assert (first.version, second.version) == (1, 2)
    assert first.digest == hashlib.sha256(ONE).hexdigest()
    assert await registry.find("heart") == second
    assert await registry.find("heart", 1) == first
    assert await registry.versions("heart") == [second, first]
    assert (await registry.file(first)).read_bytes() == ONE


async def test_the_list_shows_the_latest_of_each_name(registry: Registry) -> None:
    for name in ("b", "a", "B", "a"):
        await registry.publish(name, ONE)
    assert [model.reference for model in await registry.models()] == ["B@1", "a@2", "b@1"]


async def test_a_deprecated_version_answers_only_by_number(registry: Registry) -> None:
    await registry.publish("heart", ONE)
    await registry.publish("heart", TWO)
    await registry.change_state("heart", 2, State.deprecated, "learned from a leak")
    assert (await registry.find("heart")).version == 1
    assert (await registry.find("heart", 2)).state_reason == "learned from a leak"
    await registry.change_state("heart", 2, State.ready)
    assert (await registry.find("heart")).version == 2


async def test_a_deleted_number_is_never_given_out_again(registry: Registry, blobs: Blobs) -> None:
    await registry.publish("heart", ONE)
    second = await registry.publish("heart", TWO)
    await registry.delete("heart", 2)
    with pytest.raises(NotFound):
        await registry.find("heart", 2)
    assert (await registry.publish("heart", TWO)).version == 3
    await registry.delete("heart")
    assert await registry.models() == []
    for gone in (registry.find("heart"), registry.delete("heart")):
        with pytest.raises(NotFound):
            await gone
    assert await blobs.collect(await registry.digests(), grace_seconds=-1) != []
    with pytest.raises(NotFound):
        await registry.file(second)


async def test_many_at_once_each_get_a_number(registry: Registry) -> None:
    published = await asyncio.gather(*(registry.publish("heart", ONE) for _ in range(6)))
    assert sorted(model.version for model in published) == [1, 2, 3, 4, 5, 6]


async def test_two_nodes_that_chose_one_number_agree_on_the_latest(registry: Registry) -> None:
    mine = await registry.publish("heart", ONE)
    theirs = mine.model_copy(update={"digest": "f" * 64})
    await registry._put(Row(theirs, b""))  # as gossip would bring it
    assert len(await registry.versions("heart")) == 2
    latest = max([mine, theirs], key=rank)
    assert (await registry.find("heart")).digest == latest.digest


async def test_subscribers_know_before_publish_returns(registry: Registry) -> None:
    heard: list[tuple[str, int]] = []

    async def listen(name: str) -> None:
        heard.append((name, (await registry.find(name)).version))

    registry.subscribe(listen)
    await registry.publish("heart", ONE)
    assert heard == [("heart", 1)]


@pytest.mark.parametrize("name", ["", "../heart", "a/b", "-a", "a" * 65, "heart rate", "ñ", "a\n"])
async def test_a_name_must_be_one(registry: Registry, name: str) -> None:
    with pytest.raises(Invalid, match="is no model name"):
        await registry.publish(name, ONE)


async def refused(registry: Registry, blobs: Blobs, kind: type[Exception], content: bytes, **say: str) -> str:
    with pytest.raises(kind) as raised:
        await registry.publish("heart", content, **say)  # type: ignore[arg-type]
    assert await registry.models() == []
    assert await blobs.collect(set(), grace_seconds=-1) == []
    return str(raised.value)


async def test_a_refused_file_leaves_no_trace(registry: Registry, blobs: Blobs) -> None:
    assert "empty" in await refused(registry, blobs, NotAModel, b"")
    assert "cannot be parsed" in await refused(registry, blobs, NotAModel, b"no model")
    assert "1.0 MiB" in await refused(registry, blobs, TooLarge, ONE + bytes(2**20))
    assert "sha256 is" in await refused(registry, blobs, Invalid, ONE, sha256="0" * 64)


async def test_a_disk_that_fills_while_publishing_leaves_nothing_published(
    registry: Registry, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        await refused(registry, blobs, DiskFull, ONE)
    assert (await registry.publish("heart", ONE)).version == 1
