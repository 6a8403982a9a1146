"""What a node and its workers say to each other: JSON over HTTP, each request signed with the secret that
both have (`access/signatures.py`).

A worker hears from the broker only that a node has work. It asks that node for an errand, says now and then
how far it is, and in the end what came of it. Each of these may be sent again: it does no harm.
"""

from typing import Any

import msgspec

ERRANDS = "/v1/errands"
BEAT = f"{ERRANDS}/beat"
COMPLETED = "/webhook/task_completed"
"""Where contract 5 has the end of a task told."""
PIECE = 8 * 2**20
"""Most bytes of a file in one request."""
LONGEST_WAIT = 5.0
"""For work, in seconds."""
BEAT_SECONDS = 1.0
"""Between two signs of life of a worker at work."""


class Ask(msgspec.Struct, frozen=True):
    """For work."""

    worker: str
    wait: float = 0.0
    """Seconds to wait for some where there is none: a worker that has just done something may well be wanted
    again, and comes then without a ticket."""


class FileTold(msgspec.Struct, frozen=True):
    suffix: str
    size: int


class Errand(msgspec.Struct, frozen=True):
    """A task as a worker meets it."""

    task_id: str
    attempt: int
    kind: str
    owner: str
    request_id: str
    payload: Any
    file: FileTold | None = None
    """To be fetched from `file_path`."""


class Doing(msgspec.Struct, frozen=True):
    """How far a worker is."""

    task_id: str
    attempt: int
    doing: str = ""
    progress: float = 0.0


class Beat(msgspec.Struct, frozen=True):
    """All that a worker does for a node, as a sign of life. Answered with `Beaten`."""

    worker: str
    doing: list[Doing]


class Beaten(msgspec.Struct, frozen=True):
    drop: list[str]
    """Tasks that nobody waits for any more."""


class Fault(msgspec.Struct, frozen=True):
    """What `errors.revive` takes."""

    code: str
    message: str
    details: dict[str, Any] = {}


class Made(msgspec.Struct, frozen=True):
    """A file that the work has made, and that the node has by now."""

    size: int
    sha256: str


class Word(msgspec.Struct, frozen=True):
    """What came of a task: the result, or why there is none."""

    task_id: str
    attempt: int = 0
    result: msgspec.Raw = msgspec.Raw(b"null")
    made: Made | None = None
    error: Fault | None = None


def file_path(task_id: str) -> str:
    """Where a task's file is, for the worker that has the task."""
    return f"{ERRANDS}/{task_id}/file"


def made_path(task_id: str, at: int) -> str:
    """Where the bytes of what it makes go, those from there on."""
    return f"{ERRANDS}/{task_id}/made?at={at}"


def blob_path(digest: str) -> str:
    """Where a worker gets the file of a model."""
    return f"{ERRANDS}/blobs/{digest}"
