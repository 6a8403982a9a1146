"""Files named by their sha256. A file is whole or not there, and read only after it proved itself."""

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import tempfile
import time
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from feria.errors import Corrupt, DiskFull, Invalid, NotFound, Unavailable
from feria.storage.durable import sync

CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Blob:
    digest: str
    size: int
    path: Path


class Blobs:
    """Content-addressed files under one folder: `ab/ab12…`, unfinished ones under `unfinished/`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / "unfinished"
        self._unfinished.mkdir(parents=True, exist_ok=True)
        # digest → (inode, size, mtime_ns) of the file that proved itself; a changed file proves anew
        self._proven: dict[str, tuple[int, int, int]] = {}

    async def put(self, content: bytes | Path, *, expected: str | None = None) -> Blob:
        """Keep these bytes, or this file's; durable when it returns.

        Raises `DiskFull`, and `Invalid` when the digest is not the `expected` one. Either way nothing stays.
        """
        return await asyncio.to_thread(self._put, content, expected)

    def _put(self, content: bytes | Path, expected: str | None) -> Blob:
        with disk_errors():
            handle, name = tempfile.mkstemp(dir=self._unfinished)
            unfinished = Path(name)
            try:
                digest = hashlib.sha256()
                with os.fdopen(handle, "wb") as file:
                    for chunk in _chunks(content):
                        digest.update(chunk)
                        file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
                found = digest.hexdigest()
                if expected is not None and found != expected.lower():
                    raise Invalid(f"The file's sha256 is {found}, not {expected}.", digest=found)
                self._move(unfinished, found)
            finally:
                unfinished.unlink(missing_ok=True)
            path = self._path(found)
            return Blob(found, path.stat().st_size, path)

    async def adopt(self, path: Path, digest: str) -> Blob:
        """Take over a file that lies on the same disk, and is that digest's; durable when it returns.

        Raises `Corrupt` when it is another's; then it stays where it was.
        """
        return await asyncio.to_thread(self._adopt, path, digest)

    def _adopt(self, path: Path, digest: str) -> Blob:
        with disk_errors():
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                if found != digest:
                    raise Corrupt(f"The file's sha256 is {found}, not {digest}.", digest=digest)
                os.fsync(file.fileno())
                stat = os.fstat(file.fileno())
            self._move(path, digest)
            self._proven[digest] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        return Blob(digest, stat.st_size, self._path(digest))

    def _move(self, unfinished: Path, digest: str) -> None:
        path = self._path(digest)
        new_folder = not path.parent.exists()
        path.parent.mkdir(exist_ok=True)
        # Replaces an equal file too: that renews its age, so the collector lets it be, and heals it should
        # it have been damaged.
        unfinished.replace(path)
        sync(path.parent)
        if new_folder:
            sync(self._root)

    async def find(self, digest: str) -> Blob:
        """The file of that digest, verified. Raises `NotFound`, or `Corrupt` when it has changed."""
        return await asyncio.to_thread(self._find, digest)

    def _find(self, digest: str) -> Blob:
        path = self._path(digest)
        try:
            with path.open("rb") as file:
                stat = os.fstat(file.fileno())
                seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
                if self._proven.get(digest) != seen:
                    if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                        raise Corrupt(
                            f"The stored file {digest[:12]}… no longer matches its digest; publish it again.",
                            digest=digest,
                        )
                    self._proven[digest] = seen
        except FileNotFoundError:
            raise NotFound(f"No file {digest[:12]}… on this node.") from None
        except OSError as error:
            raise Unavailable(f"The file {digest[:12]}… cannot be read: {error.strerror}.") from error
        return Blob(digest, stat.st_size, path)

    async def read(self, digest: str) -> bytes:
        """The bytes of that digest, verified each time. Raises `NotFound`, `Corrupt`."""
        return await asyncio.to_thread(self._read, digest)

    def _read(self, digest: str) -> bytes:
        try:
            content = self._path(digest).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"No file {digest[:12]}… on this node.") from None
        except OSError as error:
            raise Unavailable(f"The file {digest[:12]}… cannot be read: {error.strerror}.") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise Corrupt(f"The stored file {digest[:12]}… no longer matches its digest.", digest=digest)
        return content

    def holds(self, digest: str) -> bool:
        """Whether there is such a file; whether it is sound, reading tells."""
        return self._path(digest).is_file()

    def place(self, digest: str) -> Path:
        """Where the file of that digest stands, if it does. Unproven: whoever reads it proves it."""
        return self._path(digest)

    def is_empty(self) -> bool:
        return not any(path != self._unfinished for path in self._root.iterdir())

    async def collect(self, referenced: Iterable[str], *, grace_seconds: float) -> list[str]:
        """Remove files that no row names and that are older than the grace; return their digests.

        The grace keeps a file whose row is about to be written.
        """
        return await asyncio.to_thread(self._collect, frozenset(referenced), grace_seconds)

    def _collect(self, referenced: frozenset[str], grace_seconds: float) -> list[str]:
        removed = []
        limit = time.time() - grace_seconds
        for path in self._root.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):  # someone was quicker
                if path.name in referenced or path.stat().st_mtime > limit:
                    continue
                path.unlink()
                if path.parent != self._unfinished:
                    removed.append(path.name)
                    self._proven.pop(path.name, None)
        return removed

    def _path(self, digest: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise Invalid("A digest is 64 hexadecimal digits.")
        return self._root / digest[:2] / digest


@contextlib.asynccontextmanager
async def open_blobs(home: Path) -> AsyncGenerator[Blobs]:
    with disk_errors():
        blobs = Blobs(home / "blobs")
    yield blobs


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Say what a failing disk means in our own words."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise DiskFull("The disk is full; nothing was stored.") from error
        raise Unavailable(f"The disk refuses: {error.strerror} ({error.filename}).") from error


def _chunks(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
