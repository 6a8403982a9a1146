"""The pictures of an import: files of one folder, found by what a row calls them or by the SKU."""

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from feria.errors import Invalid

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"})


class PicturesBeside:
    """Nothing outside the folder is ever found. Raises `Invalid` when there is none."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise Invalid(f"There is no folder {folder}.")
        self._folder = folder.resolve()
        self._by_stem: dict[str, list[Path]] = {}
        for path in sorted(self._folder.iterdir()):
            if path.suffix.lower() in SUFFIXES:
                self._by_stem.setdefault(path.stem.lower(), []).append(path)
                if numbered := re.fullmatch(r"(.+)[-_]\d+", path.stem.lower()):
                    self._by_stem.setdefault(numbered[1] + "\0", []).append(path)

    def find(self, sku: str, named: Sequence[str]) -> tuple[list[Path], list[str]]:
        """The files of these names, and the names without a file. A row that names none has those that
        are called after its SKU: `SKU.jpg`, `SKU-1.jpg`, `SKU_2.jpg`."""
        if not named:
            called = sku.lower()
            return [*self._by_stem.get(called, ()), *self._by_stem.get(called + "\0", ())], []
        found, missing = [], []
        for name in named:
            path = self._at(name)
            if path is None:
                missing.append(name)
            else:
                found.append(path)
        return found, missing

    def _at(self, name: str) -> Path | None:
        """A path below the folder; of an address, the longest end of its path that is there."""
        parts = urlsplit(name) if "://" in name else None
        steps = [step for step in (unquote(parts.path) if parts else name).split("/") if step]
        for start in range(len(steps)):
            try:
                path = self._folder.joinpath(*steps[start:]).resolve()
                if path.is_relative_to(self._folder) and path.is_file():
                    return path
            except (OSError, ValueError):  # too long, or with a NUL in it
                continue
        return None
