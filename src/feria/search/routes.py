"""Searching by words over HTTP. Like the catalogue it is open to everybody."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from feria.access.needs import Asking, needs
from feria.access.wire import Permission
from feria.catalog.wire import CategoryPath, Language, Price, Text
from feria.search import tasks
from feria.search.filters import Filters
from feria.search.text import TextSearch
from feria.search.wire import Completions, SearchPage, SearchSort
from feria.tasks.queue import TaskQueue
from feria.tasks.routes import ACCEPTED, accepted
from feria.web.parts import Part

router = APIRouter(tags=["search"])

DEEPEST = 10_000
"""Products that can be paged through; who wants more of them narrows the search."""

Typed = Annotated[
    str, Query(description="What somebody typed: words and nothing else, whatever is in it. Cut when long.")
]
Lang = Annotated[
    Language | None, Query(description="Whose words count more, and whose texts are shown.", alias="lang")
]


async def filters_asked(
    category: Annotated[CategoryPath | None, Query(description="With those below it.")] = None,
    brand: Annotated[
        list[Annotated[Text, Field(max_length=100)]] | None,
        Query(description="May be repeated: products of any of these.", max_length=50),
    ] = None,
    min_price: Price | None = None,
    max_price: Price | None = None,
    in_stock: Annotated[bool, Query(description="Only what is there; what nobody counts is.")] = False,
) -> Filters:
    return Filters(category, tuple(brand or ()), min_price, max_price, in_stock)


@router.get("/v1/search")
async def search(
    found: Part[TextSearch],
    filters: Annotated[Filters, Depends(filters_asked)],
    q: Typed = "",
    lang: Lang = None,
    sort: SearchSort = "relevance",
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    offset: Annotated[int, Query(ge=0, le=DEEPEST)] = 0,
) -> SearchPage:
    """Products that have the words, in Spanish and English, whatever their number, case and accents; what a
    word may begin, or be misspelt for, comes after. Without words, all of them, the newest first."""
    return await found.search(q, filters, language=lang, sort=sort, limit=limit, offset=offset)


@router.get("/v1/search/complete")
async def complete(
    found: Part[TextSearch],
    q: Typed = "",
    lang: Lang = None,
    limit: Annotated[int, Query(ge=1, le=20)] = 8,
) -> Completions:
    """What a text that is still being typed may become: for a list below the box."""
    return await found.complete(q, language=lang, limit=limit)


@router.post(
    "/v1/search/reindex",
    status_code=202,
    responses=ACCEPTED,
    response_class=JSONResponse,
    dependencies=[needs(Permission.catalog)],
)
async def reindex(caller: Asking, queue: Part[TaskQueue]) -> JSONResponse:
    """Make the text index anew, as a task; searches are answered from the old one meanwhile."""
    return await accepted(queue, tasks.order(caller.subject))
