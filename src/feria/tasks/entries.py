"""A task as this process holds it, between the journal's row and what is told."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from feria.errors import FeriaError
from feria.tasks.journal import Values
from feria.tasks.queue import Order
from feria.tasks.wire import Task, TaskError, TaskState


@dataclass(slots=True, eq=False)
class Entry:
    """A task that has not ended."""

    values: Values
    """As last made durable."""
    ended: asyncio.Future[None]
    living: "asyncio.Task[None] | None" = None
    doing: str = ""
    progress: float = 0.0
    called_off: bool = False
    slipped: bool = False
    """Another node has it now."""
    decided: bool = False
    """How it ends is known; it is being written down."""

    @property
    def id(self) -> str:
        return str(self.values["id"])

    def let_go(self) -> None:
        """Nobody need wait for it any longer."""
        if not self.ended.done():
            self.ended.set_result(None)

    @property
    def rank(self) -> tuple[int, str]:
        return -self.values["priority"], self.id


def new_values(order: Order, payload: bytes, request_id: str, now: datetime) -> Values:
    task_id = f"{int(now.timestamp() * 1000):012x}{secrets.token_hex(8)}"
    # What stands after the dots of its name may say a file's format.
    suffix = "".join(order.file.suffixes)[-16:] if isinstance(order.file, Path) else ""
    return {
        "id": task_id,
        "kind": order.kind,
        "owner": order.owner,
        "idempotency_key": order.idempotency_key,
        "request_id": request_id,
        "priority": order.priority,
        "payload": payload,
        "file": None if order.file is None else task_id + suffix,
        "state": TaskState.waiting.value,
        "attempts": 0,
        "submitted_at": now,
        "started_at": None,
        "finished_at": None,
        "expires_at": None,
        "result": None,
        "error": None,
    }


def error_bytes(error: FeriaError) -> bytes:
    """What `errors.revive` takes."""
    return msgspec.json.encode({"code": error.code, "message": error.message, "details": error.details})


def as_task(values: Values, entry: Entry | None = None) -> Task:
    told: dict[str, Any] = {name: values[name] for name in Task.model_fields if name in values}
    if values["error"] is not None:
        error = msgspec.json.decode(values["error"])
        told["error"] = TaskError(error=error["code"], detail=error["message"], **error["details"])
    if values["state"] == TaskState.done:
        told["progress"] = 1.0
    elif entry is not None:
        told |= {"doing": entry.doing, "progress": entry.progress}
    return Task(**told)
