"""Text indexes made without a database."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from clocks import START
from feria.catalog.wire import Product, ProductDraft, Words
from feria.search.index import TextIndex
from feria.search.schema import document, marker


def product_of(draft: ProductDraft, number: int = 0) -> Product:
    """As the catalogue would give it back, made `number` seconds after the others."""
    at = START + timedelta(seconds=number)
    return Product(**draft.model_dump(), created_at=at, updated_at=at)


def index_of(
    folder: Path, drafts: Iterable[ProductDraft], titles: Mapping[str, Words] | None = None
) -> TextIndex:
    """Numbered from 1 in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    index = TextIndex.create(folder)
    writer = index.tantivy.writer(15_000_000, 1)
    number = 0
    for number, draft in enumerate(drafts, 1):
        writer.add_document(document(number, product_of(draft, number), titles or {}))
    writer.add_document(marker(number))
    writer.commit()
    writer.wait_merging_threads()
    index.refresh()
    return index
