"""Whole nodes with a shelf between them: trained or published on one, used on all."""

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

import nets
from cluster.clusters import until
from feria.access.wire import HOUSE, Caller, Permission
from feria.clock import SystemClock
from feria.cluster.gossip_map import GossipMap
from feria.cluster.holdings import Holdings
from feria.cluster.maps import LocalMap, ReplicatedMap
from feria.cluster.member import Member
from feria.errors import NotFound, Unavailable
from feria.inference.engine import Engine
from feria.node import Node, open_node
from feria.registry.rows import Row, encoded, key_of
from feria.registry.shelf import Registry
from feria.registry.wire import Description, Model, State
from feria.settings import Settings
from feria.storage.blobs import Blobs
from feria.storage.database import Database
from programs import free_port

ONE, TWO, THREE = nets.linear([1.0]), nets.linear([2.0]), nets.linear([3.0])


class Nodes:
    """Whole nodes in this process, by name; each keeps its home and port when it is opened again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports: dict[str, int] = {}
        self._stacks: dict[str, contextlib.AsyncExitStack] = {}

    async def open(self, name: str, **cluster: Any) -> Node:
        port = self._ports.setdefault(name, free_port())
        join = [f"127.0.0.1:{port}" for other, port in self._ports.items() if other != name]
        told = {"name": name, "gossip_port": port, "join": join, **cluster}
        settings = Settings.model_validate({"home": self._folder / name, "cluster": told})
        stack = self._stacks[name] = contextlib.AsyncExitStack()
        return await stack.enter_async_context(open_node(settings))

    async def close(self, name: str) -> None:
        await self._stacks.pop(name).aclose()


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncGenerator[Nodes]:
    nodes = Nodes(tmp_path)
    yield nodes
    for name in list(nodes._stacks):
        await nodes.close(name)


def shelf(node: Node) -> Registry:
    registry: Registry = node.parts[Registry]
    return registry


async def has_row(node: Node, name: str, version: int = 1) -> bool:
    return version in [row.version for row in await shelf(node).versions(name)]


async def answer(node: Node, name: str, version: int | None = None) -> float:
    engine: Engine = node.parts[Engine]
    answered = await engine.predict(name, b'{"rows": [[10]]}', version=version)
    return float(answered["predictions"][0])


async def together(*nodes: Node) -> None:
    """Each knows all the others, and is known."""

    async def all_met() -> bool:
        return all(len(node.parts[Member].live()) == len(nodes) - 1 for node in nodes)

    await until(all_met)


async def test_what_is_published_on_one_node_answers_on_the_others_and_lies_there(nodes: Nodes) -> None:
    a, b, c = [await nodes.open(name) for name in "abc"]
    await together(a, b, c)
    model = await shelf(a).publish("heart", ONE, Description(card="# Heart"))
    for node in (b, c):
        await until(lambda node=node: has_row(node, "heart"))
        assert await answer(node, "heart") == 10.0
        assert await shelf(node).find("heart") == model
        assert shelf(node).share(model) == 1.0

    async def all_say_so() -> bool:
        return a.parts[Holdings].counts() == {"a": 1, "b": 1, "c": 1}

    await until(all_say_so)


async def test_a_node_that_fetches_on_demand_has_the_file_once_it_was_used(nodes: Nodes) -> None:
    a, b = await nodes.open("a"), await nodes.open("b", keep_models="on_demand")
    await together(a, b)
    model = await shelf(a).publish("heart", ONE)
    await until(lambda: has_row(b, "heart"))
    assert shelf(b).share(model) == 0.0
    assert await answer(b, "heart") == 10.0
    assert shelf(b).share(model) == 1.0


async def test_some_keeps_as_many_copies_as_it_says(nodes: Nodes) -> None:
    some = {"keep_models": "some", "model_copies": 2}
    all_nodes = [await nodes.open(name, **some) for name in "abcd"]
    await together(*all_nodes)
    nets_of_all = [nets.linear([float(n)]) for n in range(8)]
    digests = [(await shelf(all_nodes[0]).publish(f"m{n}", net)).digest for n, net in enumerate(nets_of_all)]

    async def enough() -> bool:
        held = [sum(node.parts[Blobs].holds(digest) for node in all_nodes) for digest in digests]
        return min(held) >= 2

    await until(enough)
    held = [sum(node.parts[Blobs].holds(digest) for node in all_nodes) for digest in digests]
    assert max(held) <= 3  # its publisher, and two


async def test_a_file_that_no_member_that_answers_has_is_said_to_be_away_and_comes_with_its_holder(
    nodes: Nodes,
) -> None:
    a, b = await nodes.open("a"), await nodes.open("b", keep_models="on_demand")
    await together(a, b)
    await shelf(a).publish("heart", ONE)
    await until(lambda: has_row(b, "heart"))
    await nodes.close("a")
    with pytest.raises(Unavailable, match=r"heart@1 is not on this node.*a had it last"):
        await answer(b, "heart")
    await together(await nodes.open("a"), b)
    assert await answer(b, "heart") == 10.0


async def test_two_sides_that_publish_one_name_both_keep_theirs_and_agree_on_the_latest(nodes: Nodes) -> None:
    a, b = await nodes.open("a"), await nodes.open("b")
    await together(a, b)
    await shelf(a).publish("heart", ONE)
    await until(lambda: has_row(b, "heart"))
    await nodes.close("b")
    mine = await shelf(a).publish("heart", TWO)
    await nodes.close("a")
    b = await nodes.open("b")
    theirs = await shelf(b).publish("heart", THREE)
    assert mine.version == theirs.version == 2
    a = await nodes.open("a")
    await together(a, b)
    for node in (a, b):

        async def has_both(node: Node = node) -> bool:
            return {row.digest for row in await shelf(node).versions("heart")} >= {mine.digest, theirs.digest}

        await until(has_both)
    assert (await shelf(a).find("heart")) == (await shelf(b).find("heart")) == theirs

    async def same_answers() -> bool:
        return [await answer(node, "heart") for node in (a, b)] == [30.0, 30.0]

    await until(same_answers)
    assert [await answer(node, "heart", 2) for node in (a, b)] == [30.0, 30.0]
    await shelf(a).delete("heart", 2)  # the one that was in front; the other takes its place

    async def other_side() -> bool:
        return (await shelf(b).find("heart")).digest == mine.digest

    await until(other_side)
    assert await answer(b, "heart", 2) == 20.0


async def test_a_version_is_swapped_in_elsewhere_when_its_file_is_there(nodes: Nodes) -> None:
    a, b = await nodes.open("a"), await nodes.open("b")
    await together(a, b)
    await shelf(a).publish("heart", ONE)
    await until(lambda: has_row(b, "heart"))
    assert await answer(b, "heart") == 10.0
    second = await shelf(a).publish("heart", TWO)

    async def swapped() -> bool:
        value = await answer(b, "heart")
        assert value in {10.0, 20.0}
        return value == 20.0

    await until(swapped)
    await shelf(b).change_state("heart", 2, State.deprecated, "no good")

    async def back() -> bool:
        return await answer(a, "heart") == 10.0

    await until(back)
    assert await answer(a, "heart", 2) == 20.0
    assert second.owner == (await shelf(b).find("heart", 2)).owner


async def test_a_name_is_its_owners_on_every_node(nodes: Nodes) -> None:
    a, b = await nodes.open("a"), await nodes.open("b")
    await together(a, b)
    await shelf(a).publish("heart", ONE, owner="ana")
    await until(lambda: has_row(b, "heart"))
    beto = Caller(subject="beto", permissions=frozenset({Permission.train}))
    with pytest.raises(NotFound):
        await shelf(b).check_owner("heart", beto)
    ana = Caller(subject="ana", permissions=frozenset({Permission.train}))
    assert await shelf(b).check_owner("heart", ana) == "ana"


async def test_what_came_with_feria_never_stands_before_what_somebody_published(nodes: Nodes) -> None:
    a = await nodes.open("a")
    await shelf(a).publish("emotions", ONE, owner="ana")
    await nodes.close("a")
    b = await nodes.open("b")
    house = await shelf(b).publish("emotions", TWO, owner=HOUSE)  # it has not heard of the other
    a = await nodes.open("a")
    await together(a, b)
    for node in (a, b):

        async def both(node: Node = node) -> bool:
            return len(await shelf(node).versions("emotions")) == 2

        await until(both)
        assert (await shelf(node).find("emotions")).owner == "ana"
    assert not a.parts[Blobs].holds(house.digest)  # and is not copied round


async def test_callers_of_keys_see_no_rows_of_the_shelf(nodes: Nodes) -> None:
    a = await nodes.open("a")
    await shelf(a).publish("heart", ONE)
    assert await a.parts[Member].store.page("") == []
    assert (await a.parts[Member].counts())[0] == 0


# --------------------------------------------------------------------------- from the node's database
async def old_shelf(database: Database, blobs: Blobs) -> list[Model]:
    """Rows as nodes wrote them to their database."""
    made = []
    rows = LocalMap(database, SystemClock())
    for version, content in enumerate((ONE, TWO), start=1):
        blob = await blobs.put(content)
        fields = {
            "name": "heart", "version": version, "digest": blob.digest, "size": blob.size, "kind": "onnx",
            "input": {"type": "tensor", "tensors": {"x": ("float32", [None, 1])}},
            "output": {"task": "tensor", "tensors": ["value"]},
            "published_at": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        model = Model.model_validate(fields)
        await rows.put(key_of(model), model.model_dump_json().encode())
        made.append(model)
    return made


async def test_rows_of_the_database_move_once_and_their_files_travel(nodes: Nodes) -> None:
    a = await nodes.open("a")
    old = await old_shelf(a.parts[Database], a.parts[Blobs])
    await nodes.close("a")
    a = await nodes.open("a")
    assert await shelf(a).versions("heart") == old[::-1]
    assert isinstance(a.parts[ReplicatedMap], GossipMap)
    assert await LocalMap(a.parts[Database], SystemClock()).scan("") == []
    b = await nodes.open("b")
    await together(a, b)
    await until(lambda: has_row(b, "heart", 2))

    async def came() -> bool:
        return all(shelf(b).holds(model) for model in old)

    await until(came)


async def test_a_row_that_moved_and_changed_is_not_written_over_by_the_one_that_was_left(
    nodes: Nodes,
) -> None:
    """The node died between the two."""
    a = await nodes.open("a")
    (first, second) = await old_shelf(a.parts[Database], a.parts[Blobs])
    gone = second.model_copy(update={"state": State.deleted})
    await a.parts[ReplicatedMap].put(key_of(gone), encoded(Row(gone, b"")))
    await nodes.close("a")
    a = await nodes.open("a")
    assert await shelf(a).versions("heart") == [first]
