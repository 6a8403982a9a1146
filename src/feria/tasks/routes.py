"""Tasks over HTTP: how they stand, what came of them, and how to call them off."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from feria.access.needs import Asking, needs
from feria.access.wire import Caller, Permission
from feria.errors import NotFound
from feria.events.bus import Event, EventBus, Missed, Subscription
from feria.tasks.queue import Order, TaskQueue
from feria.tasks.wire import Task, TaskList, TaskState
from feria.web.parts import Part
from feria.web.streams import EVENTS_CONTENT, event, event_stream, unless_gone

router = APIRouter(prefix="/v1/tasks", tags=["tasks"], dependencies=[needs(Permission.read)])

LONGEST_WAIT = 60.0
LOOK_SECONDS = 2.0
"""Silence after which a task that one watches is looked at."""


@router.get("")
async def list_tasks(
    caller: Asking,
    queue: Part[TaskQueue],
    state: TaskState | None = None,
    kind: Annotated[str | None, Query(max_length=64)] = None,
    before: Annotated[str | None, Query(description="A task's id.", max_length=32)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> TaskList:
    """One's own tasks, the newest first; an administrator's are everybody's."""
    owner = None if Permission.administer in caller.permissions else caller.subject
    found = await queue.tasks(owner=owner, state=state, kind=kind, before=before, limit=limit + 1)
    return TaskList(tasks=tuple(found[:limit]), more=len(found) > limit)


@router.get("/{task_id}")
async def show_task(task_id: str, caller: Asking, queue: Part[TaskQueue]) -> Task:
    """How a task stands."""
    return await _own(task_id, caller, queue)


@router.get(
    "/{task_id}/result",
    responses={
        200: {"description": "What came of it.", "content": {"application/json": {"schema": {}}}},
        202: {"model": Task, "description": "It has not ended yet."},
    },
    response_class=Response,
)
async def task_result(
    task_id: str,
    request: Request,
    caller: Asking,
    queue: Part[TaskQueue],
    wait: Annotated[
        float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for the end, should it be near.")
    ] = 0.0,
) -> Response:
    """What came of a task, or its error; as soon as there is either, if that is within `wait` seconds."""
    task = await _own(task_id, caller, queue)
    if not task.state.final and wait > 0:
        task = await unless_gone(request, queue.wait(task_id, wait))
    if not task.state.final:
        return JSONResponse(task.model_dump(mode="json"), 202, {"Retry-After": "1"})
    return Response(await queue.result(task_id), media_type="application/json")


@router.get("/{task_id}/events", responses={200: {"content": EVENTS_CONTENT}}, response_class=Response)
async def task_events(
    task_id: str, caller: Asking, queue: Part[TaskQueue], bus: Part[EventBus]
) -> StreamingResponse:
    """Server-sent events named `task`, each a task as it stands now, until it has ended."""
    await _own(task_id, caller, queue)
    return event_stream(_events(task_id, queue, bus))


@router.delete("/{task_id}", status_code=204)
async def delete_task(task_id: str, caller: Asking, queue: Part[TaskQueue]) -> None:
    """Call off a task; one that has ended is forgotten, with its result."""
    if (await _own(task_id, caller, queue)).state.final:
        await queue.forget(task_id)
    else:
        await queue.cancel(task_id)


async def _own(task_id: str, caller: Caller, queue: TaskQueue) -> Task:
    task = await queue.find(task_id)
    if not caller.owns(task.owner):
        raise NotFound(f"No task {task_id}.")  # that there is one is nobody else's business
    return task


async def _events(task_id: str, queue: TaskQueue, bus: EventBus) -> AsyncGenerator[bytes]:
    async with bus.subscribe(f"task.{task_id}") as heard:
        told = (await queue.wait(task_id, 0)).model_dump(mode="json")
        yield event("task", told)
        while not TaskState(told["state"]).final:
            news = await _next(heard)
            if news is None:
                return
            data = (
                news.data if isinstance(news, Event) else (await queue.find(task_id)).model_dump(mode="json")
            )
            if data != told:
                told = data
                yield event("task", told)


async def _next(heard: Subscription) -> Event | Missed | None:
    """What is told next, nothing once the bus closes. A task of another node on this database, of which
    nothing need be told here, is looked at now and then."""
    coming = asyncio.ensure_future(anext(heard, None))
    try:
        done, _ = await asyncio.wait([coming], timeout=LOOK_SECONDS)
    finally:
        coming.cancel()
    return coming.result() if done else Missed(None)


# ------------------------------------------------------------------- for routes whose work may be queued
Prefer = Annotated[
    str | None,
    Header(description="`respond-async` (RFC 7240) answers with a task at once instead of the result later."),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=128,
        description="With `respond-async`: of orders with the same key only the first becomes a task.",
    ),
]
Priority = Annotated[
    int, Query(ge=-10, le=10, description="With `respond-async`: the task with the greatest goes first.")
]
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"model": Task, "description": "Queued; `Location` says where to ask for the result."}
}


def wants_task(prefer: str | None) -> bool:
    if not prefer:
        return False
    return "respond-async" in {wish.partition(";")[0].strip().lower() for wish in prefer.split(",")}


async def accepted(queue: TaskQueue, order: Order) -> JSONResponse:
    """Queue the work and say where its result will be."""
    task = await queue.submit(order)
    return JSONResponse(task.model_dump(mode="json"), 202, accepted_headers(task))


def accepted_headers(task: Task) -> dict[str, str]:
    return {"Location": f"/v1/tasks/{task.id}", "Preference-Applied": "respond-async"}
