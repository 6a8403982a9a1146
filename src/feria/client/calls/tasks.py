"""What one can ask of the queue."""

import json
from typing import Any
from urllib.parse import quote

from feria.client.answers import Followed, Nothing, Parsed
from feria.client.calls.call import MINUTE, Call, OnProgress, given
from feria.tasks.wire import Task, TaskList, TaskState


def tasks(
    *, state: TaskState | None = None, kind: str | None = None, before: str | None = None, limit: int = 50
) -> Call[tuple[Task, ...]]:
    """One's own tasks, the newest first; those submitted before task `before`."""
    return Call(
        method="GET",
        path="/v1/tasks",
        reader=lambda: Parsed(lambda body: TaskList.model_validate_json(body).tasks),
        query=given(state=state, kind=kind, before=before, limit=limit),
    )


def task(task: Task | str) -> Call[Task]:
    """How a task stands. Raises `NotFound`."""
    return Call(method="GET", path=_task(task), reader=lambda: Parsed(Task.model_validate_json))


def follow(task: Task | str, on_progress: OnProgress | None = None) -> Call[Task]:
    """Wait until a task has ended, and hear meanwhile how far it is; returns how it ended."""
    return Call(
        method="GET",
        path=f"{_task(task)}/events",
        reader=lambda: Followed(on_progress),
    )


def result(task: Task | str, *, wait: float | None = None) -> Call[Any]:
    """What came of a task, as JSON; waits until it has ended.

    With `wait`, only so many seconds, up to 60: then raises `Busy`. Raises the error that the task
    ended with, or `Cancelled`.
    """
    return Call(
        method="GET",
        path=f"{_task(task)}/result",
        reader=lambda: Parsed(json.loads),
        query={"wait": MINUTE if wait is None else wait},
        seconds=2 * MINUTE,
        waits=True,
        repeatable=wait is None,
    )


def cancel(task: Task | str) -> Call[None]:
    """Call off a task. One that has ended is forgotten, with its result."""
    return Call(method="DELETE", path=_task(task), reader=Nothing)


def _task(task: Task | str) -> str:
    return f"/v1/tasks/{quote(task if isinstance(task, str) else task.id, safe='')}"
