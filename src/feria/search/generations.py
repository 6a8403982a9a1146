"""Folders of an index, one after the other; a file, CURRENT, names the one in use.

A new one is built beside the old and takes its place by one rename. Who reads the old one goes on reading it:
its files are mapped into memory, and on POSIX they outlive their names.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from feria.errors import DiskFull, Unavailable
from feria.storage.durable import sync


class Generations:
    """Those of one index, below `folder`. One made for another `version` does not count."""

    def __init__(self, folder: Path, version: str) -> None:
        self._folder = folder
        self._version = version
        self._lock: int | None = None

    def current(self) -> Path | None:
        """The folder in use, if there is one."""
        try:
            name = (self._folder / "CURRENT").read_text().strip()
        except (OSError, UnicodeError):
            return None
        known = name.startswith(f"{self._version}-") and os.sep not in name
        return self._folder / name if known and (self._folder / name).is_dir() else None

    def begin(self) -> Path:
        """An empty folder, in use once it is published. Raises `DiskFull`, `Unavailable`."""
        with on_disk(self._folder):
            made = self._folder / f"{self._version}-{secrets.token_hex(4)}"
            made.mkdir(mode=0o700, parents=True)
        return made

    def publish(self, made: Path) -> None:
        """Use this one from now on, a power cut notwithstanding, and remove the others. What is in it must
        be on the disk already. Raises `DiskFull`, `Unavailable`."""
        with on_disk(self._folder):
            part = self._folder / "CURRENT.part"
            with part.open("w") as file:
                file.write(made.name)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._folder / "CURRENT")
            sync(self._folder)
        self.sweep()

    def sweep(self) -> None:
        """Remove what is not in use: older ones, other versions', those that were never finished."""
        current = self.current()
        with contextlib.suppress(FileNotFoundError):
            for entry in self._folder.iterdir():
                if entry.is_dir() and entry != current:
                    shutil.rmtree(entry, ignore_errors=True)

    def take(self) -> bool:
        """Whether this process is the one that writes, which it then stays until `release`.

        Raises `DiskFull`, `Unavailable`.
        """
        if self._lock is not None:
            return True
        with on_disk(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._folder / "writer.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel's: it dies with the process
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@contextlib.contextmanager
def on_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull("The disk is full; the search index stays as it was.") from error
        raise Unavailable(f"The folder {folder.name} of the search index: {error.strerror}.") from error
