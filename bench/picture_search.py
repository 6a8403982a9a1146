"""Promise `picture-search`: the nearest of many vectors beside looking at every one; a picture over HTTP.

The vectors are made: 256 numbers around a thousand centres, as embeddings of goods lie. One thread each.
"""

import os
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bench.contenders import feria_node
from bench.load import percentile
from bench.nets import pictures
from bench.processes import Failed
from bench.report import Grid, Outcome, Promise, number
from bench.run import Run
from feria import Client
from feria.catalog.wire import ProductDraft, Words
from feria.registry.shipped import FOLDER
from feria.search.blocks import Facts
from feria.search.filters import Filters
from feria.search.graph import HnswGraph
from feria.search.nearest import Nearest
from feria.settings import SearchSettings

NAME = "picture_search"
SIZES = (10_000, 100_000)
"""Vectors; another list, `1000000` too, in FERIA_BENCH_PRODUCTS between commas."""
DIMENSION, CENTRES, NOISE = 256, 1000, 0.5
WANTED = 10
CATEGORIES, BRANDS = 8, 50
PIECE = 1000
SHOWN = 60
"""Products of the node that is asked over HTTP."""
QUESTIONS = {
    "no filter": Filters(),
    "a category, 1 in 8": Filters(category="c3"),
    "a price, 1 in 2": Filters(max_price=Decimal("4.99")),
    "a brand, 1 in 50": Filters(brands=("b7",)),
}
Array = np.ndarray[Any, Any]
Found = list[tuple[int, float]]


def run(run: Run) -> Outcome:
    outcome = Outcome(NAME)
    for size in (2_000,) if run.quick else _sizes():
        with threadpool_limits(1):
            _measure(run, size, outcome)
    _over_http(run, outcome)
    return outcome


def _sizes() -> tuple[int, ...]:
    said = os.environ.get("FERIA_BENCH_PRODUCTS")
    return SIZES if said is None else tuple(int(size) for size in said.split(","))


def _measure(run: Run, size: int, outcome: Outcome) -> None:
    run.tell(f"{size:,} vectors")
    every, queries = _vectors(size), _vectors(200 if run.quick or size > 100_000 else 500, seed=2)
    facts = [Facts(f"c{n % CATEGORIES}", f"b{n // 8 % BRANDS}", n // 400 % 1000, True) for n in range(size)]
    exact, graphed = Nearest(DIMENSION, exact_up_to=size), Nearest(DIMENSION, exact_up_to=size // 4)
    for product, (vector, fact) in enumerate(zip(every, facts, strict=True)):
        exact.put(product, fact, {0: vector})
        graphed.put(product, fact, {0: vector})
    seconds = _build(run, graphed)
    rows, ratio, recall = [], 0.0, 0.0
    for question, filters in QUESTIONS.items():
        run.tell(f"{size:,} vectors: {question}")
        passing = np.array([n for n, fact in enumerate(facts) if _passes(fact, filters)])
        asked: dict[str, Callable[[Array], Found]] = {
            "every vector, numpy": _plain(every, passing),
            "feria, every vector": lambda query, by=filters: exact.search(query, by, WANTED),
            "feria, graph": lambda query, by=filters: graphed.search(query, by, WANTED),
        }
        times, found = _take_turns(asked, queries)
        true = found["every vector, numpy"]
        for name in asked:
            p50 = percentile(times[name], 0.5)
            share = _recall(found[name], true)
            rows.append(
                [f"{question}: {name}", number(p50), number(percentile(times[name], 0.99)), f"{share:.3f}"]
            )
            if name == "feria, graph" and filters == Filters():
                ratio, recall = percentile(times["every vector, numpy"], 0.5) / p50, share
    outcome.grids.append(
        Grid(
            f"The {WANTED} nearest of {size:,} vectors of {DIMENSION} numbers, milliseconds",
            ["", "p50", "p99", f"Recall at {WANTED}"],
            rows,
        )
    )
    outcome.notes.append(f"The graph of {size:,} vectors was built in {seconds:.0f} s by one thread.")
    said = f"recall at {WANTED} {recall:.3f}, {size:,} vectors"
    outcome.promises.append(
        Promise("picture-search", said, "every vector, numpy", "1", recall, "≥ 0.95", is_ratio=False)
    )
    if size > SearchSettings().exact_up_to:  # below, a node looks at every vector
        said = f"graph, {size:,} vectors"
        outcome.promises.append(Promise("picture-search", said, "every vector, numpy", "", ratio, "≥ 20"))


def _vectors(count: int, seed: int = 1) -> Array:
    centres = np.random.default_rng(0).normal(size=(CENTRES, DIMENSION)).astype(np.float32)
    random = np.random.default_rng(seed)
    found = centres[random.integers(0, CENTRES, count)]
    found += NOISE * random.normal(size=found.shape).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _build(run: Run, nearest: Nearest) -> float:
    graph = HnswGraph(DIMENSION)
    began = time.perf_counter()
    keys = nearest.begin_graph()
    for start in range(0, len(keys), PIECE):
        run.tell(f"a graph, {start:,} of {len(keys):,} vectors")
        graph.put(*nearest.take(keys[start : start + PIECE]))
    nearest.adopt(graph)
    return time.perf_counter() - began


def _passes(fact: Facts, filters: Filters) -> bool:
    return (
        filters.category in {None, fact.category}
        and (not filters.brands or fact.brand in filters.brands)
        and (filters.max_price is None or fact.price <= filters.max_price * 100)
    )


def _plain(every: Array, passing: Array) -> Callable[[Array], Found]:
    """What one would write first: all of those that pass, in one matrix of their own."""
    matrix = np.ascontiguousarray(every[passing])

    def find(query: Array) -> Found:
        scores = matrix @ query
        best = np.argpartition(scores, -WANTED)[-WANTED:]
        best = best[(-scores[best]).argsort()]
        return list(zip(passing[best].tolist(), scores[best].tolist(), strict=True))

    return find


def _take_turns(
    asked: dict[str, Callable[[Array], Found]], queries: Sequence[Array]
) -> tuple[dict[str, list[float]], dict[str, list[Found]]]:
    """Milliseconds, from the quickest, and what was found."""
    times: dict[str, list[float]] = {name: [] for name in asked}
    found: dict[str, list[Found]] = {name: [] for name in asked}
    for query in queries:
        for name, find in asked.items():
            began = time.perf_counter()
            answer = find(query)
            times[name].append((time.perf_counter() - began) * 1e3)
            found[name].append(answer)
    return {name: sorted(taken) for name, taken in times.items()}, found


def _recall(found: list[Found], true: list[Found]) -> float:
    shares = [
        len({product for product, _ in some} & {product for product, _ in all_}) / len(all_)
        for some, all_ in zip(found, true, strict=True)
    ]
    return float(np.mean(shares))


def _over_http(run: Run, outcome: Outcome) -> None:
    """A picture sent to a node, until its products are there."""
    if not (FOLDER / "products.onnx").is_file():
        outcome.notes.append("No search over HTTP was measured: the network `products` is not there.")
        return
    shots = pictures(SHOWN)
    with feria_node(run.scratch, "shop") as (_, port), Client(f"http://127.0.0.1:{port}") as feria:
        run.tell(f"a node with {SHOWN} products")
        for n, shot in enumerate(shots):
            feria.put_product(ProductDraft(sku=f"p{n}", title=Words(es=f"Cosa {n}"), price=Decimal(1)))
            feria.put_pictures(f"p{n}", shot)
        deadline = time.monotonic() + 120
        while not any(
            model.name == "products" for model in feria.models()
        ):  # it is put there after the start
            if time.monotonic() > deadline:
                raise Failed("The network that ships was not put on the shelf.")
            time.sleep(0.05)
        while (now := feria.search_model()).progress.vectors < SHOWN:
            if time.monotonic() > deadline:
                raise Failed(f"After two minutes {now.model} had seen {now.progress.vectors} pictures.")
            time.sleep(0.05)
        times = []
        for n in range(20 if run.quick else 300):
            run.tell(f"pictures over HTTP, {n} so far")
            began = time.perf_counter()
            feria.search_image(shots[n % SHOWN], limit=WANTED)
            times.append((time.perf_counter() - began) * 1e3)
        looked = []
        for n in range(len(times)):
            began = time.perf_counter()
            feria.classify(now.model, shots[n % SHOWN])
            looked.append((time.perf_counter() - began) * 1e3)
    rows = [
        [what, number(percentile(sorted(taken), 0.5)), number(percentile(sorted(taken), 0.99))]
        for what, taken in (("search by picture", times), ("the prediction alone", looked))
    ]
    outcome.grids.append(
        Grid("A 96×96 picture over HTTP, milliseconds, one at a time", ["", "p50", "p99"], rows)
    )
