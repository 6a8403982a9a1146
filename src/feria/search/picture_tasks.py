"""Searches by picture as tasks."""

import asyncio
from typing import Any

import msgspec

from feria.search.pictures import PictureSearch, Wish
from feria.tasks.queue import Deed, Order, Work

KIND = "search-image"


def order(picture: bytes, wish: Wish, **more: Any) -> Order:
    """To be searched for later; `more` is the rest of an `Order`."""
    return Order(kind=KIND, payload=msgspec.to_builtins(wish), file=picture, **more)


def deed(search: PictureSearch) -> Deed:
    async def look(work: Work) -> Any:
        assert work.file is not None
        wish = msgspec.convert(work.payload, Wish)
        picture = await asyncio.to_thread(work.file.read_bytes)
        return (await search.by_picture(picture, wish)).model_dump(mode="json")

    return look
