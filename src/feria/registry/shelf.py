"""The model shelf: publish, find, fetch by digest.

A version is a row in the replicated map beside a blob. The blob is durable before the row is written, so
a row never names a file that is not there; a file without a row is collected later.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from feria.access.wire import HOUSE, LOCAL, Caller
from feria.clock import Clock
from feria.cluster.maps import ReplicatedMap
from feria.errors import Conflict, Invalid, NotAModel, NotFound, TooLarge
from feria.registry.inspection import inspect
from feria.registry.wire import Description, FileMetadata, Model, ModelName, State
from feria.settings import RegistrySettings
from feria.storage.blobs import Blobs, disk_errors
from feria.tasks.processes import Processes, Report

PREFIX = "models/"
INSPECTION_SECONDS = 60.0

Subscriber = Callable[[str], Awaitable[None]]
"""Told the name of a model of which a version came, went or changed."""

_NAME: TypeAdapter[str] = TypeAdapter(ModelName)


def rank(model: Model) -> tuple[int, str, str]:
    """The order of versions: by number, and by when and what where two nodes chose the same number.

    Every member computes it from the rows alone, so all agree which is the latest.
    """
    return (model.version, model.published_at.isoformat(), model.digest)


class Registry:
    def __init__(
        self,
        rows: ReplicatedMap,
        blobs: Blobs,
        processes: Processes,
        settings: RegistrySettings,
        clock: Clock,
    ) -> None:
        self._rows = rows
        self._blobs = blobs
        self._processes = processes
        self._settings = settings
        self._clock = clock
        self._publishing = asyncio.Lock()

    async def publish(
        self,
        name: str,
        file: Path | bytes,
        description: Description | None = None,
        *,
        owner: str = LOCAL.subject,
        sha256: str | None = None,
        report: Report | None = None,
    ) -> Model:
        """Put a file on the shelf as the next version of `name`. A new name, or one that came with
        feria, becomes `owner`'s, as `check_owner` said it would.

        Durable, and known to all subscribers, when it returns. Raises `NotAModel` with the reason when
        the file cannot be served, `TooLarge`, `DiskFull`, `Invalid` when its digest is not `sha256`, and
        `Conflict` when somebody else was quicker to take the name.
        """
        description = description or Description()
        check_name(name)
        self._check_size(file)
        described = await self._inspect(file, description, report)
        blob = await self._blobs.put(file, expected=sha256)
        async with self._publishing:
            rows = await self._all(name)
            holder = _owner(rows)
            if holder not in {None, "", HOUSE, owner}:
                raise Conflict(f"The name {name} became another's while this was made.")
            model = Model(
                name=name,
                version=1 + max((row.version for row in rows), default=0),
                digest=blob.digest,
                size=blob.size,
                kind=described.kind,
                input=described.input,
                output=described.output,
                metrics=description.metrics,
                trained_from=description.trained_from,
                card=description.card,
                published_at=self._clock.now(),
                owner=owner if holder == HOUSE else holder or owner,
            )
            await self._put(model, if_version=0)
        return model

    async def find(self, name: str, version: int | None = None) -> Model:
        """That version, or the latest that is ready. Raises `NotFound`."""
        if version is None:
            ready = [row for row in await self.versions(name) if row.state is State.ready]
            if ready:
                return ready[0]
            raise NotFound(f"No model {name}.")
        for row in await self.versions(name):
            if row.version == version:
                return row
        raise NotFound(f"No version {version} of {name}.")

    async def versions(self, name: str) -> list[Model]:
        """All that were not deleted, the latest first."""
        return [row for row in await self._all(name) if row.state is not State.deleted]

    async def models(self) -> list[Model]:
        """The latest ready version of each name, by name."""
        latest: dict[str, Model] = {}
        for entry in await self._rows.scan(PREFIX):
            row = Model.model_validate_json(entry.value)
            held = latest.get(row.name)
            if row.state is State.ready and (held is None or rank(row) > rank(held)):
                latest[row.name] = row
        return [latest[name] for name in sorted(latest)]

    async def change_state(self, name: str, version: int, state: State, reason: str = "") -> Model:
        """A deprecated version still answers when asked for by number, but is not the latest."""
        changed = (await self.find(name, version)).model_copy(update={"state": state, "state_reason": reason})
        await self._put(changed)
        return changed

    async def delete(self, name: str, version: int | None = None) -> None:
        """Take one version off the shelf, or all. Its row stays as a mark, so that its number is never
        given to another; its file goes when no other row names it. Raises `NotFound`."""
        rows = await self.versions(name) if version is None else [await self.find(name, version)]
        if not rows:
            raise NotFound(f"No model {name}.")
        for row in rows:
            await self._put(row.model_copy(update={"state": State.deleted}))

    async def check_owner(self, name: str, caller: Caller) -> str:
        """Whose that name is, or would be if they published. Raises `NotFound` when it is another's. One
        that is on no shelf, or that came with feria, is everybody's."""
        owner = await self.owner(name)
        if owner in {None, HOUSE}:
            return caller.subject
        if not caller.owns(owner or ""):
            raise NotFound(f"You have no model {name}: that name is another's.")
        return owner or caller.subject

    async def owner(self, name: str) -> str | None:
        """Whose that name is: nobody's while no version is on the shelf, and `""` once its owner's name
        was erased."""
        return _owner(await self._all(name))

    async def knew(self, name: str, digest: str) -> bool:
        """Whether that file ever was a version of `name`, be it deleted since."""
        return any(row.digest == digest for row in await self._all(name))

    async def export(self, subject: str) -> list[str]:
        """The versions of models that bear that name as their owner's."""
        return [row.reference for row in await self._owned(subject)]

    async def erase(self, subject: str) -> int:
        """Take that name off what it owns; from then on only administrators change those models."""
        rows = await self._owned(subject)
        for row in rows:
            await self._put(row.model_copy(update={"owner": ""}))
        return len(rows)

    async def file(self, model: Model) -> Path:
        """The model's file, verified. Raises `Corrupt` or `NotFound`."""
        return (await self._blobs.find(model.digest)).path

    async def digests(self) -> set[str]:
        """The files that rows name: what the collector must keep."""
        rows = [Model.model_validate_json(entry.value) for entry in await self._rows.scan(PREFIX)]
        return {row.digest for row in rows if row.state is not State.deleted}

    def subscribe(self, subscriber: Subscriber) -> None:
        async def tell(key: str) -> None:
            await subscriber(key.split("/")[1])

        self._rows.subscribe(PREFIX, tell)

    async def _owned(self, subject: str) -> list[Model]:
        rows = [Model.model_validate_json(entry.value) for entry in await self._rows.scan(PREFIX)]
        return [row for row in rows if row.owner == subject != HOUSE]

    async def _all(self, name: str) -> list[Model]:
        check_name(name)
        entries = await self._rows.scan(f"{PREFIX}{name}/")
        return sorted((Model.model_validate_json(e.value) for e in entries), key=rank, reverse=True)

    async def _put(self, model: Model, *, if_version: int | None = None) -> None:
        # The digest in the key lets both survive when two members give one number to two files.
        key = f"{PREFIX}{model.name}/{model.version:08d}/{model.digest[:16]}"
        await self._rows.put(key, model.model_dump_json().encode(), if_version=if_version)

    def _check_size(self, file: Path | bytes) -> None:
        size = len(file) if isinstance(file, bytes) else file.stat().st_size
        limit = self._settings.max_model_mib * 2**20
        if size > limit:
            raise TooLarge(
                f"The model file has {size / 2**20:.1f} MiB; this node takes {self._settings.max_model_mib}.",
                limit=limit,
            )
        if size == 0:
            raise NotAModel("The file is empty.")

    async def _inspect(
        self, file: Path | bytes, description: Description, report: Report | None
    ) -> FileMetadata:
        said = description.model_dump(
            mode="json", include={"kind", "input", "output", "labels", "unsure_below"}
        )
        async with _as_file(file) as path:
            found = await self._processes.run(
                inspect, str(path), said, seconds=INSPECTION_SECONDS, report=report
            )
        return FileMetadata.model_validate(found)


def _owner(rows: list[Model]) -> str | None:
    """Whose name that is: nobody's once every version was deleted."""
    return next((row.owner for row in rows if row.state is not State.deleted), None)


def check_name(name: str) -> None:
    """Raises `Invalid` when that is no name for a model."""
    try:
        _NAME.validate_python(name)
    except ValidationError as error:
        sentence = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise Invalid(f"{name[:80]!r} is no model name: {sentence}.") from None


@contextlib.asynccontextmanager
async def _as_file(content: Path | bytes) -> AsyncGenerator[Path]:
    if isinstance(content, Path):
        yield content
        return
    with disk_errors(), tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        await asyncio.to_thread(file.write, content)
        file.flush()
        yield Path(file.name)
