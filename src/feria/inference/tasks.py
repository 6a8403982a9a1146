"""Predictions as tasks."""

import asyncio
from typing import Any

import msgspec

from feria.inference.engine import Engine
from feria.inference.predictors import PicturePayload
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
        body = wanted.body
        if work.file is not None:
            body = await asyncio.to_thread(work.file.read_bytes)
        return await engine.predict(wanted.model, body, version=wanted.version)

    return predict
