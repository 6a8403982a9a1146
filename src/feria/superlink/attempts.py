"""A job's attempts to be trained on a SuperLink, as the hub follows them."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from feria.errors import Conflict, Invalid, NotFound
from feria.federation import engine
from feria.federation.engine import AGREEMENT, ENDED, MODEL, ROUNDS, Running
from feria.storage import durable
from feria.storage.blobs import disk_errors
from feria.superlink.callbacks import PIECE, AskJob, Callback, End, JobTold, Read, StoreTold, Tell, Write

FILES = frozenset({AGREEMENT, ROUNDS, ENDED, MODEL})
OVER = "This attempt is over."
"""Said to what goes on regardless."""


class Attempt:
    """One run on a SuperLink, for as long as the hub listens to it."""

    def __init__(self, id: str, key: bytes, job: Running, tell: engine.Tell) -> None:
        self.id = id
        self.key = key
        self.ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self.kept_rounds = 0
        """How often it has left a checkpoint: whether it comes forward."""
        self._job = job
        self._tell = tell
        self._next = 0
        """Number of the first event that has not come."""
        self._lock = asyncio.Lock()

    async def hear(self, said: Callback) -> object:
        """What is to be answered, MessagePack's. Raises `Invalid`, `NotFound`, `Conflict` for a piece that
        does not fit the ones before, and `DiskFull`."""
        async with self._lock:
            match said:
                case AskJob():
                    return await asyncio.to_thread(self._told)
                case Read():
                    return await asyncio.to_thread(self._read, said)
                case Write():
                    with disk_errors():
                        await asyncio.to_thread(self._write, said)
                    self.kept_rounds += said.name == ROUNDS
                case Tell():
                    await self._hear_events(said)
                case End():
                    if not self.ended.done():
                        self.ended.set_result(said)
            return None

    async def _hear_events(self, said: Tell) -> None:
        """Those that came before, whose answer was lost, are not told twice. What is missing in between a
        hub has heard that died since."""
        events = said.events[max(0, self._next - said.first) :]
        self._next = max(self._next, said.first + len(said.events))
        if events:
            await self._tell(events)

    def _told(self) -> JobTold:
        return JobTold(
            order=self._job.order.model_dump_json(),
            stores={
                store.name: StoreTold(store.node_id, store.samples)
                for store in self._job.clients
                if store.node_id is not None
            },
            told=self._job.told,
            files={name: path.stat().st_size for name in FILES if (path := self._path(name)).exists()},
        )

    def _read(self, said: Read) -> bytes:
        try:
            with self._path(said.name).open("rb") as file:
                file.seek(said.at)
                return file.read(PIECE)
        except FileNotFoundError:
            raise NotFound(f"The job has no {said.name}.") from None

    def _write(self, said: Write) -> None:
        path = self._path(said.name)
        fresh = path.with_name(f"{path.name}.{self.id}")
        with fresh.open("wb" if said.at == 0 else "ab") as file:
            if file.tell() != said.at:
                raise Conflict(f"The next piece of {said.name} begins at {file.tell()}.", at=file.tell())
            file.write(said.piece)
            file.flush()
            if file.tell() < said.size:
                return
            os.fsync(file.fileno())
        if _digest(fresh) != said.digest:
            fresh.unlink()
            raise Conflict(f"{said.name} did not come over as it was.", at=0)
        durable.replace(fresh, path)

    def _path(self, name: str) -> Path:
        if name not in FILES:
            raise Invalid("A job leaves no file of that name.")
        return self._job.folder / name


class Attempts:
    """Those that the hub listens to."""

    def __init__(self) -> None:
        self._under_way: dict[str, Attempt] = {}
        self._over: set[str] = set()

    @contextlib.contextmanager
    def listening(self, attempt: Attempt) -> Iterator[None]:
        self._under_way[attempt.id] = attempt
        try:
            yield
        finally:
            del self._under_way[attempt.id]
            self._over.add(attempt.id)

    def find(self, id: str) -> Attempt:
        """Raises `Conflict` for one that is over, `NotFound` for one that nobody has heard of yet."""
        if id in self._over:
            raise Conflict(OVER)
        if (found := self._under_way.get(id)) is None:
            raise NotFound("This attempt is not known here.")
        return found


_decoder = msgspec.msgpack.Decoder(Callback)


def read(body: bytes) -> Callback:
    """Raises `Invalid`."""
    try:
        said: Callback = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise Invalid(f"This is no callback: {error}.") from None
    return said


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
