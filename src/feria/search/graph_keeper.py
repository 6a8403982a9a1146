"""Builds the graph of a large gallery beside all else, keeps it in a file, and renews it.

A search that finds no graph looks at every vector; so nothing waits for a graph, and losing one costs
time alone.
"""

import asyncio
import functools
import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from feria.errors import FeriaError
from feria.inference.batching import NICENESS
from feria.search import graph as files
from feria.search.gallery import Gallery
from feria.search.graph import HnswGraph

log = logging.getLogger(__name__)
Array = np.ndarray[Any, Any]

PIECE = 1000
"""Vectors inserted at once: about a second's work."""
POOR = 0.2
"""Share of removed vectors at which a graph is built anew."""
STALE = 0.05
"""Share of changed vectors at which its file is written anew."""


class GraphKeeper:
    def __init__(self, folder: Path, exact_up_to: int) -> None:
        self._folder = folder
        self._exact_up_to = exact_up_to
        self.graph: HnswGraph | None = None
        """In use, as soon as it is built."""
        self._of: Gallery | None = None
        """Whose graph it is, or will be."""
        self._work: asyncio.Task[None] | None = None
        self._closing = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="graph", initializer=_step_back)

    def tend(self, gallery: Gallery) -> None:
        """Begin what there is to do for this gallery, unless something is being done."""
        if self._work is not None and not self._work.done():
            return
        if gallery is not self._of:
            self._of, self.graph = gallery, None
        if gallery.held <= self._exact_up_to:
            return
        if self.graph is None:
            self._begin(self._build(gallery, load=True))
        elif self.graph.removed > POOR * len(self.graph):
            self._begin(self._build(gallery, load=False))
        elif self.graph.unsaved > STALE * len(self.graph):
            self._begin(self._save(gallery, self.graph))

    @property
    def building(self) -> "asyncio.Task[None] | None":
        return self._work

    async def close(self) -> None:
        """What is being built is given up; the next start builds it."""
        self._closing = True
        if self._work is not None:
            await self._work
        self._thread.shutdown()

    def _begin(self, work: Any) -> None:
        async def do() -> None:
            try:
                await work
            except FeriaError as error:
                log.warning("The graph of vectors was not kept: %s", error.message)
            except Exception:
                log.exception("A bug of ours; every vector is looked at instead.")

        self._work = asyncio.create_task(do())

    async def _build(self, gallery: Gallery, *, load: bool) -> None:
        nearest, model = gallery.nearest, gallery.model.digest
        assert nearest is not None
        assert gallery.sights.dimension is not None
        dimension = gallery.sights.dimension
        run = asyncio.get_running_loop().run_in_executor
        keys = await gallery.on_thread(nearest.begin_graph)
        graph = await run(self._thread, files.load, self._folder, model, dimension) if load else None
        if graph is None:
            graph = HnswGraph(dimension)
        else:
            gone = np.setdiff1d(await run(self._thread, graph.keys), keys)
            await run(self._thread, graph.remove, gone)
        for start in range(0, len(keys), PIECE):
            if self._closing:
                return
            piece = keys[start : start + PIECE]
            there, vectors = await gallery.on_thread(functools.partial(nearest.take, piece))
            await run(self._thread, _bring, graph, there, vectors)
        await gallery.on_thread(lambda: nearest.adopt(graph))
        self.graph = graph
        log.info("A graph of %s vectors is searched.", f"{len(graph):,}")
        if graph.unsaved > STALE * len(graph):
            await self._save(gallery, graph)

    async def _save(self, gallery: Gallery, graph: HnswGraph) -> None:
        whole = await gallery.on_thread(graph.as_bytes)
        run = asyncio.get_running_loop().run_in_executor
        await run(self._thread, files.save, whole, self._folder, gallery.model.digest)


def _bring(graph: HnswGraph, keys: Array, vectors: Array) -> None:
    """Have the graph hold these."""
    wrong = np.isin(keys, graph.differing(keys, vectors))
    graph.put(keys[wrong], vectors[wrong])


def _step_back() -> None:
    if sys.platform == "linux":  # elsewhere a priority is the whole process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
