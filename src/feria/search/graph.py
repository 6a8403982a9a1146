"""A graph of neighbours in float16 (HNSW: Malkov and Yashunin, TPAMI 2020), by usearch, and its file.

The file is derived and can be thrown away. It is named by the network and by its own sha256, so that one
that was cut off or damaged is known, and its vectors are held against the database's before it is used.
"""

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from feria.inference.sights import Vector
from feria.storage.blobs import disk_errors
from feria.storage.durable import sync

log = logging.getLogger(__name__)
Array = np.ndarray[Any, Any]

SUFFIX = ".usearch"
SEARCHED = 128
"""Candidates kept while searching; with usearch's own 64 a tenth of the nearest is missed at a million."""


class HnswGraph:
    """Changes and searches belong to one thread at a time."""

    def __init__(self, dimension: int) -> None:
        # Loaded here and not before: few catalogues are so large.
        from usearch.index import Index

        self._index: Any = Index(ndim=dimension, metric="ip", dtype="f16", expansion_search=SEARCHED)
        self.removed = 0
        """Since it was built. What is removed leaves the paths that led through it poorer."""
        self.unsaved = 0
        """How often it was changed since `as_bytes`."""

    def __len__(self) -> int:
        return len(self._index)

    def search(self, vector: Vector, count: int) -> Array:
        if not len(self._index):
            return np.empty(0, np.int64)
        keys: Array = self._index.search(vector, count, threads=1).keys
        return keys.astype(np.int64)

    def put(self, keys: Array, vectors: Array) -> None:
        self.remove(keys)
        if len(keys):
            self._index.add(keys.astype(np.uint64), vectors.astype(np.float16), threads=1)
            self.unsaved += len(keys)

    def remove(self, keys: Array) -> None:
        there = keys[self._holds(keys)]
        if len(there):
            self._index.remove(there.astype(np.uint64))
            self.removed += len(there)
            self.unsaved += len(there)

    def differing(self, keys: Array, vectors: Array) -> Array:
        """Of these keys those that are not held, or with another vector."""
        wrong = ~self._holds(keys)
        there = np.flatnonzero(~wrong)
        if len(there):
            held = np.asarray(self._index.get(keys[there].astype(np.uint64), dtype="f16"))
            wrong[there] = (held != vectors[there].astype(np.float16)).any(axis=1)
        return keys[wrong]

    def keys(self) -> Array:
        return np.asarray(self._index.keys, np.uint64).astype(np.int64)

    def as_bytes(self) -> bytes:
        saved: bytes = self._index.save()
        self.unsaved = 0
        return saved

    def load(self, path: Path) -> None:
        """Raises `ValueError` or `RuntimeError` for a file that holds no such graph."""
        dimension = self._index.ndim
        self._index.load(str(path))
        if self._index.ndim != dimension:
            raise ValueError(f"its vectors have {self._index.ndim} numbers, not {dimension}")
        self._index.expansion_search = SEARCHED

    def _holds(self, keys: Array) -> Array:
        if not len(keys):
            return np.zeros(0, np.bool_)
        return np.atleast_1d(np.asarray(self._index.contains(keys.astype(np.uint64)), np.bool_))


def save(graph: bytes, folder: Path, model: str) -> None:
    """Keep it in place of the model's graph before; whole or not at all. Raises `DiskFull`."""
    with disk_errors():
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{model[:16]}-{hashlib.sha256(graph).hexdigest()}{SUFFIX}"
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
            try:
                file.write(graph)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(target)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        sync(folder)
    forget_all_but(folder, target)


def load(folder: Path, model: str, dimension: int) -> HnswGraph | None:
    """The graph kept for that model; None where there is none, or none that is whole."""
    for path in _kept(folder, model):
        digest = path.name.removesuffix(SUFFIX).partition("-")[2]
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found == digest:
                graph = HnswGraph(dimension)
                graph.load(path)
                return graph
            log.warning("The graph of vectors %s is damaged; it is built anew.", path.name)
        except (OSError, RuntimeError, ValueError) as error:
            log.warning("The graph of vectors %s cannot be read; it is built anew: %s", path.name, error)
    return None


def forget_all_but(folder: Path, kept: Path | None) -> None:
    """Graphs of other networks too, and what a crash left unfinished."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path != kept and path.suffix in {SUFFIX, ".part"}:
                path.unlink(missing_ok=True)


def _kept(folder: Path, model: str) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(folder.glob(f"{model[:16]}-*{SUFFIX}"))
