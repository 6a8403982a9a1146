"""How long a node takes to say what a shopper may like, from the database's answer to the products; and for
how long it answers nobody while it builds anew what that rests on."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any

import uvloop

from bench.report import Grid, Outcome, number
from bench.run import Run
from feria.catalog.catalog import Catalog
from feria.catalog.wire import MAX_BATCH, Product, ProductDraft, Words
from feria.clock import Clock
from feria.learning.trainer import Trainer
from feria.learning.wire import InlineTraining
from feria.node import Node, open_node
from feria.recommendations.events import open_events
from feria.recommendations.memory import NEWEST, Memory
from feria.recommendations.recommender import Recommender
from feria.recommendations.simulation import Simulation
from feria.recommendations.wire import BATCH, Event
from feria.settings import RegistrySettings, Settings
from feria.storage.database import Database

NAME = "recommendations"
SIZES = (300, 10_000, 100_000)
SHOPPERS, DAYS = 200, 30
LIMIT = 10
LOOK = 0.001
"""Seconds between two looks at whether others get their turn."""
COLUMNS = (
    "Products",
    "popular",
    "by rule",
    "by ranker",
    "together",
    "p99 by ranker",
    "one event",
)
BUILT = ("Products", "events", "built anew in, s", "longest turn, ms", "of the processor")
COLOURS = ("red", "green", "blue", "white", "black")


def run(run: Run) -> Outcome:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rows = [runner.run(_measure(run, size)) for size in (SIZES[:1] if run.quick else SIZES)]
    answers, built = zip(*rows, strict=True)
    return Outcome(
        NAME,
        grids=[
            Grid(f"{LIMIT} recommendations in this process, SQLite, median in ms", COLUMNS, answers),
            Grid("What they rest on, built anew beside all else", BUILT, built),
        ],
        notes=[
            f"Events of {SHOPPERS} simulated shoppers in {DAYS} days, and the same again under other names. "
            "Each answer reads the shopper's events and the products from the database; the ranker is a "
            "logistic regression on four features.",
            "The longest turn: how long a coroutine that wants its own every millisecond waited for it. What "
            "else runs on the machine makes it wait too, but takes nothing of the thread's processor time.",
        ],
    )


async def _measure(run: Run, size: int) -> tuple[list[str], list[str]]:
    run.tell(f"{size:,} products")
    settings = Settings(  # type: ignore[call-arg]
        home=run.scratch / f"home-{size}", registry=RegistrySettings(shipped=False), _env_file=None
    )
    now = datetime.now(UTC)
    drafts = [_draft(n) for n in range(size)]
    products = [Product(**one.model_dump(), created_at=now, updated_at=now) for one in drafts]
    simulation = Simulation(products, "lima")
    events = list(simulation.events(SHOPPERS, DAYS, now))
    gc.freeze()  # a hundred thousand drafts are no node's
    async with open_node(settings) as node:
        for start in range(0, size, MAX_BATCH):
            await node.parts[Catalog].put_all(drafts[start : start + MAX_BATCH])
    async with open_node(settings) as node:
        gc.freeze()  # as `feria serve` does
        recommender: Recommender = node.parts[Recommender]
        run.tell(f"{size:,} products: telling")
        many = await _tell(recommender, events, NEWEST // 25 if run.quick else NEWEST)
        run.tell(f"{size:,} products: building")
        built = await _built(node, settings)
        run.tell(f"{size:,} products: asking")
        shoppers = [simulation.shopper(n) for n in range(SHOPPERS)]
        skus = list(simulation.planted.pairs)
        popular = await _milliseconds(run, lambda n: recommender.for_shopper(None, LIMIT))
        rule = await _milliseconds(run, lambda n: recommender.for_shopper(shoppers[n % SHOPPERS], LIMIT))
        await _train(node)
        ranked = await _milliseconds(run, lambda n: recommender.for_shopper(shoppers[n % SHOPPERS], LIMIT))
        together = await _milliseconds(
            run, lambda n: recommender.together_with(skus[n % len(skus)], None, LIMIT)
        )
        telling = await _milliseconds(run, lambda n: recommender.tell([_renamed(events[n % len(events)], n)]))
    medians = [taken[len(taken) // 2] for taken in (popular, rule, ranked, together)]
    late = ranked[int(len(ranked) * 0.99)]
    row = [f"{size:,}", *map(number, medians), number(late), number(telling[len(telling) // 2])]
    return row, [f"{size:,}", f"{many:,}", *map(number, built)]


async def _tell(recommender: Recommender, events: Sequence[Event], most: int) -> int:
    """These events, and the same again of shoppers with other names, until there are so many."""
    told = (
        event.model_copy(update={"shopper": f"{event.shopper}-{again}"}) if again else event
        for again in count()
        for event in events
    )
    wanted, many = islice(told, most), 0
    while some := list(islice(wanted, BATCH)):
        many += (await recommender.tell(some)).kept
    return many


async def _built(node: Node, settings: Settings) -> tuple[float, float, float]:
    """Seconds, and the longest in milliseconds that others waited for their turn: by the clock, and what
    this thread's processor time went by meanwhile."""
    turns: list[tuple[float, float]] = []

    async def look() -> None:
        while True:
            began, cpu = time.perf_counter(), time.thread_time()
            await asyncio.sleep(LOOK)
            turns.append((time.perf_counter() - began - LOOK, time.thread_time() - cpu))

    async with open_events(node.parts[Database]) as events:
        memory = Memory(events, node.parts[Catalog], node.parts[Clock], settings.recommendations)
        looking = asyncio.create_task(look())
        began = time.perf_counter()
        await memory.build()
        seconds = time.perf_counter() - began
        looking.cancel()
    waited, busy = (1000 * max(column) for column in zip(*turns, strict=True))
    return seconds, waited, busy


async def _train(node: Node) -> None:
    columns = ["category_affinity", "brand_affinity", "trait_affinity", "popularity", "bought"]
    rows = [[n % 5 / 5, n % 3 / 3, n % 7 / 7, n % 11, int(n % 5 + n % 7 > 6)] for n in range(500)]
    order = InlineTraining(kind="logistic_regression", target="bought", columns=columns, rows=rows)
    await node.parts[Trainer].train("shop_ranker", order, order)


async def _milliseconds(run: Run, deed: Callable[[int], Awaitable[Any]]) -> list[float]:
    """Sorted; a hundred at least, after ten that do not count."""
    taken: list[float] = []
    until = time.perf_counter() + 2 * run.seconds
    for n in range(10):
        await deed(n)
    while len(taken) < 100 or time.perf_counter() < until:
        began = time.perf_counter()
        await deed(10 + len(taken))
        taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken)


def _draft(n: int) -> ProductDraft:
    return ProductDraft.model_validate(
        {
            "sku": f"P{n:06}",
            "title": Words(es=f"Producto {n}", en=f"Product {n}"),
            "category": f"shelf-{n % 12}/box-{n % 60}",
            "brand": f"Brand {n // 7 % 40}",
            "attributes": {"colour": COLOURS[n // 5 % len(COLOURS)]},
            "price": round(5 + 90 * (n * 0.618 % 1), 2),
        }
    )


def _renamed(event: Any, n: int) -> Any:
    return event.model_copy(update={"id": f"again-{n}", "at": None})
