"""How answers are read, piece by piece as they arrive, whoever carries them."""

import base64
import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from feria.cluster.kv.wire import Change, Value, WrittenKey
from feria.errors import (
    Busy,
    Corrupt,
    DiskFull,
    Expired,
    FeriaError,
    Invalid,
    NotAllowed,
    TooLarge,
    Unavailable,
    revive,
)
from feria.federation.jobs_wire import JobState
from feria.registry.wire import Model
from feria.tasks.wire import Task

A = TypeVar("A", covariant=True)
T = TypeVar("T")


class Reader(ABC, Generic[A]):
    """Is fed an answer's body, and makes something of it."""

    blocks: ClassVar[bool] = False
    """Whether `finish` waits for a disk."""

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """How the answer begins; most say all in their body."""

    @abstractmethod
    def feed(self, piece: bytes) -> None: ...

    @abstractmethod
    def finish(self) -> A:
        """The answer, once all of it was fed."""

    def close(self) -> None:
        """Let go of what is held, whether it went well or not."""


class Parsed(Reader[A]):
    """A body taken whole."""

    def __init__(self, parse: Callable[[bytes], A]) -> None:
        self._parse = parse
        self._body = bytearray()

    def feed(self, piece: bytes) -> None:
        self._body += piece

    def finish(self) -> A:
        return _understood(self._parse, bytes(self._body))


class Nothing(Reader[None]):
    def feed(self, piece: bytes) -> None: ...

    def finish(self) -> None: ...


class Yes(Reader[bool]):
    """That there was an answer is the answer."""

    def feed(self, piece: bytes) -> None: ...

    def finish(self) -> bool:
        return True


class SavedFile(Reader[Path]):
    """A file that appears whole, with the sha256 it should have, or not at all."""

    blocks = True

    def __init__(self, target: Path, sha256: str | None) -> None:
        self._target = target
        self._expected = sha256
        self._sha256 = hashlib.sha256()
        with _disk(target):
            descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        self._part = Path(name)
        self._file = os.fdopen(descriptor, "wb")

    def feed(self, piece: bytes) -> None:
        self._sha256.update(piece)
        with _disk(self._target):
            self._file.write(piece)

    def finish(self) -> Path:
        arrived = self._sha256.hexdigest()
        if self._expected is not None and arrived != self._expected.lower():
            raise Corrupt(f"What arrived has sha256 {arrived}, not {self._expected}.")
        with _disk(self._target):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._part.chmod(0o644)  # a temporary file is its owner's alone
            self._part.replace(self._target)
        return self._target

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)


class WholeValue(Reader[Value]):
    """The value of a key, which is the body; its version is in the headers."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._version = 0
        self._body = bytearray()

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        self._version = _understood(_version, headers)

    def feed(self, piece: bytes) -> None:
        self._body += piece

    def finish(self) -> Value:
        return Value(key=self._key, version=self._version, value=bytes(self._body))


class ValueOrNothing(Reader[Value | None]):
    """The same; 204 says that there is no newer one."""

    def __init__(self, key: str) -> None:
        self._value = WholeValue(key)
        self._nothing = False

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        self._nothing = status == 204
        if not self._nothing:
            self._value.begin(status, headers)

    def feed(self, piece: bytes) -> None:
        self._value.feed(piece)

    def finish(self) -> Value | None:
        return None if self._nothing else self._value.finish()


class SavedValue(Reader[WrittenKey]):
    """The value of a key as a file; a large one's sha256 is in the headers."""

    blocks = True

    def __init__(self, key: str, target: Path, on_progress: Callable[[str, float], object] | None) -> None:
        self._key = key
        self._target = target
        self._on_progress = on_progress
        self._version = self._size = self._arrived = 0
        self._file: SavedFile | None = None

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        self._version = _understood(_version, headers)
        self._size = int(headers.get("content-length", "0"))
        digest = re.fullmatch(r"sha-256=:([A-Za-z0-9+/=]{44}):", headers.get("repr-digest", ""))
        self._file = SavedFile(self._target, base64.b64decode(digest[1]).hex() if digest else None)

    def feed(self, piece: bytes) -> None:
        assert self._file is not None
        self._file.feed(piece)
        self._arrived += len(piece)
        if self._on_progress is not None and self._size:
            self._on_progress("receiving", self._arrived / self._size)

    def finish(self) -> WrittenKey:
        assert self._file is not None
        self._file.finish()
        return WrittenKey(key=self._key, version=self._version)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _version(headers: Mapping[str, str]) -> int:
    return int(headers["x-feria-version"])


class Trained(Reader[Model]):
    """Server-sent events: progress, and in the end the model or an error."""

    def __init__(self, on_progress: Callable[[str, float], object] | None) -> None:
        self._on_progress = on_progress
        self._events = Events()
        self._model: Model | None = None

    def feed(self, piece: bytes) -> None:
        for name, data in self._events.feed(piece):
            if name == "progress" and self._on_progress is not None:
                self._on_progress(*_understood(_progress, data))
            elif name == "trained":
                self._model = _understood(Model.model_validate_json, data)
            elif name == "error":
                raise _understood(_spoken, data)

    def finish(self) -> Model:
        if self._model is None:
            raise Unavailable("The node stopped speaking before training was over.")
        return self._model


class Followed(Reader[Task]):
    """Server-sent events, each a task as it stood then; the answer is how it ended."""

    def __init__(self, on_progress: Callable[[str, float], object] | None) -> None:
        self._on_progress = on_progress
        self._events = Events()
        self._task: Task | None = None

    def feed(self, piece: bytes) -> None:
        for name, data in self._events.feed(piece):
            if name == "task":
                self._task = task = _understood(Task.model_validate_json, data)
                if self._on_progress is not None:
                    self._on_progress(task.doing or task.state.value, task.progress)

    def finish(self) -> Task:
        if self._task is None or not self._task.state.final:
            raise Unavailable("The node stopped speaking before the task had ended; it goes on.")
        return self._task


class FollowedJob(Reader[JobState]):
    """Server-sent events, each with its id; the answer is the state in which they leave the job."""

    def __init__(self, on_event: Callable[[int, Mapping[str, Any]], object] | None) -> None:
        self._on_event = on_event
        self._events = Events()
        self._state = JobState.pending

    def feed(self, piece: bytes) -> None:
        for name, data in self._events.feed(piece):
            said = _understood(json.loads, data)
            if name == "changed":
                self._state = _understood(JobState, said["state"])
            if self._on_event is not None:
                self._on_event(_understood(int, self._events.last_id), said)

    def finish(self) -> JobState:
        if not self._state.final:
            raise Unavailable("The node stopped speaking before the job had ended; it goes on.")
        return self._state


class Changes:
    """Server-sent events about keys, and where to go on when they end."""

    def __init__(self, since: int | None) -> None:
        self.since = since
        self._events = Events()

    def feed(self, piece: bytes) -> Iterator[Change]:
        """Yields what this piece completes; `since` then is its place, should the caller have taken it.

        Raises `Expired` when some are missing, with `since` among the details.
        """
        for name, data in self._events.feed(piece):
            if name == "change":
                change = _understood(Change.model_validate_json, data)
                yield change
                self.since = change.place
            elif name == "open":
                self.since = int(_understood(json.loads, data)["since"])
            elif name == "lagged":
                since = int(_understood(json.loads, data)["since"])
                raise Expired(
                    "Some keys were deleted that can no longer be told of: read all anew, with `since=0`, or "
                    f"go on without knowing, from {since}.",
                    since=since,
                )

    def again(self) -> None:
        """They begin anew, on another connection."""
        self._events = Events()


class Unfinished(Reader[Any]):
    """An answer that says: not yet."""

    def feed(self, piece: bytes) -> None: ...

    def finish(self) -> Any:
        raise Busy("The task has not ended yet.", retry_after=0.0)


class Events:
    """Takes a `text/event-stream` apart, wherever its pieces are cut.

    https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    """

    def __init__(self) -> None:
        self.last_id = ""
        """Of the event that was yielded last, or of one before it where it has none."""
        self._rest = b""
        self._name = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[tuple[str, str]]:
        """Yields name and data of each event that this piece completes."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            text = line.removesuffix(b"\r").decode(errors="replace")
            if text:
                field, _, value = text.partition(":")
                self._take(field, value.removeprefix(" "))
            elif self._data:
                yield self._name or "message", "\n".join(self._data)
                self._name, self._data = "", []

    def _take(self, field: str, value: str) -> None:
        if field == "event":
            self._name = value
        elif field == "id":
            self.last_id = value
        elif field == "data":
            self._data.append(value)


class Refusal(Reader[Any]):
    """An answer that is no success: reading it raises the error the node raised."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self._status = status
        self._headers = headers
        self._body = bytearray()

    def feed(self, piece: bytes) -> None:
        self._body += piece

    def finish(self) -> Any:
        try:
            error = _spoken(bytes(self._body))
        except NOT_UNDERSTOOD:
            error = self._guess()
        after = self._headers.get("retry-after", "")
        if isinstance(error, Busy) and SECONDS.fullmatch(after):  # else an HTTP date; nodes give seconds
            error.retry_after = float(after)
        raise error

    def _guess(self) -> FeriaError:
        """Something that speaks HTTP but is no node: most likely a proxy on the way to one."""
        if self._status == 413:
            return TooLarge("Something on the way to the node takes no body this large.")
        if self._status in {401, 403, 407}:
            return NotAllowed(f"Something on the way to the node wants to know who asks ({self._status}).")
        return Unavailable(
            f"No feria node spoke there: the answer was a bare {self._status}. Check the address."
        )


SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
NOT_UNDERSTOOD = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What comes of taking any bytes for the JSON one expects."""


def _understood(parse: Callable[[T], A], said: T) -> A:
    try:
        return parse(said)
    except NOT_UNDERSTOOD as error:
        raise Unavailable(f"The answer is none that a feria node gives: {error}") from error


def _progress(data: str) -> tuple[str, float]:
    said = json.loads(data)
    return str(said["doing"]), float(said["done"])


def _spoken(data: str | bytes) -> FeriaError:
    said = json.loads(data)
    details = {key: value for key, value in said.items() if key not in {"error", "detail", "retry_after"}}
    return revive(said["error"], str(said["detail"]), details)


@contextlib.contextmanager
def _disk(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = DiskFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else Invalid
        raise kind(f"Cannot write {target}: {error.strerror or error}.") from error
