"""What is nearest, held against looking at every vector."""

from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from feria.inference.sights import unit
from feria.search.blocks import Facts
from feria.search.filters import Filters
from feria.search.graph import HnswGraph
from feria.search.nearest import POSITIONS, Nearest

DIMENSION = 6
PATHS = ("", "clothing", "clothing/shirts", "clothing/shirts/linen", "clothes", "hats")
BRANDS = ("", "Amapola", "Tres Grullas")

Goods = dict[int, tuple[Facts, dict[int, Any]]]


class EveryVector:
    """A graph that misses nothing: what is left are the filters."""

    def __init__(self) -> None:
        self.held: dict[int, Any] = {}
        self.asked = 0

    def search(self, vector: Any, count: int) -> Any:
        self.asked += 1
        keys = sorted(self.held, key=lambda key: -float(self.held[key] @ vector))
        return np.array(keys[:count], np.int64)

    def put(self, keys: Any, vectors: Any) -> None:
        self.held.update(zip(keys.tolist(), vectors, strict=True))

    def remove(self, keys: Any) -> None:
        for key in keys.tolist():
            self.held.pop(key, None)


def vector(seed: int) -> Any:
    found = unit(np.random.default_rng(seed).normal(size=DIMENSION))
    assert found is not None
    return found


def wanted(goods: Goods, towards: Any, filters: Filters) -> dict[int, float]:
    """The cosine of every product that passes, by looking at all."""
    found = {}
    for product, (facts, vectors) in goods.items():
        path, price = facts.category, Decimal(facts.price) / 100
        if (
            (filters.category is None or f"{path}/".startswith(f"{filters.category}/"))
            and (not filters.brands or facts.brand in filters.brands)
            and (filters.min_price is None or price >= filters.min_price)
            and (filters.max_price is None or price <= filters.max_price)
            and (not filters.in_stock or facts.in_stock)
            and vectors
        ):
            found[product] = max(float(one @ towards) for one in vectors.values())
    return found


def agree(found: list[tuple[int, float]], true: dict[int, float], count: int) -> None:
    assert len(found) == min(count, len(true))
    assert len({product for product, _ in found}) == len(found)
    best = sorted(true.values(), reverse=True)
    for (product, cosine), expected in zip(found, best, strict=False):
        assert abs(cosine - expected) < 1e-5
        assert abs(true[product] - cosine) < 1e-5


facts = st.builds(Facts, st.sampled_from(PATHS), st.sampled_from(BRANDS), st.integers(0, 1000), st.booleans())
pictures = st.dictionaries(st.integers(0, 5), st.integers(0, 30).map(vector), max_size=3)
changes = st.lists(st.tuples(st.integers(1, 12), st.none() | st.tuples(facts, pictures)), max_size=40)
prices = st.none() | st.decimals(0, 10, places=3)
filters = (
    st.tuples(
        st.none() | st.sampled_from([path for path in PATHS if path]),
        st.lists(st.sampled_from((*BRANDS, "Nobody")), max_size=2, unique=True).map(tuple),
        prices,
        prices,
        st.booleans(),
    )
    .filter(lambda said: said[2] is None or said[3] is None or said[2] <= said[3])
    .map(lambda said: Filters(*said))
)


def apply(nearest: Nearest, goods: Goods, change: Any) -> None:
    product, now = change
    if now is None:
        nearest.remove(product)
        goods.pop(product, None)
    else:
        nearest.put(product, *now)
        goods[product] = now


@settings(deadline=None, max_examples=300)
@given(changes, filters, st.integers(1, 8), st.integers(0, 5))
def test_whatever_was_put_and_removed_the_nearest_are_those_that_looking_at_all_finds(
    history: Any, filters: Filters, count: int, seed: int
) -> None:
    nearest, goods = Nearest(DIMENSION, exact_up_to=1000), {}  # type: ignore[var-annotated]
    for change in history:
        apply(nearest, goods, change)
    assert len(nearest) == sum(len(vectors) for _, vectors in goods.values())
    agree(nearest.search(vector(seed), filters, count), wanted(goods, vector(seed), filters), count)


@settings(deadline=None, max_examples=300)
@given(changes, changes, changes, filters, st.integers(1, 4), st.integers(0, 5))
def test_with_a_graph_no_filter_costs_a_product(
    before: Any, meanwhile: Any, after: Any, filters: Filters, count: int, seed: int
) -> None:
    nearest, goods = Nearest(DIMENSION, exact_up_to=1), {}  # type: ignore[var-annotated]
    for change in before:
        apply(nearest, goods, change)
    graph = EveryVector()
    keys = nearest.begin_graph()
    graph.put(*nearest.take(keys))
    for change in meanwhile:
        apply(nearest, goods, change)
    nearest.adopt(graph)
    for change in after:
        apply(nearest, goods, change)
    assert graph.held.keys() == {
        product * POSITIONS + position for product, (_, vectors) in goods.items() for position in vectors
    }
    agree(nearest.search(vector(seed), filters, count), wanted(goods, vector(seed), filters), count)


def test_equal_products_come_in_the_order_of_their_ids() -> None:
    nearest = Nearest(DIMENSION, exact_up_to=1000)
    for product in (9, 3, 7, 1):
        nearest.put(product, Facts("", "", 1, True), {0: vector(1)})
    assert [product for product, _ in nearest.search(vector(1), Filters(), 3)] == [1, 3, 7]


def test_a_product_that_moves_to_another_category_is_found_there_alone() -> None:
    nearest = Nearest(DIMENSION, exact_up_to=1000)
    nearest.put(1, Facts("hats", "", 1, True), {0: vector(1)})
    nearest.put(1, Facts("clothes", "", 1, True), {0: vector(1)})
    assert nearest.search(vector(1), Filters(category="hats"), 5) == []
    assert [product for product, _ in nearest.search(vector(1), Filters(category="clothes"), 5)] == [1]


def clustered(rows: int, dimension: int, seed: int) -> Any:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(rows // 50, dimension))
    rough = centres[random.integers(0, len(centres), rows)] + 0.5 * random.normal(size=(rows, dimension))
    return (rough / np.linalg.norm(rough, axis=1, keepdims=True)).astype(np.float32)


def test_a_real_graph_finds_nearly_all_and_a_narrow_filter_all() -> None:
    rows, dimension, queries = 4000, 32, 50
    vectors = clustered(rows, dimension, 1)
    exact, nearest = Nearest(dimension, exact_up_to=rows), Nearest(dimension, exact_up_to=500)
    for index in (exact, nearest):
        for product, one in enumerate(vectors):
            index.put(product, Facts("hats" if product % 20 else "caps", "", product % 100, True), {0: one})
    graph = HnswGraph(dimension)
    graph.put(*nearest.take(nearest.begin_graph()))
    nearest.adopt(graph)

    def recall(filters: Filters) -> float:
        shares = []
        for one in vectors[:: rows // queries]:
            true = {product for product, _ in exact.search(one, filters, 10)}
            shares.append(len(true & {product for product, _ in nearest.search(one, filters, 10)}) / 10)
        return float(np.mean(shares))

    assert recall(Filters()) >= 0.95
    assert recall(Filters(max_price=Decimal("0.50"))) >= 0.95
    assert recall(Filters(category="caps")) == 1.0
    assert recall(Filters(max_price=Decimal("0.02"))) == 1.0
