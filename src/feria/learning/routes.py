"""Training over HTTP: rows in the body or in a file, one answer or a stream of progress."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from feria.errors import Invalid
from feria.learning.trainer import Trainer
from feria.learning.wire import InlineTraining, TrainingOrder
from feria.registry.shelf import check_name
from feria.registry.wire import Model
from feria.web import replies
from feria.web.parts import Part
from feria.web.uploads import on_disk

router = APIRouter(tags=["learning"])
Order = TypeVar("Order", bound=TrainingOrder)

STREAM = "text/event-stream"
SIGN_OF_LIFE = 15.0
"""Seconds of silence after which a stream says that it is still there, for proxies between us."""

_REQUEST = {
    "required": True,
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/InlineTraining"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file", "order"],
                "properties": {
                    "file": {"type": "string", "format": "binary", "description": "CSV or Parquet."},
                    "order": {
                        "type": "string",
                        "contentMediaType": "application/json",
                        "contentSchema": {"$ref": "#/components/schemas/TrainingOrder"},
                        "examples": ['{"kind": "gradient_boosting", "target": "Revenue"}'],
                    },
                },
            }
        },
    },
}
DESCRIBED = (InlineTraining, TrainingOrder)
"""Read by hand, so that FastAPI does not know them; the application adds them to the API's description."""

_STREAMED = {
    "description": "The model; or, to who accepts `text/event-stream`, events `progress` "
    '(`{"doing": "fitting", "done": 0.4}`), and at the end `trained` (the model) or `error`.',
    "content": {STREAM: {"schema": {"type": "string"}}},
}


@router.post(
    "/v1/models/{name}/train",
    response_model=Model,
    openapi_extra={"requestBody": _REQUEST},
    responses={200: _STREAMED},
)
async def train(name: str, request: Request, trainer: Part[Trainer]) -> Any:
    """Train a model on a table and serve it as the next version of that name.

    Preprocessing becomes part of the model. It is measured on rows that were held out, and the file that
    was measured is the one that is published.
    """
    check_name(name)
    async with AsyncExitStack() as uploaded:
        order: TrainingOrder
        rows: Path | InlineTraining
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            order, rows = await _uploaded(request, trainer.scratch, uploaded)
        else:
            body = await request.body()
            order = rows = await asyncio.to_thread(_read, InlineTraining, body)
        if STREAM in request.headers.get("accept", ""):
            events = _events(trainer, name, order, rows, uploaded.pop_all())
            return StreamingResponse(events, media_type=STREAM, headers={"Cache-Control": "no-store"})
        return await trainer.train(name, order, rows)


async def _uploaded(request: Request, scratch: Path, uploaded: AsyncExitStack) -> tuple[TrainingOrder, Path]:
    try:
        async with request.form(max_files=1, max_fields=1) as form:
            file, order = form.get("file"), form.get("order")
            if not isinstance(file, UploadFile):
                raise Invalid("The form has no `file`, a CSV or Parquet file.")
            if not isinstance(order, str):
                raise Invalid("The form has no `order`, a field with JSON that names kind and target.")
            wanted = _read(TrainingOrder, order)
            return wanted, await uploaded.enter_async_context(on_disk(file, scratch))
    except HTTPException as error:
        raise Invalid(f"The form cannot be read: {error.detail}") from None


def _read(kind: type[Order], body: bytes | str) -> Order:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise Invalid(replies.sentence(error.errors(include_url=False, include_input=False))) from None  # type: ignore[arg-type]


async def _events(
    trainer: Trainer,
    name: str,
    order: TrainingOrder,
    rows: Path | InlineTraining,
    uploaded: AsyncExitStack,
) -> AsyncGenerator[bytes]:
    """Server-sent events. When the caller hangs up, the training ends."""
    said: asyncio.Queue[bytes | None] = asyncio.Queue()

    def report(doing: str, done: float) -> None:
        said.put_nowait(_event("progress", {"doing": doing, "done": round(done, 4)}))

    async def train() -> Model:
        async with uploaded:
            return await trainer.train(name, order, rows, report)

    training = asyncio.create_task(train())
    training.add_done_callback(lambda _: said.put_nowait(None))
    try:
        while (event := await _next(said)) is not None:
            yield event
        try:
            yield _event("trained", (await training).model_dump(mode="json"))
        except Exception as error:
            yield _event("error", replies.body(replies.known(error)))
    finally:
        training.cancel()


async def _next(said: "asyncio.Queue[bytes | None]") -> bytes | None:
    try:
        return await asyncio.wait_for(said.get(), SIGN_OF_LIFE)
    except TimeoutError:
        return b": still training\n\n"


def _event(name: str, data: Any) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"
