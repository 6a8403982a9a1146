"""Shoppers that never were, with tastes that are known: what one shows and what a test recovers.

A store has a taste (which categories, brands, colours and prices sell there), its shoppers each have their
own around it, and some products are bought together. A shopper comes for one category, looks at products
with a chance that grows with how much they like them (a logit choice: McFadden, 1974), and puts into the
cart and buys the more of them the more they like them. The same seed makes the same shoppers.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from feria.catalog.wire import Product
from feria.recommendations.wire import Event, Kind

VISITS_A_WEEK = 2.0
VIEWS = (2, 9)
"""Fewest and most of a visit."""
STORE, OWN = 1.0, 1.5
"""How far the store's taste and the shopper's own go apart from what all like."""
PRICE = 0.6
FASHION = 0.5
"""How much products differ in what nobody can explain."""
PAIRED = 0.15
"""Share of the products that have a companion."""
HESITATION = 3.0
"""How much a product must be liked to be put into the cart every other time."""
ALONG = 0.6
"""How often the companion is bought along."""
SURE = 2.5
"""How strongly a choice follows what is liked."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Taste:
    """How much somebody likes each category, brand and colour; 0 is neither more nor less than others do."""

    categories: dict[str, float]
    brands: dict[str, float]
    colours: dict[str, float]
    price: float
    """Where in the range of prices, from -1, the cheapest, to 1."""


@dataclass(frozen=True, slots=True)
class Planted:
    """What is to be found again."""

    store: Taste
    pairs: dict[str, str]
    """From a SKU to that of its companion."""


class _Names(NamedTuple):
    """What is said of each product in words."""

    names: list[str]
    """In their order, each once."""
    numbers: Array
    """Of each product, the place of its own."""

    @classmethod
    def of(cls, said: Iterable[str]) -> "_Names":
        names, numbers = np.unique(list(said), return_inverse=True)
        return cls(names.tolist(), numbers)

    def by_product(self, values: dict[str, float]) -> Array:
        found: Array = np.array([values[name] for name in self.names])[self.numbers]
        return found


class Simulation:
    """Of one store. Raises `ValueError` for fewer than two products."""

    def __init__(self, products: Sequence[Product], store: str, seed: int = 1) -> None:
        if len(products) < 2:
            raise ValueError("There is nothing to choose from.")
        self._products = sorted(products, key=lambda product: product.sku)
        self._store = store
        self._seed = seed
        self._categories = _Names.of(product.category or "" for product in self._products)
        self._brands = _Names.of(product.brand for product in self._products)
        self._colours = _Names.of(_colour(product) for product in self._products)
        # A store keeps its taste whatever the seed; what goes together is so in every store.
        self._store_taste = self._taste(_chance("store", store), STORE)
        chance = _chance("products")
        self._fashion = chance.normal(0, FASHION, len(products))
        self._companions = self._paired(chance)
        prices = np.array([float(product.price) for product in self._products])
        self._level = 2 * prices.argsort().argsort() / (len(prices) - 1) - 1

    @property
    def planted(self) -> Planted:
        skus = [product.sku for product in self._products]
        return Planted(self._store_taste, {skus[one]: skus[other] for one, other in self._companions.items()})

    def shopper(self, number: int) -> str:
        return f"simulated-{_digest(self._store, self._seed)[:12]}-{number:06}"

    def events(self, shoppers: int, days: float, until: datetime) -> Iterator[Event]:
        """Shopper by shopper, each one's in the order in which they happen, within `days` before `until`."""
        for number in range(shoppers):
            yield from self._life(number, days, until)

    def _life(self, number: int, days: float, until: datetime) -> Iterator[Event]:
        chance = _chance("shopper", self._store, self._seed, number)
        liked = self._liking(self._store_taste) + self._liking(self._taste(chance, OWN)) + self._fashion
        visits = chance.poisson(VISITS_A_WEEK * days / 7)
        # A visit ends within the hour, and none reaches beyond the last moment.
        starts = np.sort(chance.uniform(0, max(days - 1 / 24, 0), visits))
        made = 0
        for start in starts:
            at = until - timedelta(days=days - float(start))
            for kind, product in self._visit(liked, chance):
                made += 1
                at += timedelta(seconds=float(chance.uniform(5, 90)))
                yield Event(
                    id=str(made),
                    shopper=self.shopper(number),
                    kind=kind,
                    sku=self._products[product].sku,
                    store=self._store,
                    at=min(at, until),
                    consent=True,
                )

    def _visit(self, liked: Array, chance: np.random.Generator) -> Iterator[tuple[Kind, int]]:
        """What is seen, then what of it is bought."""
        categories = self._categories.numbers
        there = np.flatnonzero(categories == categories[_choose(liked, 1, chance)[0]])
        views = int(chance.integers(*VIEWS, endpoint=True))
        seen = there[_choose(liked[there], views, chance)]
        basket = []
        for product in seen.tolist():
            yield Kind.view, product
            if chance.random() < _logistic(liked[product] - HESITATION):
                yield Kind.cart, product
                basket.append(product)
                companion = self._companions.get(product)
                if companion is not None and chance.random() < ALONG:
                    yield Kind.view, companion
                    yield Kind.cart, companion
                    basket.append(companion)
        if basket and chance.random() < 0.7:
            for product in dict.fromkeys(basket):
                yield Kind.purchase, product

    def _taste(self, chance: np.random.Generator, size: float) -> Taste:
        def likings(of: _Names) -> dict[str, float]:
            return {name: float(chance.normal(0, size)) for name in of.names}

        return Taste(
            likings(self._categories),
            likings(self._brands),
            likings(self._colours),
            float(chance.uniform(-1, 1)),
        )

    def _liking(self, taste: Taste) -> Array:
        liking: Array = (
            self._categories.by_product(taste.categories)
            + 0.5 * self._brands.by_product(taste.brands)
            + 0.7 * self._colours.by_product(taste.colours)
            - PRICE * np.abs(self._level - taste.price)
        )
        return liking

    def _paired(self, chance: np.random.Generator) -> dict[int, int]:
        order = chance.permutation(len(self._products)).tolist()
        paired = max(1, round(len(order) * PAIRED / 2))
        return dict(zip(order[:paired], order[paired : 2 * paired], strict=True))


def _choose(liked: Array, many: int, chance: np.random.Generator) -> Array:
    """Different ones; the more liked, the likelier (Gumbel top-k: Kool et al., ICML 2019)."""
    keys = SURE * liked / max(float(liked.std()), 1.0) + chance.gumbel(size=len(liked))
    return np.argsort(-keys)[:many]


def _logistic(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def _colour(product: Product) -> str:
    for name in ("colour", "color"):
        if name in product.attributes:
            return str(product.attributes[name])
    return ""


def _chance(*of: object) -> np.random.Generator:
    return np.random.default_rng(int(_digest(*of)[:16], 16))


def _digest(*of: object) -> str:
    return hashlib.sha256("\0".join(str(one) for one in of).encode()).hexdigest()
