"""Making the text index anew, as a task."""

from typing import Any

from feria.search.indexer import Indexer
from feria.tasks.queue import Deed, Order, Work

KIND = "reindex"


def order(owner: str) -> Order:
    return Order(kind=KIND, payload=None, owner=owner)


def deed(indexer: Indexer) -> Deed:
    async def reindex(work: Work) -> Any:
        return {"products": await indexer.rebuild(work.report)}

    return reindex
