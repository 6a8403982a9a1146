"""The text index of the catalogue: a tantivy directory, and what is asked of it.

A document a product, and one more with the number of the last change that they hold. Both are written by one
commit, so an index never claims what it does not have.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any

import tantivy
from tantivy import FieldType, Occur, Order, Query

from feria.catalog.wire import Language
from feria.search.damage import check_files, noticed
from feria.search.filters import Filters
from feria.search.schema import MARKER, SCHEMA
from feria.search.wire import SearchSort

EVERYTHING = Query.exists_query("price")
"""The marker has none."""
MOST_BRANDS = 100
FACETS: dict[str, Any] = {
    "category": {"terms": {"field": "category", "size": 10_000}},
    "brand": {"terms": {"field": "brand", "size": MOST_BRANDS}},
    "price": {"stats": {"field": "price"}},
}
_ORDERS = {
    "relevance": (None, Order.Desc),
    "price": ("price", Order.Asc),
    "-price": ("price", Order.Desc),
    "newest": ("created", Order.Desc),
}


@dataclass(frozen=True, slots=True)
class Found:
    ids: list[int]
    scores: list[float]
    """Empty where another order was wished for."""
    total: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Products by choice, each beside the filters of the other kinds."""

    categories: dict[str, int]
    brands: dict[str, int]
    least: int | None
    most: int | None
    """Prices, in hundredths."""


class TextIndex:
    """One folder of it, opened. Threads may ask at once; `refresh` shows what was committed since, be it by
    another process. Raises `Corrupt`, whatever it is asked, when its
    files are damaged."""

    def __init__(self, path: Path) -> None:
        check_files(path)
        with noticed():
            self.path = path
            self.tantivy = tantivy.Index.open(str(path))
            self._seen = self._stamp()
            self.searcher = self.tantivy.searcher()

    @classmethod
    def create(cls, path: Path) -> "TextIndex":
        """An empty one, which has applied nothing."""
        with noticed():
            tantivy.Index(SCHEMA, path=str(path), reuse=False)
        return cls(path)

    def refresh(self) -> None:
        with noticed():
            stamp = self._stamp()
            if stamp != self._seen:
                self.tantivy.reload()
                self._seen, self.searcher = stamp, self.tantivy.searcher()

    def _stamp(self) -> tuple[int, int]:
        """Of the file that each commit replaces."""
        found = os.stat(self.path / "meta.json")
        return found.st_ino, found.st_mtime_ns

    # ------------------------------------------------------------------- what it holds
    @property
    def applied(self) -> int | None:
        """The number of the last change it holds; None before the first commit."""
        return self._number(MARKER, "applied")

    @property
    def products(self) -> int:
        return max(int(self.searcher.num_docs) - 1, 0)

    def created(self, product_id: int) -> int | None:
        """When the product was made, in microseconds since 1970; None if it is not here."""
        return self._number(product_id, "created")

    def _number(self, document_id: int, field: str) -> int | None:
        with noticed():
            hits = self.searcher.search(Query.term_query(SCHEMA, "id", document_id), limit=1).hits
            values = self.searcher.fast_field_values(field, [address for _, address in hits])
        return None if not values or values[0] is None else int(values[0])

    # ------------------------------------------------------------------- asking
    def search(self, query: Query, *, limit: int, offset: int = 0, sort: SearchSort = "relevance") -> Found:
        field, order = _ORDERS[sort]
        with noticed():
            found: Any = self.searcher.search(
                query, limit=limit, offset=offset, order_by_field=field, order=order
            )
            ids = self.searcher.fast_field_values("id", [address for _, address in found.hits])
        scores = [float(score) for score, _ in found.hits] if field is None else []
        return Found([int(number or 0) for number in ids], scores, int(found.count))

    def documents(self, field: str, value: str) -> int:
        """How many products have that value there; some that are gone may still be counted."""
        with noticed():
            return int(self.searcher.doc_freq(field, value))

    def beginning(self, letters: str, limit: int) -> dict[str, int]:
        """Words of titles that begin so, the commonest first, and how many products have them."""
        with noticed():
            return dict(self.searcher.terms_with_prefix("words", letters, None, limit))

    def completions(
        self, letters: str, limit: int, language: Language | None, among: Query | None
    ) -> list[tuple[str, str]]:
        """The same in one language or both, among what a query finds; each with how it is written."""
        counted: dict[str, int] = {}
        for name in ("spelt_es", "spelt_en") if language is None else (f"spelt_{language}",):
            with noticed():
                found = self.searcher.terms_with_prefix(name, letters, among, limit)
            for spelt, count in found:
                if count > 0:
                    counted[spelt] = max(count, counted.get(spelt, 0))
        ordered = sorted(counted, key=lambda spelt: (-counted[spelt], spelt))
        written = {(parts := spelt.partition("\t"))[0]: parts[2] for spelt in reversed(ordered)}
        return list(reversed(written.items()))[:limit]

    def words_of(self, query: Query) -> dict[str, int]:
        """The words in titles of what the query finds, and in how many."""
        with noticed():
            found = self.searcher.aggregate(query, {"words": {"terms": {"field": "words", "size": 5000}}})
        return {bucket["key"]: bucket["doc_count"] for bucket in found["words"]["buckets"]}

    def spelling(self, word: str, language: Language | None = None) -> str:
        """How a folded word of titles is mostly written, in that language if it is one of its words."""
        for name in dict.fromkeys((f"spelt_{language or 'es'}", "spelt_es", "spelt_en")):
            with noticed():
                found = self.searcher.terms_with_prefix(name, f"{word}\t", None, 1)
            if found:
                return str(found[0][0].partition("\t")[2])
        return word

    def counts(self, query: Query, filters: Filters) -> Counts:
        """Of what the query finds; `filters` come on top."""
        beside: dict[Filters, dict[str, Any]] = {}
        for kind, others in (
            ("category", replace(filters, category=None)),
            ("brand", replace(filters, brands=())),
            ("price", replace(filters, min_price=None, max_price=None)),
        ):
            beside.setdefault(others, {})[kind] = FACETS[kind]
        found: dict[str, Any] = {}
        for others, wanted in beside.items():
            narrowed = within(query, others)
            with noticed():
                found |= self.searcher.aggregate(narrowed, wanted)
        brands = {bucket["key"]: bucket["doc_count"] for bucket in found["brand"]["buckets"]}
        prices = found["price"]
        return Counts(
            categories={bucket["key"]: bucket["doc_count"] for bucket in found["category"]["buckets"]},
            brands=dict(sorted(brands.items(), key=lambda brand: (-brand[1], brand[0]))),
            least=round(prices["min"]) if prices["count"] else None,
            most=round(prices["max"]) if prices["count"] else None,
        )


# ------------------------------------------------------------------- queries
def within(query: Query, filters: Filters) -> Query:
    """The query's products, those that pass; their scores are what they were."""
    conditions = []
    if filters.category is not None:
        conditions.append(Query.term_query(SCHEMA, "category", filters.category))
    if filters.brands:
        conditions.append(Query.term_set_query(SCHEMA, "brand", list(filters.brands)))
    if filters.min_price is not None or filters.max_price is not None:
        conditions.append(_priced(filters.min_price, filters.max_price))
    if filters.in_stock:
        conditions.append(Query.term_query(SCHEMA, "available", True))
    if not conditions:
        return query
    unscored = [(Occur.Must, Query.const_score_query(one, 0.0)) for one in conditions]
    return Query.boolean_query([(Occur.Must, query), *unscored])


def either(queries: Sequence[Query], at_least: int | None = None) -> Query:
    return Query.boolean_query([(Occur.Should, query) for query in queries], at_least)


def every(queries: Sequence[Query]) -> Query:
    return queries[0] if len(queries) == 1 else Query.boolean_query([(Occur.Must, one) for one in queries])


def _priced(least: Decimal | None, most: Decimal | None) -> Query:
    lower = None if least is None else int((least * 100).to_integral_value(ROUND_CEILING))
    upper = None if most is None else int((most * 100).to_integral_value(ROUND_FLOOR))
    return Query.range_query(SCHEMA, "price", FieldType.Integer, lower, upper)
