"""What workers ask of a node and tell it, over HTTP. Open to whoever signs with the secret of both."""

import asyncio
from pathlib import Path as File
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse

from feria.access.signatures import check_body, check_head
from feria.clock import Clock
from feria.errors import Invalid, NotFound, TooLarge, Unavailable
from feria.settings import Settings
from feria.storage.blobs import Blobs, disk_errors
from feria.tasks.desk import Desk
from feria.tasks.errands import ERRANDS, PIECE, Ask, Beat, Beaten, Word
from feria.tasks.files import TaskFiles
from feria.tasks.queue import TaskQueue
from feria.web.parts import Part
from feria.web.streams import unless_gone

router = APIRouter(tags=["workers"])
JSON = "application/json"
BYTES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}
SETTLED_SECONDS = 30.0
"""How long the word of an end waits until that is written down."""

T = TypeVar("T")
TaskId = Annotated[str, Path(pattern="^[0-9a-f]{1,32}$")]


async def _signed(request: Request) -> bytes:
    """The body, once it is known who sent it. Raises `NotFound` where no workers are, `NotAllowed`."""
    parts = request.state.parts
    settings: Settings = parts[Settings]
    secret = settings.tasks.secret
    if secret is None:
        raise NotFound("This node has no workers: FERIA_TASKS__SECRET is not set.")
    clock: Clock = parts[Clock]
    query = request.url.query
    about = request.url.path + (f"?{query}" if query else "")
    check_head(secret.get_secret_value().encode(), clock.now(), about, request.headers)
    body = await request.body()
    check_body(request.headers, body)
    return body


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"This is no {kind.__name__.lower()}: {error}.") from None


@router.post(ERRANDS, responses={200: {"content": {JSON: {}}}, 204: {"description": "Nothing waits."}})
async def ask_for_errand(request: Request, desk: Part[Desk]) -> Response:
    """A worker asks for work: a task to do, or 204 where nothing waits."""
    ask = _read(await _signed(request), Ask)
    errand = await unless_gone(request, desk.ask(ask))
    if errand is None:
        return Response(status_code=204)
    return Response(msgspec.json.encode(errand), media_type=JSON)


@router.post(f"{ERRANDS}/beat", responses={200: {"content": {JSON: {}}}})
async def beat(request: Request, desk: Part[Desk], queue: Part[TaskQueue]) -> Response:
    """A worker says that it lives, and how far it is; the answer names the tasks it may drop."""
    drop = []
    for task_id in desk.beat(_read(await _signed(request), Beat)):
        try:
            task = await queue.find(task_id)
        except NotFound:
            drop.append(task_id)
        else:
            if task.state.final:
                drop.append(task_id)
    return Response(msgspec.json.encode(Beaten(drop)), media_type=JSON)


@router.get(f"{ERRANDS}/{{task_id}}/file", response_class=FileResponse, responses=BYTES)
async def errand_file(
    task_id: TaskId, request: Request, queue: Part[TaskQueue], files: Part[TaskFiles]
) -> FileResponse:
    """The file that a task brought along."""
    await _signed(request)
    await queue.find(task_id)
    found = await asyncio.to_thread(files.find, task_id)
    if found is None:
        raise NotFound(f"Task {task_id} has no file here.")
    return FileResponse(found, media_type="application/octet-stream")


@router.post(f"{ERRANDS}/{{task_id}}/made", status_code=204)
async def errand_made(
    task_id: TaskId,
    request: Request,
    queue: Part[TaskQueue],
    desk: Part[Desk],
    settings: Part[Settings],
    at: Annotated[int, Query(ge=0)] = 0,
) -> None:
    """A piece of the file that a worker has made for a task: the bytes from `at` on."""
    body = await _signed(request)
    if (await queue.find(task_id)).state.final:
        raise NotFound(f"Task {task_id} has ended.")
    most = settings.registry.max_model_mib * 2**20
    if len(body) > PIECE or at + len(body) > most:
        raise TooLarge(f"A worker's file has at most {most >> 20} MiB here.", limit=most)
    with disk_errors():
        await asyncio.to_thread(_write, desk.made(task_id), at, body)


def _write(path: File, at: int, piece: bytes) -> None:
    with path.open("r+b" if at else "wb") as file:
        file.seek(at)
        file.write(piece)


@router.get(f"{ERRANDS}/blobs/{{digest}}", response_class=FileResponse, responses=BYTES)
async def errand_blob(
    digest: Annotated[str, Path(pattern="^[0-9a-f]{64}$")], request: Request, blobs: Part[Blobs]
) -> FileResponse:
    """The file of a model, for a worker that is to use it."""
    await _signed(request)
    return FileResponse((await blobs.find(digest)).path, media_type="application/octet-stream")


async def task_completed(request: Request, desk: Part[Desk], queue: Part[TaskQueue]) -> None:
    """How a task ended, told by the worker that did it: its id, and the result or the error. To tell it again
    changes nothing. Answered once it is written down."""
    word = _read(await _signed(request), Word)

    async def settled() -> None:
        await queue.wait(word.task_id, SETTLED_SECONDS)

    if await desk.complete(word, settled):
        return
    if not (await queue.find(word.task_id)).state.final:
        raise Unavailable("This task is not here yet, or another node's; tell it again.")
