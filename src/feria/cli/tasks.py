"""Commands for work that is queued."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import Json, NodeCommand

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from feria.client import AsyncClient
    from feria.tasks.wire import Task

app = typer.Typer(no_args_is_help=True, help="Queued work: look, wait for it, call it off.")

TaskId = Annotated[str, typer.Argument(metavar="TASK", help="A task's id; its beginning will do.")]
ID_LENGTH = 28
LOOKED_AT = 500


@app.command("list", cls=NodeCommand)
def list_(
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="waiting, running, done, failed or cancelled.")
    ] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="train, predict, …")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=500, help="How many.")] = 20,
    json: Json = False,
) -> None:
    """The tasks of the node, the newest first.

    \b
    Examples:
        feria tasks list
        feria tasks list --state failed
    """
    wanted = _state(state)

    async def ask(client: "AsyncClient") -> "tuple[Task, ...]":
        return await client.tasks(state=wanted, kind=kind, limit=limit)

    tasks = speak(ask)
    if json:
        from feria.tasks.wire import TaskList

        screen.say(TaskList(tasks=tasks, more=len(tasks) == limit).model_dump_json(indent=2))
        return
    if not tasks:
        screen.note("There are no such tasks. `feria train … --later` makes one.")
        return
    shown = screen.table("task", "kind", "state", "how far", "submitted", "took", right=("took",))
    for task in tasks:
        shown.add_row(task.id, task.kind, task.state.value, _how_far(task), _ago(task), _took(task))
    screen.show(shown)


@app.command(cls=NodeCommand)
def show(task: TaskId, json: Json = False) -> None:
    """How a task stands.

    \b
    Example:
        feria tasks show 01a1fc43102b
    """
    found = speak(_found(task))
    if json:
        screen.say(found.model_dump_json(indent=2))
        return
    shown = screen.table("", "")
    rows = {
        "task": found.id,
        "kind": found.kind,
        "owner": found.owner,
        "state": found.state.value,
        "how far": _how_far(found),
        "submitted": _ago(found),
        "took": _took(found),
        "attempts": str(found.attempts),
        "priority": str(found.priority),
        "request": found.request_id,
    }
    for name, value in rows.items():
        if value:
            shown.add_row(name, value)
    screen.show(shown)


@app.command(cls=NodeCommand)
def wait(task: TaskId) -> None:
    """Wait until a task has ended, and print what came of it as JSON.

    Fails as the task did. Ctrl-C stops the waiting, not the task.

    \b
    Example:
        feria tasks wait 01a1fc43102b > model.json
    """
    import json

    async def result(client: "AsyncClient") -> Any:
        found = await _found(task)(client)
        if not found.state.final:
            with screen.progress() as report:
                await client.follow(found, report)
        return await client.result(found)

    screen.say(json.dumps(speak(result), indent=2, ensure_ascii=False))


@app.command(cls=NodeCommand)
def cancel(task: TaskId) -> None:
    """Call off a task. One that has ended is forgotten, with its result.

    \b
    Example:
        feria tasks cancel 01a1fc43102b
    """

    async def call_off(client: "AsyncClient") -> "Task":
        found = await _found(task)(client)
        await client.cancel(found)
        return found

    found = speak(call_off)
    if found.state.final:
        screen.say(f"Task {found.id}, {found.state.value}, is forgotten.")
    else:
        screen.say(f"Task {found.id} is called off.")


def _found(beginning: str) -> "Callable[[AsyncClient], Awaitable[Task]]":
    """Asks for the task of that id, or the only one whose id begins so."""

    async def find(client: "AsyncClient") -> "Task":
        from feria.errors import Invalid, NotFound

        if len(beginning) >= ID_LENGTH:
            return await client.task(beginning)
        found = [task for task in await client.tasks(limit=LOOKED_AT) if task.id.startswith(beginning)]
        if not found:
            raise NotFound(f"No task {beginning}; `feria tasks list` shows what there is.")
        if len(found) > 1:
            raise Invalid(f"{len(found)} tasks begin with {beginning}; write more of the id.")
        return found[0]

    return find


def _state(text: str | None) -> Any:
    from feria.tasks.wire import TaskState

    if text is None:
        return None
    try:
        return TaskState(text)
    except ValueError:
        raise typer.BadParameter(f"--state is one of {', '.join(TaskState)}.") from None


def _how_far(task: "Task") -> str:
    if task.error is not None:
        return f"{task.error.error}: {task.error.detail}"
    if task.state.final or not task.doing:
        return ""
    return f"{task.progress:4.0%} {task.doing}"


def _ago(task: "Task") -> str:
    seconds = (datetime.now(UTC) - task.submitted_at).total_seconds()
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {name} ago"
    return f"{max(seconds, 0):.0f} s ago"


def _took(task: "Task") -> str:
    if task.started_at is None:
        return ""
    end = task.finished_at or datetime.now(UTC)
    return f"{(end - task.started_at).total_seconds():.1f} s"
