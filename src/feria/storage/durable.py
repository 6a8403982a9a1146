"""Files that are whole or not there, whatever happens in between."""

import os
from pathlib import Path


def write(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """In the place of the one there was; on the disk when this returns."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    replace(fresh, path)


def replace(fresh: Path, path: Path) -> None:
    """Give a file, whose bytes are on the disk, its name; that it has it is on the disk when this returns."""
    os.replace(fresh, path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Which files there are, and by which names, is on the disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
