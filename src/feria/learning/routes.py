"""Training over HTTP: rows in the body or in a file; one answer, a stream of progress, or a task."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from feria.access.needs import Asking, needs
from feria.access.wire import Permission
from feria.errors import Invalid
from feria.learning import tasks
from feria.learning.trainer import Trainer
from feria.learning.wire import InlineTraining, TrainingOrder
from feria.registry.shelf import Registry
from feria.registry.wire import Model
from feria.tasks.queue import TaskQueue
from feria.tasks.routes import ACCEPTED, IdempotencyKey, Prefer, Priority, accepted, wants_task
from feria.web import replies
from feria.web.parts import Part
from feria.web.streams import EVENT_STREAM, EVENTS_CONTENT, event, event_stream, unless_gone
from feria.web.uploads import on_disk

router = APIRouter(tags=["learning"])
Order = TypeVar("Order", bound=TrainingOrder)

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
    "content": EVENTS_CONTENT,
}


@dataclass(frozen=True, slots=True)
class _Sent:
    order: TrainingOrder
    rows: Path | InlineTraining
    raw: Path | bytes
    """The rows as they came: a file or JSON."""


@router.post(
    "/v1/models/{name}/train",
    response_model=Model,
    openapi_extra={"requestBody": _REQUEST},
    responses={200: _STREAMED, **ACCEPTED},
    dependencies=[needs(Permission.train)],
)
async def train(
    name: str,
    request: Request,
    caller: Asking,
    registry: Part[Registry],
    trainer: Part[Trainer],
    queue: Part[TaskQueue],
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
    priority: Priority = 0,
) -> Any:
    """Train a model on a table and serve it as the next version of that name.

    Preprocessing becomes part of the model. It is measured on rows that were held out, and the file that
    was measured is the one that is published. Who hangs up before the end calls the training off; one
    that is to go on whatever happens is asked for with `Prefer: respond-async`.
    """
    model_owner = await registry.check_owner(name, caller)
    async with AsyncExitStack() as uploaded:
        sent = await _sent(request, trainer.scratch, uploaded)
        if wants_task(prefer):
            order = tasks.order(
                name,
                sent.order,
                sent.raw,
                model_owner,
                owner=caller.subject,
                priority=priority,
                idempotency_key=idempotency_key,
            )
            return await accepted(queue, order)
        if EVENT_STREAM in request.headers.get("accept", ""):
            return event_stream(_events(trainer, name, sent, model_owner, uploaded.pop_all()))
        return await unless_gone(request, trainer.train(name, sent.order, sent.rows, owner=model_owner))


async def _sent(request: Request, scratch: Path, uploaded: AsyncExitStack) -> _Sent:
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        order, path = await _uploaded(request, scratch, uploaded)
        return _Sent(order, path, path)
    body = await request.body()
    rows = await asyncio.to_thread(_read, InlineTraining, body)
    return _Sent(rows, rows, body)


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
    except UnicodeError:
        raise Invalid("The form cannot be read: it is not in the charset it names.") from None


def _read(kind: type[Order], body: bytes | str) -> Order:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise Invalid(replies.sentence(error.errors(include_url=False, include_input=False))) from None  # type: ignore[arg-type]


async def _events(
    trainer: Trainer, name: str, sent: _Sent, owner: str, uploaded: AsyncExitStack
) -> AsyncGenerator[bytes]:
    """When the caller hangs up, the training ends."""
    said: asyncio.Queue[bytes | None] = asyncio.Queue()

    def report(doing: str, done: float) -> None:
        said.put_nowait(event("progress", {"doing": doing, "done": round(done, 4)}))

    async def train() -> Model:
        async with uploaded:
            return await trainer.train(name, sent.order, sent.rows, report, owner=owner)

    training = asyncio.create_task(train())
    training.add_done_callback(lambda _: said.put_nowait(None))
    try:
        while (news := await said.get()) is not None:
            yield news
        try:
            yield event("trained", (await training).model_dump(mode="json"))
        except Exception as error:
            yield event("error", replies.body(replies.known(error)))
    finally:
        training.cancel()
