"""What tasks bring along, kept until they have ended."""

import asyncio
import os
import shutil
from collections.abc import Set
from pathlib import Path

from feria.storage.blobs import disk_errors
from feria.storage.durable import sync

MADE = ".made"
"""How the name of a file ends that the work has made, and the task did not bring."""


class TaskFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def open(self) -> None:
        with disk_errors():
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)

    @property
    def folder(self) -> Path:
        return self._folder

    def path(self, name: str) -> Path:
        return self._folder / name

    def find(self, task_id: str) -> Path | None:
        """The file that a task brought along."""
        return next((path for path in self._folder.glob(f"{task_id}*") if path.suffix != MADE), None)

    async def keep(self, source: Path | bytes, name: str) -> None:
        """Make a file that survives, under that name, a power cut. Raises `DiskFull`."""
        with disk_errors():
            await asyncio.to_thread(_keep, source, self.path(name))

    def remove(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)

    async def remove_all_but(self, names: Set[str]) -> None:
        def remove() -> None:
            for path in self._folder.iterdir():
                if path.name not in names:
                    path.unlink(missing_ok=True)

        await asyncio.to_thread(remove)


def _keep(source: Path | bytes, target: Path) -> None:
    if isinstance(source, bytes):
        target.write_bytes(source)
    else:
        try:
            os.link(source, target)
        except OSError:  # another file system
            shutil.copyfile(source, target)
    sync(target)
    sync(target.parent)
