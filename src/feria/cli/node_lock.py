"""One node a home: who holds `<home>/node.lock`, and where that node answers.

The lock is the kernel's (`flock`), so it goes with its process however that ends; what the file says is
only looked at while somebody holds it. A command that opens a node of its own holds it as well, without
an address.
"""

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from feria.errors import Invalid

WIDTH = 1024
"""Bytes of the file, always all of them: one write replaces another, and nobody reads half of each."""


@dataclass(frozen=True)
class Holder:
    """Another process that has the home. No `url`: it is just starting, or is a command at work."""

    pid: int | None
    url: str | None


class NodeLock:
    """The home is ours until `release`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._write(None)

    def tell(self, url: str) -> None:
        """Let commands find the node."""
        self._write(url)

    def release(self) -> None:
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, url: str | None) -> None:
        said = json.dumps({"pid": os.getpid(), "url": url})
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
    """Take the home, or say who has it. Never waits. Raises `Invalid` for a home that cannot be."""
    try:
        home.mkdir(parents=True, exist_ok=True)
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
    return NodeLock(descriptor)


def _read(said: bytes) -> Holder:
    try:
        found = json.loads(said)
        return Holder(pid=found["pid"], url=found["url"])
    except (ValueError, KeyError, TypeError):  # not written yet
        return Holder(pid=None, url=None)
