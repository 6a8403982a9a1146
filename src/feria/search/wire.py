"""Searches by words, as they cross the network."""

from typing import Literal

from pydantic import Field

from feria.catalog.wire import Facets, Product, Wire, Words

SearchSort = Literal["relevance", "price", "-price", "newest"]
LONGEST_TEXT = 1000
"""Characters of a query that are looked at."""


class Segment(Wire):
    """A piece of text; what was looked for is marked, and text stays text: nothing in it is markup."""

    text: str
    match: bool = False


class Highlights(Wire):
    title: tuple[Segment, ...] = Field(description="All of it.")
    description: tuple[Segment, ...] = Field(
        default=(), description="The part that says most of what was looked for."
    )


class Hit(Wire):
    product: Product
    score: float | None = Field(
        default=None,
        description="How well it fits; only comparable within one answer, and only by relevance.",
    )
    highlights: Highlights


class SearchPage(Wire):
    hits: tuple[Hit, ...]
    total: int = Field(description="On all pages.")
    corrected: str | None = Field(
        default=None, description="What the text was taken for, where a word in it was held to be misspelt."
    )
    facets: Facets | None = Field(default=None, description="With the first page only.")
    took_ms: float = Field(description="Time that the node took.")


class SuggestedCategory(Wire):
    path: str
    title: Words


class SuggestedProduct(Wire):
    sku: str
    title: Words


class Completions(Wire):
    """What somebody who is still typing may be about to ask for."""

    texts: tuple[str, ...] = Field(description="The text with its last word completed, the commonest first.")
    categories: tuple[SuggestedCategory, ...]
    products: tuple[SuggestedProduct, ...]
