"""What rooms above speak to when work is to be done later, and who asks wants to hear of it.

`TaskQueue` has one form so far, `EmbeddedQueue`: this process, journalled in the node's database.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from feria.tasks.wire import Task, TaskState

PRIORITIES = range(-10, 11)
PAYLOAD_BYTES = 2**20
"""Largest payload; what is larger comes as a file."""
RESULT_BYTES = 8 * 2**20

Report = Callable[[str, float], None]
"""Called with what is being done and the fraction done, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Work to be done."""

    kind: str
    payload: Any
    """JSON."""
    owner: str
    priority: int = 0
    """One of `PRIORITIES`; the greatest goes first."""
    file: Path | bytes | None = None
    """A file, or what is to stand in one. Kept until the task has ended; what the path names is copied
    or linked before `submit` returns."""
    idempotency_key: str | None = None
    """Of two orders of one owner with the same key only the first becomes a task."""


@dataclass(frozen=True, slots=True)
class Work:
    """A task as the deed meets it. It may meet it more than once: a node may die before it has written
    down that the work is done. `attempt` counts, from 1.
    """

    id: str
    owner: str
    payload: Any
    file: Path | None
    attempt: int
    report: Report
    makes: Path | None = None
    """Where a worker's deed may leave a file for the node."""


Deed = Callable[[Work], Awaitable[Any]]
"""Does the work and returns JSON. A `Busy` or `Unavailable` it raises has it tried again later; any other
error is the task's. Cancelled when the task is."""


class TaskQueue(Protocol):
    """Bounded and durable: what `submit` has returned is done once the node lives long enough.

    Each task comes to exactly one end: `done`, `failed` or `cancelled`. The end is told only when it is
    durable, and never changes.
    """

    def handle(self, kind: str, deed: Deed) -> None:
        """Have `deed` do the work of that kind."""
        ...

    async def submit(self, order: Order) -> Task:
        """Queue work; it is durable when this returns. Not to be called inside a transaction.

        Raises `Busy` when full or stopping, `TooLarge`, `DiskFull`, and `Unavailable` when it cannot
        be written down, in which case it may still be done (use an idempotency key to ask again).
        """
        ...

    async def find(self, task_id: str) -> Task:
        """Raises `NotFound`."""
        ...

    async def tasks(
        self,
        *,
        owner: str | None = None,
        state: TaskState | None = None,
        kind: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Task]:
        """The newest first, those submitted before task `before`."""
        ...

    async def wait(self, task_id: str, seconds: float) -> Task:
        """The task when it has ended, or as it stands after so many seconds. Raises `NotFound`.

        One that an earlier run left is taken up now, if that had not been done.
        """
        ...

    async def result(self, task_id: str) -> bytes:
        """What the deed returned, as JSON.

        Raises the error it raised, `Cancelled`, `Conflict` when it has not ended yet, `NotFound`.
        """
        ...

    async def cancel(self, task_id: str) -> Task:
        """End a task that has not ended; returns how it ended, which may be otherwise if it was quicker.

        Raises `NotFound`.
        """
        ...

    async def forget(self, task_id: str) -> None:
        """Delete a task that has ended, with its result. Raises `Conflict` or `NotFound`."""
        ...
