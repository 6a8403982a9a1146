"""What the text index holds of a product."""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version as distribution

import tantivy
from tantivy import Document

from feria.catalog.categories import lineage
from feria.catalog.wire import Language, Product, Words
from feria.search.words import ANALYSIS, Stems, composed, stems, tokens, words

TEXTS = ("title_es", "title_en", "category_words", "stems")
"""Stems, cut at blanks. A title has its brand with it. `stems` has all of a product's: those of its titles,
descriptions, attributes and categories, each once."""
NAMES = ("words", "spelt_es", "spelt_en", "sku", "category", "brand")
"""Whole values: the words of titles, folded; the same, each with a tab and how it is written; a category's
path and those above it."""
NUMBERS = ("id", "price", "created", "applied")
COUNTED = frozenset({"words", "category", "brand"})
"""The names that are kept by product too, to be counted in facets."""

MARKER = -1
"""Stands in the place of a product's id."""


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in TEXTS:
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    for name in NAMES:
        counted = name in COUNTED
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=counted)
    for name in NUMBERS:  # unsigned ones would not do: a Document's integers are signed
        builder.add_integer_field(name, indexed=True, fast=True)
    builder.add_boolean_field("available", indexed=True, fast=True)
    return builder.build()


SCHEMA = _schema()


def version() -> str:
    """Of how an index looks; one of another version is of no use to this code."""
    told = json.dumps([distribution("tantivy"), ANALYSIS, TEXTS, NAMES, NUMBERS, sorted(COUNTED)])
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def marker(applied: int) -> Document:
    """Says that the others hold all changes up to that one."""
    return Document(id=MARKER, applied=applied)


def document(product_id: int, product: Product, titles: Mapping[str, Words]) -> Document:
    """A product as it is found; `titles` are those of the categories, by path."""
    above = lineage(product.category) if product.category else []
    said = [value for value in product.attributes.values() if isinstance(value, str)]
    made = Document(
        id=product_id,
        price=int(product.price * 100),
        created=int(product.created_at.timestamp() * 1e6),
        available=product.stock is None or product.stock > 0,
        sku=product.sku.casefold(),
        category=above,
        brand=[product.brand] if product.brand else [],
    )
    titled = words(f"{product.title.es} {product.title.en} {product.brand}")
    for word in dict.fromkeys(titled):
        made.add_text("words", word)
    named = [titles[path] for path in above if path in titles]
    of_categories = words(" ".join(f"{title.es} {title.en}" for title in named))
    keys = {key for word in of_categories for key in (stems(word).es, stems(word).en)}
    made.add_text("category_words", " ".join(sorted(keys)))
    keys |= _add_language(made, "es", product, said)
    keys |= _add_language(made, "en", product, said)
    made.add_text("stems", " ".join(sorted(keys)))
    return made


def _add_language(made: Document, language: Language, product: Product, said: list[str]) -> set[str]:
    """The titles of a language; returns all stems of its texts."""
    title = composed(f"{product.title.said(language)} {product.brand}")
    titled = list(tokens(title))
    keys = [key for token in titled for key in _title_keys(stems(token.word), language)]
    made.add_text(f"title_{language}", " ".join(keys))
    spelt = {token.word: title[token.start : token.end].lower() for token in titled}
    for word, written in spelt.items():
        made.add_text(f"spelt_{language}", f"{word}\t{written}")
    told = words(" ".join((product.description.said(language), *said)))
    return {*keys, *(getattr(stems(word), language) for word in told)}


def _title_keys(found: Stems, language: Language) -> tuple[str, ...]:
    """A noun in its own gender weighs more than one that shares its stem: Spanish titles hold both."""
    if language == "en":
        return (found.en,)
    return (found.es,) if found.noun == found.es else (found.noun, found.es)
