"""Large values: chunks of 1 MiB, each a file named by its sha256, and a row that lists them.

Rows go to every member by themselves; chunks are asked for, from whichever member has them, and are
believed only when they are what they are named after. So a chunk that is torn or was changed on some disk is
as good as missing, and is replaced by the next sound copy that is found.
"""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Iterable

import msgspec

from feria.cluster.pieces import PIECE_BYTES, Message, Peers, Pieces, Send, ended
from feria.errors import Corrupt, NotFound, TooLarge
from feria.storage.blobs import Blobs

log = logging.getLogger(__name__)

CHUNK_BYTES = PIECE_BYTES
PARALLEL = 4
"""Chunks asked for at once, and read ahead of who reads a value."""
MOST_CHUNKS = 1900
"""That a row has room to list."""

MARK = b"\x89feria-chunks\n"
"""How the value of a row begins that lists chunks. A value of a user's that begins so is kept in chunks too,
however small, so that the mark says what it seems to."""


# ----------------------------------------------------------------------------- what a row holds
class Manifest(msgspec.Struct, frozen=True, array_like=True):
    """`size` in bytes; `sha256` of the whole value, and of each chunk in turn, 32 bytes each."""

    size: int
    sha256: bytes
    chunks: tuple[bytes, ...]


_read_manifest = msgspec.msgpack.Decoder(Manifest).decode


def listed(manifest: Manifest) -> bytes:
    """A manifest as the value of a row."""
    return MARK + msgspec.msgpack.encode(manifest)


def manifest_in(value: bytes | None) -> Manifest | None:
    """The manifest that a row's value is, or nothing where it is a value itself. Raises `Corrupt`."""
    if value is None or not value.startswith(MARK):
        return None
    try:
        found = _read_manifest(value[len(MARK) :])
    except msgspec.DecodeError as error:
        raise Corrupt(f"The row does not list the chunks of its value: {error}.") from None
    if len(found.chunks) != max(1, -(-found.size // CHUNK_BYTES)) or {*map(len, found.chunks)} != {32}:
        raise Corrupt("The row lists other chunks than its value can have.")
    return found


class Chunks:
    """The chunks that this member has, and a way to those that others have."""

    def __init__(self, blobs: Blobs, *, send: Send, peers: Peers) -> None:
        self._blobs = blobs
        self.pieces = Pieces(send=send, peers=peers)
        self.pieces.give(self._own)
        self._slots = asyncio.Semaphore(PARALLEL)
        self._pulled: dict[bytes, asyncio.Task[None]] = {}

    # ---------------------------------------------------------------------------- values
    async def write(self, pieces: AsyncIterable[bytes], *, limit: int) -> Manifest:
        """Keep a value, however its pieces are cut; durable on return, and named by nobody yet.

        Raises `TooLarge` beyond `limit` bytes, `DiskFull`.
        """
        limit = min(limit, MOST_CHUNKS * CHUNK_BYTES)
        whole, rest, size, digests = hashlib.sha256(), bytearray(), 0, []
        async for piece in pieces:
            size += len(piece)
            if size > limit:
                raise TooLarge(f"The value is larger than the {limit / 2**20:g} MiB taken here.", limit=limit)
            whole.update(piece)
            rest += piece
            while len(rest) >= CHUNK_BYTES:
                digests.append(await self._keep(bytes(memoryview(rest)[:CHUNK_BYTES])))
                del rest[:CHUNK_BYTES]
        if rest or not digests:
            digests.append(await self._keep(bytes(rest)))
        return Manifest(size, whole.digest(), tuple(digests))

    async def read(self, manifest: Manifest) -> AsyncGenerator[bytes]:
        """The value, chunk by chunk, each verified. Raises `Unavailable` when no live member has the next."""
        ahead: deque[asyncio.Task[bytes]] = deque()
        digests = iter(manifest.chunks)
        try:
            while True:
                for digest in digests:
                    ahead.append(asyncio.ensure_future(self._content(digest)))
                    if len(ahead) == PARALLEL:
                        break
                if not ahead:
                    return
                content = await ahead[0]
                ahead.popleft()
                yield content
        finally:
            await ended(ahead)

    async def fetch(self, manifest: Manifest) -> None:
        """Have all chunks of a value here. Raises `Unavailable` when some are nowhere."""
        missing = [digest for digest in dict.fromkeys(manifest.chunks) if not self.holds(digest)]
        pulls = [self._pull(digest) for digest in missing]
        results = await asyncio.gather(*map(asyncio.shield, pulls), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def holds(self, digest: bytes) -> bool:
        return self._blobs.holds(digest.hex())

    def none_here(self) -> bool:
        return self._blobs.is_empty()

    async def collect(self, manifests: Iterable[Manifest], *, grace_seconds: float) -> int:
        """Remove what none of these names and is older than the grace; returns how many chunks that were."""
        named = {digest.hex() for manifest in manifests for digest in manifest.chunks}
        return len(await self._blobs.collect(named, grace_seconds=grace_seconds))

    async def _keep(self, content: bytes) -> bytes:
        return bytes.fromhex((await self._blobs.put(content)).digest)

    async def _content(self, digest: bytes) -> bytes:
        try:
            return await self._blobs.read(digest.hex())
        except NotFound:
            pass
        except Corrupt:
            log.warning("Chunk %s… is damaged here; another copy is looked for.", digest.hex()[:12])
        await asyncio.shield(self._pull(digest))
        return await self._blobs.read(digest.hex())

    # ------------------------------------------------------------------------ other members
    def receive(self, sender: str, message: Message) -> None:
        """What another member said, on the event loop."""
        self.pieces.receive(sender, message)

    async def _own(self, digest: bytes) -> bytes | None:
        try:
            return await self._blobs.read(digest.hex())
        except NotFound:
            return None

    def _pull(self, digest: bytes) -> "asyncio.Task[None]":
        """The one task that brings this chunk here, whoever waits for it."""
        task = self._pulled.get(digest)
        if task is None:
            task = self._pulled[digest] = self.pieces.start(self._bring(digest))
            task.add_done_callback(lambda _: self._pulled.pop(digest, None))
        return task

    async def _bring(self, digest: bytes) -> None:
        async with self._slots:
            await self._blobs.put(await self.pieces.get(digest), expected=digest.hex())

    async def close(self) -> None:
        await self.pieces.close()
