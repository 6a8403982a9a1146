"""Serves models by name: loads, warms, swaps, predicts.

A version is swapped in by replacing one reference after the new one is warm; batches under way finish on
the old one, which goes when the last of them ends. So no request ever meets a model that is not ready.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from feria.errors import FeriaError, NotAModel, NotFound
from feria.inference.batching import Batcher, open_batcher
from feria.inference.predictors import AnyPredictor, PicturePredictor, RowPredictor, load
from feria.inference.sessions import Session
from feria.inference.sights import Sight, SightPredictor
from feria.registry.shelf import Subscriber
from feria.registry.wire import Model, State
from feria.settings import InferenceSettings
from feria.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

INLINE_BYTES = 4096
"""A larger body takes longer to parse than a change of thread takes."""


class Shelf(Protocol):
    """Where models come from: the `Registry`, or for who is told what to serve, a place with files alone."""

    async def find(self, name: str, version: int | None = None) -> Model: ...

    async def versions(self, name: str) -> list[Model]: ...

    async def models(self) -> list[Model]: ...

    async def file(self, model: Model) -> Path: ...

    def holds(self, model: Model) -> bool: ...

    def call(self, model: Model) -> None: ...

    def subscribe(self, subscriber: Subscriber) -> None: ...


class Engine:
    def __init__(
        self, registry: Shelf, batcher: Batcher, settings: InferenceSettings, metrics: Metrics
    ) -> None:
        self._registry = registry
        self._batcher = batcher
        self._settings = settings
        self._metrics = metrics
        self._latest: dict[str, AnyPredictor] = {}
        self._loaded: OrderedDict[tuple[str, int, str], AnyPredictor] = OrderedDict()
        self._sights: WeakKeyDictionary[AnyPredictor, SightPredictor] = WeakKeyDictionary()
        self._loading = asyncio.Lock()
        self.ready = False
        self._closing = False

    @property
    def held(self) -> int:
        """How many models are ready."""
        return len(self._loaded)

    async def predict(self, name: str, payload: Any, *, version: int | None = None) -> dict[str, Any]:
        """Answer one payload; see `predictors` for its forms and its answers.

        Raises `NotFound`, `Invalid`, `NotAnImage`, `TooLarge`, `Busy` or `Expired`.
        """
        predictor = await self.predictor(name, version)
        answer: dict[str, Any] = await self.submit(predictor, payload, lambda answer: answer)
        return answer

    def latest(self, name: str) -> AnyPredictor | None:
        """The latest version, if it is loaded."""
        return self._latest.get(name)

    async def predictor(self, name: str, version: int | None = None) -> AnyPredictor:
        """The loaded model: the latest, or that version, loaded now if need be; where its file is on another
        member, fetched before. Raises `NotFound`, and what `Registry.file` raises."""
        if version is None:
            latest = self._latest.get(name)
            if latest is not None:
                return latest
        else:
            for key, held in self._loaded.items():
                if key[:2] == (name, version):
                    self._loaded.move_to_end(key)
                    return held
        return await self._load(await self._registry.find(name, version), latest=version is None)

    async def served(self, model: Model) -> AnyPredictor:
        """That very model, loaded now if need be, whatever the shelf says of its name."""
        return await self._load(model, latest=False)

    def submit(
        self, predictor: AnyPredictor, payload: Any, finish: Callable[[Any], Any]
    ) -> "asyncio.Future[Any]":
        """Queue a payload; the future holds `finish(answer)`. Raises `Busy`."""
        return self._batcher.submit(predictor, payload, finish, self._settings.deadline_seconds)

    async def sights(self, name: str, version: int | None = None) -> SightPredictor:
        """That picture model as one that says what it sees. Raises `NotFound`, or `NotAModel` for one that
        takes no pictures."""
        return await self.sights_of(await self.predictor(name, version))

    async def sights_of(self, served: AnyPredictor) -> SightPredictor:
        """The same for a model that is loaded."""
        if not isinstance(served, PicturePredictor):
            raise NotAModel(f"{served.model.reference} takes no pictures.")
        sights = self._sights.get(served)
        if sights is None:
            sights = await asyncio.to_thread(SightPredictor.beside, served, self._settings)
            self._sights[served] = sights
        return sights

    async def see(self, sights: SightPredictor, picture: bytes) -> Sight:
        """What it sees in one picture. Raises `NotAnImage`, `TooLarge`, `Busy` or `Expired`."""
        sight: Sight = await self.submit(sights, [picture], lambda answer: answer["predictions"][0])
        return sight

    def check(self, predictor: AnyPredictor) -> None:
        """Raises `Busy` where no payload could be taken now, so that none need be read."""
        if not predictor.quick:
            self._batcher.check(predictor)

    def answer_now(self, predictor: AnyPredictor, payload: bytes) -> dict[str, Any] | None:
        """The answer of a model that is quicker than a change of thread; `None` asks to `submit`."""
        if isinstance(predictor, RowPredictor) and predictor.quick and len(payload) <= INLINE_BYTES:
            began = time.perf_counter()
            answer = predictor.answer_one(payload)
            self._metrics.inference.observe(time.perf_counter() - began, predictor.name)
            return answer
        return None

    async def refresh(self, name: str) -> None:
        """Follow the registry: called when a version of `name` came, went or changed."""
        rows = await self._registry.versions(name)
        first: dict[int, Model] = {}
        for row in rows:  # where two members gave one number to two files, it names the first
            first.setdefault(row.version, row)
        here = {(row.name, row.version, row.digest) for row in first.values()}
        for key in [key for key in self._loaded if key[0] == name and key not in here]:
            del self._loaded[key]
        try:
            latest = await self._registry.find(name)
            if self._registry.holds(latest):
                await self._load(latest, latest=True)
            else:
                self._await_file(latest, rows)
        except NotFound:
            self._latest.pop(name, None)
            self._metrics.forget_model(name)
        except FeriaError as error:
            # The row came from a node that could run it; this one says why it cannot and keeps what it has.
            log.error("%s cannot be served: %s", name, error.message)

    def _await_file(self, latest: Model, rows: list[Model]) -> None:
        """A version that another member published, and whose file is not here yet: the one before answers
        until it is, if that is still ready. Who asks for a name of which none is loaded, waits."""
        before = self._latest.get(latest.name)
        if before is None:
            return
        if any((row.digest, row.state) == (before.model.digest, State.ready) for row in rows):
            self._registry.call(latest)
        else:
            del self._latest[latest.name]

    async def warm_up(self) -> None:
        """Load what the shelf holds, the most recent first, as far as there is room."""
        models = sorted(await self._registry.models(), key=lambda row: row.published_at, reverse=True)
        for model in models[: self._settings.max_loaded]:
            if self._closing:
                return
            if not self._registry.holds(model):
                continue
            try:
                await self._load(model, latest=True)
            except FeriaError as error:
                log.error("%s cannot be served: %s", model.reference, error.message)
        self.ready = True

    def close(self) -> None:
        """Load nothing more on one's own account."""
        self._closing = True

    async def _load(self, model: Model, *, latest: bool) -> AnyPredictor:
        key = (model.name, model.version, model.digest)
        if key not in self._loaded:
            await self._registry.file(
                model
            )  # it may have to come here first, and others need not wait for it
        async with self._loading:
            predictor = self._loaded.get(key)
            if predictor is None:
                path = await self._registry.file(model)
                predictor = await asyncio.to_thread(self._open, model, path)
                self._loaded[key] = predictor
            self._loaded.move_to_end(key)
            if latest:
                self._swap(predictor)
            self._make_room()
        return predictor

    def _swap(self, predictor: AnyPredictor) -> None:
        """Whoever wants the version before by its number has it loaded again; nobody else needs it."""
        before = self._latest.get(predictor.model.name)
        self._latest[predictor.model.name] = predictor
        if before is not None and before is not predictor:
            self._loaded.pop((before.model.name, before.model.version, before.model.digest), None)

    def _open(self, model: Model, path: Any) -> AnyPredictor:
        predictor = load(model, Session(path, self._settings.providers), self._settings)
        predictor.warm()
        return predictor

    def _make_room(self) -> None:
        while len(self._loaded) > self._settings.max_loaded:
            key, oldest = self._loaded.popitem(last=False)
            if self._latest.get(key[0]) is oldest:
                del self._latest[key[0]]


@contextlib.asynccontextmanager
async def open_engine(
    registry: Shelf, settings: InferenceSettings, metrics: Metrics
) -> AsyncGenerator[Engine]:
    """Serving at once; `ready` once all that was on the shelf is warm."""
    threads = settings.threads or os.cpu_count() or 1
    patience = settings.max_wait_milliseconds / 1000
    with open_batcher(threads, settings.max_waiting, patience, metrics) as batcher:
        engine = Engine(registry, batcher, settings, metrics)
        registry.subscribe(engine.refresh)
        warming = asyncio.create_task(engine.warm_up())
        try:
            yield engine
        finally:
            # Not cancelled: that might hit it in the middle of a statement.
            engine.close()
            await warming
