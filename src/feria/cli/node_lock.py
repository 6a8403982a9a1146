"""One node a home: who holds `<home>/node.lock`, and where that node answers.

The lock is the kernel's (`flock`), so it goes with its process however that ends; what the file says is
only looked at while somebody holds it. A command that opens a node of its own holds it as well, without
an address. Only its owner can read the file: a locked node leaves a token in it for local commands, since
who reads the home has all that is in it anyway.
"""

import errno
import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from feria.errors import DiskFull, Invalid

WIDTH = 8192
"""Bytes of the file, always all of them: one write replaces another, and nobody reads half of each."""


@dataclass(frozen=True)
class Reach:
    """How a command reaches the node: with `token` where it is locked, knowing it by `certificate` (PEM)
    where it speaks TLS."""

    url: str
    token: str | None = None
    certificate: str | None = None


@dataclass(frozen=True)
class Holder:
    """Another process that has the home. No `reach`: it is just starting, or is a command at work."""

    pid: int | None
    reach: Reach | None

    @property
    def url(self) -> str | None:
        return self.reach.url if self.reach else None


class NodeLock:
    """The home is ours until `release`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._write(None)

    def tell(self, reach: Reach) -> None:
        """Let commands find the node."""
        self._write(reach)

    def release(self) -> None:
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, reach: Reach | None) -> None:
        said = json.dumps({"pid": os.getpid(), "reach": None if reach is None else asdict(reach)})
        os.pwrite(self._descriptor, said.ljust(WIDTH).encode(), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def take(home: Path) -> NodeLock | Holder:
    """Take the home, or say who has it. Never waits.

    Raises `Invalid` for a home that cannot be used, `DiskFull`.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(home / "node.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Invalid(f"The home {home} cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            return _read(os.pread(descriptor, WIDTH, 0))
        finally:
            os.close(descriptor)
    except OSError as error:
        os.close(descriptor)
        raise Invalid(f"The home {home} cannot be locked: {error.strerror}.") from error
    try:
        return NodeLock(descriptor)
    except OSError as error:
        os.close(descriptor)
        kind = DiskFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else Invalid
        raise kind(f"The home {home} cannot be written to: {error.strerror}.") from error


def _read(said: bytes) -> Holder:
    try:
        found = json.loads(said)
        return Holder(pid=found["pid"], reach=found["reach"] and Reach(**found["reach"]))
    except (ValueError, KeyError, TypeError, RecursionError):  # not written yet
        return Holder(pid=None, reach=None)
