"""How long a node takes to say what a shopper may like, from the database's answer to the products."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
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
from feria.recommendations.recommender import Recommender
from feria.recommendations.simulation import Simulation
from feria.recommendations.wire import BATCH
from feria.settings import RegistrySettings, Settings

NAME = "recommendations"
SIZES = (300, 10_000, 100_000)
SHOPPERS = 200
LIMIT = 10
COLUMNS = (
    "Products",
    "popular",
    "by rule",
    "by ranker",
    "together",
    "p99 by ranker",
    "one event",
)
COLOURS = ("red", "green", "blue", "white", "black")


def run(run: Run) -> Outcome:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rows = [runner.run(_measure(run, size)) for size in (SIZES[:1] if run.quick else SIZES)]
    return Outcome(
        NAME,
        grids=[Grid(f"{LIMIT} recommendations in this process, SQLite, median in ms", COLUMNS, rows)],
        notes=[
            f"Events of {SHOPPERS} simulated shoppers in 30 days. Each answer reads the shopper's events and "
            "the products from the database; the ranker is a logistic regression on four features.",
        ],
    )


async def _measure(run: Run, size: int) -> list[str]:
    settings = Settings(  # type: ignore[call-arg]
        home=run.scratch / f"home-{size}", registry=RegistrySettings(shipped=False), _env_file=None
    )
    run.tell(f"{size:,} products")
    async with open_node(settings) as node:
        drafts = [_draft(n) for n in range(size)]
        for start in range(0, size, MAX_BATCH):
            await node.parts[Catalog].put_all(drafts[start : start + MAX_BATCH])
    async with open_node(settings) as node:
        recommender: Recommender = node.parts[Recommender]
        simulation = await _simulate(node, drafts)
        shoppers = [simulation.shopper(n) for n in range(SHOPPERS)]
        skus = list(simulation.planted.pairs)
        popular = await _milliseconds(run, lambda n: recommender.for_shopper(None, LIMIT))
        rule = await _milliseconds(run, lambda n: recommender.for_shopper(shoppers[n % SHOPPERS], LIMIT))
        await _train(node)
        ranked = await _milliseconds(run, lambda n: recommender.for_shopper(shoppers[n % SHOPPERS], LIMIT))
        together = await _milliseconds(
            run, lambda n: recommender.together_with(skus[n % len(skus)], None, LIMIT)
        )
        now = node.parts[Clock].now() + timedelta(seconds=1)
        events = list(simulation.events(SHOPPERS + 50, 30, now))[-5_000:]
        telling = await _milliseconds(run, lambda n: recommender.tell([_renamed(events[n % len(events)], n)]))
    medians = [taken[len(taken) // 2] for taken in (popular, rule, ranked, together)]
    late = ranked[int(len(ranked) * 0.99)]
    return [f"{size:,}", *map(number, medians), number(late), number(telling[len(telling) // 2])]


async def _simulate(node: Node, drafts: list[ProductDraft]) -> Simulation:
    now = node.parts[Clock].now()
    products = [Product(**one.model_dump(), created_at=now, updated_at=now) for one in drafts]
    simulation = Simulation(products, "lima")
    events = list(simulation.events(SHOPPERS, 30, now))
    for start in range(0, len(events), BATCH):
        await node.parts[Recommender].tell(events[start : start + BATCH])
    return simulation


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
