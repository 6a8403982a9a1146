"""Predictions as tasks."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from feria.access.wire import HOUSE
from feria.cluster.holdings import Holdings
from feria.errors import NotFound
from feria.inference.engine import Engine
from feria.inference.predictors import PicturePayload
from feria.registry.shelf import Registry
from feria.registry.wire import Model
from feria.tasks.desk import Elsewhere
from feria.tasks.queue import PAYLOAD_BYTES, Deed, Order, Work

KIND = "predict"


class _Prediction(msgspec.Struct):
    model: str
    version: int | None
    body: bytes | None
    """JSON; none when it is in the task's file."""


def order(name: str, version: int | None, payload: PicturePayload, **more: Any) -> Order:
    """To be predicted later; `more` is the rest of an `Order`."""
    body = payload if isinstance(payload, bytes) else msgspec.json.encode({"images": payload})
    if len(body) <= PAYLOAD_BYTES // 2:  # it grows by a third
        return Order(kind=KIND, payload=_Prediction(name, version, body), **more)
    return Order(kind=KIND, payload=_Prediction(name, version, None), file=body, **more)


def deed(engine: Engine) -> Deed:
    async def predict(work: Work) -> Any:
        wanted = msgspec.convert(work.payload, _Prediction)
        return await engine.predict(wanted.model, await _body(work, wanted.body), version=wanted.version)

    return predict


# ------------------------------------------------------------------- by workers
class _Errand(msgspec.Struct):
    """What a worker is told: the model itself, for it has no shelf."""

    model: dict[str, Any]
    body: bytes | None


def elsewhere(registry: Registry) -> Elsewhere:
    """By workers: which version that is, is decided when one begins."""

    async def prepare(work: Work) -> Any:
        wanted = msgspec.convert(work.payload, _Prediction)
        model = await registry.find(wanted.model, wanted.version)
        if not registry.holds(model):
            await registry.file(model)  # the worker gets it from here
        return _Errand(model.model_dump(mode="json"), wanted.body)

    async def finish(work: Work, answer: Any, made: Path) -> Any:
        return answer

    return Elsewhere(prepare, finish)


def worker_deed(engine: Engine) -> Deed:
    async def predict(work: Work) -> Any:
        wanted = msgspec.convert(work.payload, _Errand)
        predictor = await engine.served(Model.model_validate(wanted.model))
        return await engine.submit(predictor, await _body(work, wanted.body), lambda answer: answer)

    return predict


async def _body(work: Work, body: bytes | None) -> bytes | None:
    return body if work.file is None else await asyncio.to_thread(work.file.read_bytes)


def needs(registry: Registry, holdings: Holdings) -> Callable[[Work], Awaitable[list[str] | None]]:
    """Says which members of a cluster have the model's file, so that a prediction goes where it lies."""

    async def holders(work: Work) -> list[str] | None:
        wanted = msgspec.convert(work.payload, _Prediction)
        try:
            model = await registry.find(wanted.model, wanted.version)
        except NotFound:
            return None  # whoever does it says so
        return holdings.holders(model.digest) if model.owner != HOUSE else None

    return holders
