"""How what was found is shown."""

from collections.abc import Iterable

from rich.text import Text

from feria.catalog.wire import Language
from feria.cli import screen
from feria.cli.goods import price
from feria.search.wire import SearchPage, Segment


def show_found(page: SearchPage, language: Language) -> None:
    """A row a product; on a terminal what was looked for is bold."""
    if page.corrected is not None:
        screen.note(f"Taken for: {page.corrected}")
    if not page.hits:
        screen.note("Nothing was found. `feria catalog list` shows what there is.")
        return
    shown = screen.table("sku", "title", "price", "category", right=("price",))
    for hit in page.hits:
        product = hit.product
        title = _bold(hit.highlights.title) or Text(product.title.said(language))
        shown.add_row(product.sku, title, price(product), product.category or "")
    screen.show(shown)
    if page.total > len(page.hits):
        screen.note(f"{len(page.hits)} of {page.total:,} products.")


def _bold(segments: Iterable[Segment]) -> Text:
    return Text.assemble(*((segment.text, "bold" if segment.match else "") for segment in segments))
