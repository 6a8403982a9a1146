"""While what answers rest on is built, others get their turn; what takes long is done in another thread."""

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from feria.catalog.catalog import Catalog
from feria.node import Node, open_node
from feria.recommendations import events
from feria.recommendations.behaviour import Behaviour
from feria.recommendations.events import Events
from feria.recommendations.memory import EVENTS, Memory
from feria.recommendations.recommender import Recommender
from feria.recommendations.training import Past
from feria.recommendations.wire import BATCH
from feria.settings import Settings
from recommendations.test_recommender import did
from recommendations.worlds import draft

SHOPPERS, EACH = 30, 40
LATER = 4
"""Who together tell as much as one commit takes."""


@pytest.fixture
async def node(tmp_path: Path) -> AsyncGenerator[Node]:
    """With more events than a few pages of them."""
    async with open_node(Settings(home=tmp_path, _env_file=None)) as node:
        await node.parts[Catalog].put_all([draft(number) for number in range(60)])
        recommender: Recommender = node.parts[Recommender]
        for shopper in range(SHOPPERS):
            kinds = ("view", "view", "cart")
            await recommender.tell(
                [did(f"shopper-number-{shopper:02}", kinds[n % 3], (shopper + n) % 60) for n in range(EACH)]
            )
        yield node


@pytest.fixture
def memory(node: Node) -> Memory:
    found: Memory = node.parts[Recommender]._memory
    return found


def heard(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, listener: Callable[[], None]) -> None:
    """`listener` is called at each call of what is done as before."""
    done = getattr(owner, name)

    @functools.wraps(done)
    def doing(*args: Any, **keywords: Any) -> Any:
        listener()
        return done(*args, **keywords)

    monkeypatch.setattr(owner, name, doing)


class Turns:
    """Counts deeds between two turns of a coroutine that wants one as often as it can."""

    def __init__(self) -> None:
        self.deeds = self.most = self.since = 0

    def count(self) -> None:
        self.deeds += 1
        self.since += 1
        self.most = max(self.most, self.since)

    async def take(self) -> None:
        while True:
            self.since = 0
            await asyncio.sleep(0)


@pytest.fixture
async def turns(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Turns]:
    turns = Turns()
    heard(monkeypatch, Behaviour, "observe", turns.count)
    taking = asyncio.create_task(turns.take())
    yield turns
    taking.cancel()


async def test_others_get_a_turn_after_each_page_of_a_build(memory: Memory, turns: Turns) -> None:
    await memory.build()
    assert turns.deeds == SHOPPERS * EACH > 5 * EVENTS
    assert turns.most <= EVENTS


async def test_others_get_a_turn_while_what_comes_during_a_build_is_added(
    node: Node, memory: Memory, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    recommender: Recommender = node.parts[Recommender]
    reading = asyncio.Event()
    heard(monkeypatch, Events, "log", reading.set)
    building = asyncio.create_task(memory.build())
    await reading.wait()
    baskets = [[did(f"a-later-shopper-{n}", "view", k % 60) for k in range(BATCH)] for n in range(LATER)]
    await asyncio.gather(*map(recommender.tell, baskets))
    await building
    assert turns.deeds >= SHOPPERS * EACH + LATER * BATCH
    assert turns.most <= (LATER + 1) * EVENTS  # a page of each who tells, and one of the build


async def test_sorting_the_log_is_done_in_another_thread(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: list[int] = []
    for owner, name in ((events, "_in_order"), (Past, "__init__")):
        heard(monkeypatch, owner, name, lambda: where.append(threading.get_ident()))
    await memory.build()
    await memory.past()
    assert len(where) == 4
    assert threading.get_ident() not in where


async def test_rows_to_learn_from_are_made_in_another_thread(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: set[int] = set()
    heard(monkeypatch, Behaviour, "observe", lambda: where.add(threading.get_ident()))
    recommender: Recommender = node.parts[Recommender]
    assert await recommender.training_rows("parquet")
    assert where
    assert threading.get_ident() not in where
