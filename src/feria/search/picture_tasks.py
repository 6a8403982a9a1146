"""Searches by picture as tasks."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from feria.inference.engine import Engine
from feria.registry.wire import Model
from feria.search.pictures import PictureSearch, Told, Wish
from feria.tasks.desk import Elsewhere
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


# ------------------------------------------------------------------- by workers
def elsewhere(search: PictureSearch) -> Elsewhere:
    """By workers: they look at the picture, the node looks for what is like it."""

    async def prepare(work: Work) -> Any:
        return (await search.model()).model_dump(mode="json")

    async def find(work: Work, seen: Any, made: Path) -> Any:
        told = msgspec.convert(seen, Told)
        wish = msgspec.convert(work.payload, Wish)
        return (await search.by_told(told, wish)).model_dump(mode="json")

    return Elsewhere(prepare, find)


def worker_deed(engine: Engine) -> Deed:
    async def look(work: Work) -> Any:
        assert work.file is not None
        picture = await asyncio.to_thread(work.file.read_bytes)
        model = Model.model_validate(work.payload)
        sight = await engine.see(await engine.sights_of(await engine.served(model)), picture)
        vector = None if sight.vector is None else sight.vector.tolist()
        return Told(model.digest, sight.top, sight.unsure, vector)

    return look
