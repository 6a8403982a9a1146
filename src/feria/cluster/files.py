"""Whole files that members give each other: piece by piece from whoever has any, on the disk as they come.

A file is known by its sha256 and by those of its pieces, which a row brings. What has come stays in a folder
beside the blobs, under the file's digest: a fetch that was cut, by the end of the process too, goes on with
the pieces that are missing, and gives to others those it has.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from feria.cluster.chunks import Manifest
from feria.cluster.pieces import PIECE_BYTES, Pieces, ended
from feria.errors import Corrupt, DiskFull
from feria.storage.blobs import Blobs, disk_errors

log = logging.getLogger(__name__)

PARALLEL = 4
"""Pieces of one file that are asked for at once."""
FILES_AT_ONCE = 2
"""More wait: a file that is there is worth more than two halves."""


@dataclass(eq=False)
class _Coming:
    """A file that is being fetched."""

    manifest: Manifest
    path: Path
    here: set[int] = field(default_factory=set)
    """Places of the pieces that are on the disk, and are what they should be."""

    @property
    def share(self) -> float:
        return len(self.here) / len(self.manifest.chunks)


class Files:
    """The files in a folder of blobs, and a way to those that others have.

    `coming` is a folder on the same disk, for what is not whole yet.
    """

    def __init__(self, blobs: Blobs, coming: Path, pieces: Pieces) -> None:
        self._blobs = blobs
        self._folder = coming
        self._pieces = pieces
        self._places: dict[bytes, tuple[Manifest, int]] = {}
        """By the sha256 of a piece, a file that it is part of, and which part."""
        self._coming: dict[bytes, _Coming] = {}
        self._fetches: dict[bytes, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(FILES_AT_ONCE)
        with disk_errors():
            coming.mkdir(mode=0o700, parents=True, exist_ok=True)
        pieces.give(self._own)

    def know(self, manifests: Iterable[Manifest]) -> None:
        """The files that rows name: of these and no others pieces are given to who asks."""
        self._places = {
            digest: (manifest, place)
            for manifest in manifests
            for place, digest in enumerate(manifest.chunks)
        }

    def holds(self, sha256: str) -> bool:
        return self._blobs.holds(sha256)

    def share(self, sha256: str) -> float:
        """How much of that file is here, 0 to 1."""
        if self._blobs.holds(sha256):
            return 1.0
        coming = self._coming.get(bytes.fromhex(sha256))
        return 0.0 if coming is None else min(coming.share, 0.999)

    def fetch(
        self, manifest: Manifest, holders: Callable[[], Collection[str]] = tuple
    ) -> "asyncio.Task[None]":
        """The one task that brings this file here, whoever waits for it; shield it from who may go away.

        It raises `Unavailable` when no live member has what is missing, `DiskFull`.
        """
        task = self._fetches.get(manifest.sha256)
        if task is None:
            task = self._pieces.start(self._fetch(manifest, holders))
            self._fetches[manifest.sha256] = task
            task.add_done_callback(lambda _: self._fetches.pop(manifest.sha256, None))
        return task

    async def forget_all_but(self, sha256s: Collection[str]) -> int:
        """Remove what was begun of files that no row names any more; returns how many."""

        def remove() -> int:
            gone = [
                path
                for path in self._folder.iterdir()
                if path.name not in sha256s and path.name not in fetching
            ]
            for path in gone:
                path.unlink(missing_ok=True)
            return len(gone)

        fetching = {digest.hex() for digest in self._fetches}
        with disk_errors():
            return await asyncio.to_thread(remove)

    # ------------------------------------------------------------------------- fetching
    async def _fetch(self, manifest: Manifest, holders: Callable[[], Collection[str]]) -> None:
        async with self._slots:
            coming = _Coming(manifest, self._folder / manifest.sha256.hex())
            self._coming[manifest.sha256] = coming
            try:
                with disk_errors():
                    coming.here = await asyncio.to_thread(_begun, coming)
                await self._bring(coming, holders)
                await self._blobs.adopt(coming.path, manifest.sha256.hex())
            except (
                DiskFull,
                Corrupt,
            ):  # the room is needed more than the pieces; or they do not make the file
                coming.path.unlink(missing_ok=True)
                raise
            finally:
                del self._coming[manifest.sha256]

    async def _bring(self, coming: _Coming, holders: Callable[[], Collection[str]]) -> None:
        missing = iter([n for n in range(len(coming.manifest.chunks)) if n not in coming.here])

        async def work() -> None:
            for place in missing:
                content = await self._pieces.get(coming.manifest.chunks[place], holders)
                with disk_errors():
                    await asyncio.to_thread(_write, coming.path, content, place)
                coming.here.add(place)

        # When one fails, the others end with the piece they are at: what has come this far is not lost.
        workers = [asyncio.ensure_future(work()) for _ in range(PARALLEL)]
        try:
            ends = await asyncio.gather(*workers, return_exceptions=True)
        finally:
            await ended(workers)
        for end in ends:
            if end is not None:
                raise end

    # ------------------------------------------------------------------------- giving
    async def _own(self, digest: bytes) -> bytes | None:
        """A piece of a file that is here, or that is coming."""
        manifest, place = self._places.get(digest, (None, 0))
        if manifest is None:
            return None
        coming = self._coming.get(manifest.sha256)
        path = self._blobs.place(manifest.sha256.hex()) if coming is None else coming.path
        try:
            content = await asyncio.to_thread(_read, path, place)
        except OSError:
            return None
        if hashlib.sha256(content).digest() == digest:
            return content
        if coming is None:
            log.warning("The file %s… is damaged here; others get it elsewhere.", manifest.sha256.hex()[:12])
        return None


async def cut(path: Path) -> Manifest:
    """What a file is made of. Raises `Unavailable` when it cannot be read."""

    def read() -> Manifest:
        whole, chunks, size = hashlib.sha256(), [], 0
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                size += len(piece)
                whole.update(piece)
                chunks.append(hashlib.sha256(piece).digest())
        return Manifest(size, whole.digest(), tuple(chunks) or (whole.digest(),))

    with disk_errors():
        return await asyncio.to_thread(read)


def _begun(coming: _Coming) -> set[int]:
    """Make room for the whole file; returns which pieces an earlier fetch has left there."""
    manifest, path, here = coming.manifest, coming.path, set()
    with path.open("r+b" if path.exists() else "w+b") as file:
        if os.fstat(file.fileno()).st_size == manifest.size:
            for place, digest in enumerate(manifest.chunks):
                if hashlib.sha256(file.read(PIECE_BYTES)).digest() == digest:
                    here.add(place)
        else:
            file.truncate(0)
            if manifest.size:
                os.posix_fallocate(file.fileno(), 0, manifest.size)
    return here


def _write(path: Path, content: bytes, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place * PIECE_BYTES)
        file.write(content)


def _read(path: Path, place: int) -> bytes:
    with path.open("rb") as file:
        return os.pread(file.fileno(), PIECE_BYTES, place * PIECE_BYTES)
