"""Flower apps of users: programs that jobs run as they are.

They run with the rights of this node, so a node takes some only where its settings say so, and only from who
administers it. A job keeps a copy of the app that it begins with.
"""

import asyncio
import difflib
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import delete, select

from feria.clock import Clock
from feria.errors import Invalid, NotAllowed, NotFound
from feria.federation.jobs_wire import App
from feria.federation.orders import ROUNDS_SETTING, AppJob
from feria.federation.tables import AppRow
from feria.settings import FederationSettings
from feria.storage.blobs import disk_errors
from feria.storage.database import Database
from feria.tasks.files import TaskFiles
from feria.tasks.processes import Processes

INSPECTION_SECONDS = 30.0


class Apps:
    """`folder` is kept between runs; each file in it is a bundle, by its digest."""

    def __init__(
        self,
        database: Database,
        processes: Processes,
        clock: Clock,
        settings: FederationSettings,
        folder: Path,
    ) -> None:
        self._database = database
        self._processes = processes
        self._clock = clock
        self._allowed = settings.apps
        self._files = TaskFiles(folder)
        self.folder = folder
        """What is put in here on its way to `register` is gone at the next start."""

    async def open(self) -> None:
        """Removes what no app needs any more."""
        await self._files.open()
        async with self._database.transaction(read_only=True) as session:
            known = set(await session.scalars(select(AppRow.digest)))
        await self._files.remove_all_but(known)

    async def register(self, bundle: Path, *, owner: str) -> App:
        """Take in an app, in the place of an earlier one of its name; durable on return. The file becomes
        ours. Raises `NotAllowed`, `Invalid`, `TooLarge`, `DiskFull`.
        """
        self._check_allowed()
        seen = await self._processes.run(_look, str(bundle), seconds=INSPECTION_SECONDS)
        row = AppRow(
            **seen["said"],
            settings=msgspec.json.encode(seen["settings"]),
            digest=await asyncio.to_thread(_digest, bundle),
            owner=owner,
            created_at=self._clock.now(),
        )
        await self._files.keep(bundle, row.digest)
        async with self._database.transaction() as session:
            await session.merge(row)
        return _app(row)

    async def apps(self) -> list[App]:
        """By name."""
        async with self._database.transaction(read_only=True) as session:
            return [_app(row) for row in await session.scalars(select(AppRow).order_by(AppRow.name))]

    async def find(self, name: str) -> App:
        """Raises `NotFound`, naming those of a similar name."""
        known = {app.name: app for app in await self.apps()}
        if name not in known:
            near = difflib.get_close_matches(name, known, n=2)
            perhaps = f"; perhaps you mean {' or '.join(near)}" if near else ""
            raise NotFound(f"There is no app '{name}' here{perhaps}.")
        return known[name]

    async def remove(self, name: str) -> None:
        """Jobs that have begun with it go on. Raises `NotFound`."""
        await self.find(name)
        async with self._database.transaction() as session:
            await session.execute(delete(AppRow).where(AppRow.name == name))

    async def complete(self, order: AppJob) -> AppJob:
        """The order with all that its app's own settings say. Raises `NotAllowed`, `NotFound`, and `Invalid`
        for settings that the app does not have, or of another kind."""
        self._check_allowed()
        app = await self.find(order.app)
        settings = app.settings | order.settings
        if order.rounds is not None:
            settings[ROUNDS_SETTING] = order.rounds
        for name, value in settings.items():
            _check_setting(app, name, value)
        rounds = settings.get(ROUNDS_SETTING)
        if type(rounds) is int and rounds < 1:
            raise Invalid(f"{ROUNDS_SETTING} is {rounds}; 1 is the least.")
        return order.model_copy(
            update={"settings": settings, "rounds": rounds if type(rounds) is int else None}
        )

    async def lend(self, name: str, file: Path) -> None:
        """Put a copy of an app's bundle there, unless there is one. Raises as `find` does, and `DiskFull`."""
        if await asyncio.to_thread(file.exists):
            return
        self._check_allowed()
        app = await self.find(name)
        with disk_errors():
            await asyncio.to_thread(_copy, self._files.path(app.digest), file)

    def _check_allowed(self) -> None:
        if not self._allowed:
            raise NotAllowed(
                "An app is a program that runs with all rights of this node, which takes none: start it with "
                "FERIA_FEDERATION__APPS=true where all who administer it are to be trusted with that."
            )


def _check_setting(app: App, name: str, value: object) -> None:
    if name not in app.settings:
        there = ", ".join(sorted(app.settings)) or "none"
        raise Invalid(f"The app {app.name} has no setting '{name}'; there are: {there}.")
    known = app.settings[name]
    if type(value) is not type(known) and not (type(known) is float and type(value) is int):
        wanted = type(known).__name__
        raise Invalid(f"The app's setting '{name}' is a {wanted}, as {known!r}; {value!r} is none.")


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _copy(source: Path, target: Path) -> None:
    """All of it or nothing."""
    partial = target.with_suffix(".partial")
    shutil.copyfile(source, partial)
    os.replace(partial, target)


def _app(row: AppRow) -> App:
    return App(
        name=row.name,
        version=row.version,
        publisher=row.publisher,
        description=row.description,
        settings=msgspec.json.decode(row.settings),
        digest=row.digest,
        owner=row.owner,
        created_at=row.created_at,
    )


def _look(bundle: str, report: Any) -> dict[str, Any]:
    """In a process of its own, for the file comes from elsewhere."""
    from feria.federation.bundles import read

    seen = read(Path(bundle))
    said = {name: getattr(seen, name) for name in ("name", "version", "publisher", "description")}
    return {"said": said, "settings": dict(seen.settings)}
