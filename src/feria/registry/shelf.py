"""The model shelf: publish, find, fetch by digest.

A version is a row in the replicated map beside a blob. The blob is durable before the row is written, so
a row never names a file that is nowhere; a file without a row is collected later. Where the row came from
another member, the file follows it (`travel`).
"""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from feria.access.wire import HOUSE, LOCAL, Caller
from feria.clock import Clock
from feria.cluster.files import cut
from feria.cluster.maps import ReplicatedMap
from feria.errors import Conflict, Corrupt, Invalid, NotAModel, NotFound, TooLarge, Unavailable
from feria.registry.inspection import inspect
from feria.registry.rows import PREFIX, Row, decoded, encoded, key_of, rank
from feria.registry.travel import Travel
from feria.registry.wire import Description, FileMetadata, Model, ModelName, State
from feria.settings import RegistrySettings
from feria.storage.blobs import Blobs, disk_errors
from feria.tasks.processes import Processes, Report

INSPECTION_SECONDS = 60.0

Subscriber = Callable[[str], Awaitable[None]]
"""Told the name of a model of which a version came, went or changed."""

_NAME: TypeAdapter[str] = TypeAdapter(ModelName)


class Registry:
    def __init__(
        self,
        rows: ReplicatedMap,
        blobs: Blobs,
        processes: Processes,
        settings: RegistrySettings,
        clock: Clock,
        travel: Travel | None = None,
    ) -> None:
        self._rows = rows
        self._travel = travel
        self._blobs = blobs
        self._processes = processes
        self._settings = settings
        self._clock = clock
        self._publishing = asyncio.Lock()
        self._subscribers: list[Subscriber] = []
        rows.subscribe(PREFIX, self._changed)
        if travel is not None:
            travel.rows, travel.arrived = self._every, self._arrived

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

        Durable here, and known to all subscribers here, when it returns. Raises `NotAModel` with the reason
        when the file cannot be served, `TooLarge`, `DiskFull`, `Invalid` when its digest is not `sha256`,
        and `Conflict` when somebody else was quicker to take the name.
        """
        description = description or Description()
        check_name(name)
        self._check_size(file)
        described = await self._inspect(file, description, report)
        blob = await self._blobs.put(file, expected=sha256)
        pieces = b"".join((await cut(blob.path)).chunks)
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
            await self._put(Row(model, pieces), if_version=0)
        return model

    async def find(self, name: str, version: int | None = None) -> Model:
        """That version, or the latest that is ready. Of two files that members gave one number, the one that
        `rank` puts last: the other takes its place when it is deleted. Raises `NotFound`."""
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
        for row, _ in await self._every():
            held = latest.get(row.name)
            if row.state is State.ready and (held is None or rank(row) > rank(held)):
                latest[row.name] = row
        return [latest[name] for name in sorted(latest)]

    async def change_state(self, name: str, version: int, state: State, reason: str = "") -> Model:
        """A deprecated version still answers when asked for by number, but is not the latest."""
        found = await self._row(await self.find(name, version))
        changed = found.model.model_copy(update={"state": state, "state_reason": reason})
        await self._put(found._replace(model=changed))
        return changed

    async def delete(self, name: str, version: int | None = None) -> None:
        """Take one version off the shelf, or all. Its row stays as a mark, so that its number is never
        given to another; its file goes when no other row names it. Raises `NotFound`."""
        models = await self.versions(name) if version is None else [await self.find(name, version)]
        if not models:
            raise NotFound(f"No model {name}.")
        for model in models:
            row = await self._row(model)
            await self._put(row._replace(model=row.model.model_copy(update={"state": State.deleted})))

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
        return [row.model.reference for row in await self._owned(subject)]

    async def erase(self, subject: str) -> int:
        """Take that name off what it owns; from then on only administrators change those models."""
        rows = await self._owned(subject)
        for row in rows:
            await self._put(row._replace(model=row.model.model_copy(update={"owner": ""})))
        return len(rows)

    async def file(self, model: Model) -> Path:
        """The model's file, verified; fetched from another member where it is not here, or is damaged.

        Raises `Busy` when that takes longer than FERIA_REGISTRY__FETCH_SECONDS, `Unavailable` when nobody
        that answers has it, `Corrupt`, `NotFound`, `DiskFull`.
        """
        try:
            return (await self._blobs.find(model.digest)).path
        except (NotFound, Corrupt) as error:
            if self._travel is None:
                raise
            try:
                await self._travel.bring(await self._row(model), self._settings.fetch_seconds)
            except Unavailable:
                if isinstance(error, Corrupt):
                    raise error from None
                raise
        return (await self._blobs.find(model.digest)).path

    async def blob(self, digest: str) -> Path:
        """The file of that digest, verified; fetched where it is a model's and not here. Raises what `file`
        raises."""
        if not self._blobs.holds(digest):
            for model, _ in await self._every():
                if model.digest == digest and model.state is not State.deleted:
                    return await self.file(model)
        return (await self._blobs.find(digest)).path

    def holds(self, model: Model) -> bool:
        """Whether its file is on this member; else `file` fetches it."""
        return self._blobs.holds(model.digest)

    def share(self, model: Model) -> float:
        """How much of its file is on this member, 0 to 1."""
        if self._travel is None:
            return float(self.holds(model))
        return self._travel.share(model.digest)

    def call(self, model: Model) -> None:
        """Have its file fetched by and by; subscribers are told when it is here."""
        if self._travel is not None:
            self._travel.begin(self._call(model))

    async def _call(self, model: Model) -> None:
        assert self._travel is not None
        await self._travel.fetch(await self._row(model))

    async def digests(self) -> set[str]:
        """The files that rows name: what the collector must keep."""
        return {row.digest for row, _ in await self._every() if row.state is not State.deleted}

    def subscribe(self, subscriber: Subscriber) -> None:
        """Tell it of what is published here before `publish` returns; of what came from other members, when
        it came, and again when the file did."""
        self._subscribers.append(subscriber)

    async def _changed(self, key: str) -> None:
        name = key.split("/")[1]
        if self._travel is not None:
            self._travel.look()
            ready = [row for row in await self.versions(name) if row.state is State.ready]
            if ready and not self.holds(ready[0]):
                # It came from another member. Who hears of it may ask for the file, which is no reason to
                # keep all other news waiting.
                self._travel.begin(self._arrived(name))
                return
        await self._arrived(name)

    async def _arrived(self, name: str) -> None:
        for subscriber in self._subscribers:
            await subscriber(name)

    async def _every(self) -> list[Row]:
        entries = await self._rows.scan(PREFIX)
        return [row for entry in entries if (row := decoded(entry.key, entry.value)) is not None]

    async def _owned(self, subject: str) -> list[Row]:
        return [row for row in await self._every() if row.model.owner == subject != HOUSE]

    async def _all(self, name: str) -> list[Model]:
        check_name(name)
        entries = await self._rows.scan(f"{PREFIX}{name}/")
        rows = [row for entry in entries if (row := decoded(entry.key, entry.value)) is not None]
        return sorted((row.model for row in rows), key=rank, reverse=True)

    async def _row(self, model: Model) -> Row:
        """As it is now. Raises `NotFound` when it has gone meanwhile."""
        entry = await self._rows.get(key_of(model))
        row = None if entry is None else decoded(entry.key, entry.value)
        if row is None:
            raise NotFound(f"No version {model.version} of {model.name}.")
        return row

    async def _put(self, row: Row, *, if_version: int | None = None) -> None:
        await self._rows.put(key_of(row.model), encoded(row), if_version=if_version)

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
