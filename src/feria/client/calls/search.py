"""What one can ask of the search."""

from collections.abc import Sequence
from decimal import Decimal

from feria.catalog.wire import Language
from feria.client.answers import Parsed
from feria.client.calls.call import Call, given
from feria.search.wire import LONGEST_TEXT, Completions, SearchPage, SearchSort
from feria.tasks.wire import Task


def search(
    text: str = "",
    *,
    category: str | None = None,
    brand: str | Sequence[str] | None = None,
    min_price: Decimal | float | None = None,
    max_price: Decimal | float | None = None,
    in_stock: bool = False,
    lang: Language | None = None,
    sort: SearchSort = "relevance",
    limit: int = 24,
    offset: int = 0,
) -> Call[SearchPage]:
    """Products that have the words, in Spanish or English, whatever their number, case and accents.

    What a word may begin, or be misspelt for, comes after those. Without words, all products, the newest
    first. `lang` is whose words count more and whose texts are highlighted.
    """
    asked = given(
        q=text[:LONGEST_TEXT],
        category=category,
        brand=[brand] if isinstance(brand, str) else brand,
        min_price=None if min_price is None else str(min_price),
        max_price=None if max_price is None else str(max_price),
        in_stock=in_stock or None,
        lang=lang,
        sort=sort,
        limit=limit,
        offset=offset or None,
    )
    return Call(
        method="GET",
        path="/v1/search",
        reader=lambda: Parsed(SearchPage.model_validate_json),
        query=asked,
    )


def complete(text: str, *, lang: Language | None = None, limit: int = 8) -> Call[Completions]:
    """What a text that is still being typed may become: texts, categories and products."""
    return Call(
        method="GET",
        path="/v1/search/complete",
        reader=lambda: Parsed(Completions.model_validate_json),
        query=given(q=text[:LONGEST_TEXT], lang=lang, limit=limit),
    )


def reindex() -> Call[Task]:
    """Have the text index made anew. Returns at once; searches are answered from the old one meanwhile."""
    return Call(
        method="POST",
        path="/v1/search/reindex",
        reader=lambda: Parsed(Task.model_validate_json),
        repeatable=False,
    )
