"""A network whose expressions one can choose, and nodes that read with it."""

import asyncio
import base64
import io
import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import numpy as np
from onnx import helper
from PIL import Image
from websockets.asyncio.client import ClientConnection, connect

import nets
from feria.emotions.classes import SEVEN
from feria.registry.shelf import Registry
from feria.registry.wire import Description, Model
from serving import Served

NAMES = tuple(SEVEN)
SESSION = "a-session-of-somebody"


def by_brightness(classes: int = 7, *, side: int = 96, sure: float = 5.0) -> bytes:
    """Pictures → `prob [N, classes]`: black is the first class, white the last."""
    return nets.model(
        [
            helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Reshape", ["mean", "column"], ["light"]),
            helper.make_node("Mul", ["light", "many"], ["place"]),
            helper.make_node("Sub", ["place", "classes"], ["off"]),
            helper.make_node("Mul", ["off", "off"], ["square"]),
            helper.make_node("Mul", ["square", "sure"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["prob"], axis=1),
        ],
        {"image": (nets.FLOAT, ["N", side, side, 3])},
        {"prob": (nets.FLOAT, ["N", classes])},
        {
            "column": np.array([-1, 1], np.int64),
            "many": np.float32(classes),
            "classes": (np.arange(classes) + 0.5).astype(np.float32)[None],
            "sure": np.float32(-sure),
        },
    ).SerializeToString()


def shade(name: str, *, side: int = 96, kind: str = "JPEG") -> bytes:
    """A picture in which `by_brightness` sees that expression."""
    grey = round((NAMES.index(name) + 0.5) / len(NAMES) * 255)
    file = io.BytesIO()
    Image.new("RGB", (side, side), (grey, grey, grey)).save(file, kind)
    return file.getvalue()


def base64_of(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


async def publish(served: Served, file: bytes | None = None, labels: Sequence[str] = NAMES) -> Model:
    registry: Registry = served.parts[Registry]
    return await registry.publish("emotions", file or by_brightness(), Description(labels=tuple(labels)))


def streaming(
    served: Served, path: str = "/v1/emotions/stream", **more: Any
) -> AbstractAsyncContextManager[ClientConnection]:
    return connect(served.url.replace("http", "ws", 1) + path, max_size=None, open_timeout=300, **more)


async def ask(socket: ClientConnection, **frame: Any) -> dict[str, Any]:
    await socket.send(json.dumps(frame))
    return await heard(socket)


async def heard(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(300):
        said: dict[str, Any] = json.loads(await socket.recv())
    return said
