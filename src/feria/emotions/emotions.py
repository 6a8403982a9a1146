"""What reads expressions on this node, and what is kept of them with consent."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from feria.access.limits import RateLimit
from feria.clock import Clock
from feria.emotions.classes import SEVEN
from feria.emotions.expressions import ExpressionPredictor, FindsFaces, Look, Outcome, Seen
from feria.emotions.log import Label, PredictionLog, Version, open_prediction_log
from feria.emotions.mood import Moods
from feria.emotions.own_model import count_parameters, put_own
from feria.emotions.statistics import counted
from feria.emotions.wire import EmotionStatistics, Mood
from feria.errors import FeriaError, NotAModel, NotFound
from feria.events.bus import EventBus
from feria.faces.finder import Faces
from feria.inference.engine import Engine
from feria.inference.predictors import AnyPredictor, PicturePredictor
from feria.registry.shelf import Registry
from feria.registry.wire import ImageInput, Model
from feria.settings import EmotionSettings, InferenceSettings
from feria.storage.database import Database
from feria.tasks.processes import Processes
from feria.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from feria.emotions.streams import Stream

log = logging.getLogger(__name__)

SWEEP_EVERY = 3600.0
COUNTING_SECONDS = 60.0
GOING_AWAY = "nothing.is.ever.told.here"
"""A topic to listen to for the bus to close, as it does when the node is told to stop."""


class Emotions:
    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        faces: Faces,
        processes: Processes,
        kept: PredictionLog,
        bus: EventBus,
        hashed: Callable[[str], str],
        clock: Clock,
        metrics: Metrics,
        settings: EmotionSettings,
        inference: InferenceSettings,
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._faces = faces
        self._processes = processes
        self._log = kept
        self._bus = bus
        self._hashed = hashed
        self._inference = inference
        self._predictors: WeakKeyDictionary[AnyPredictor, dict[bool, ExpressionPredictor]] = (
            WeakKeyDictionary()
        )
        self._parameters: dict[str, int] = {}
        self.clock = clock
        self.metrics = metrics
        self.settings = settings
        self.moods = Moods(clock)
        self.rate = RateLimit(
            settings.messages_per_second, burst=settings.messages_per_second / 4, clock=clock
        )
        """Of the messages of one stream."""
        guests = settings.guest_messages_per_second
        self.guest_rate = RateLimit(guests, burst=max(1.0, guests / 4), clock=clock)
        """Of those of all guests of one address."""
        self.streams: set[Stream] = set()
        self._following: asyncio.Future[None]
        self.leaving = False
        """Whether the node was told to stop: streams end what is under way, and no other begins."""

    # ------------------------------------------------------------------- reading expressions
    async def predictor(self, *, detecting: bool) -> ExpressionPredictor:
        """The latest network, for whole pictures or for the faces in them. Raises `NotFound` where there
        is none, `NotAModel` for one that does something else."""
        name = self.settings.model
        served = self._engine.latest(name)
        if served is None:
            try:
                served = await self._engine.predictor(name)
            except NotFound:
                raise NotFound(f"No network that reads expressions is on the shelf as '{name}'.") from None
        held = self._predictors.setdefault(served, {})
        if detecting not in held:
            if not isinstance(served, PicturePredictor):
                raise NotAModel(f"{served.model.reference} takes no pictures, so it reads no expressions.")
            held[detecting] = ExpressionPredictor.beside(served, self._inference, detecting=detecting)
        return held[detecting]

    async def detector(self) -> Any:
        """What faces are found with now; the first to ask waits for OpenCV."""
        return await self._faces.detector()

    def look(
        self, predictor: ExpressionPredictor, pictures: Sequence[Any], find: FindsFaces | None
    ) -> "asyncio.Future[list[Outcome]]":
        """The future holds an outcome for each picture. Cancelling it spares the work. Raises `Busy`."""
        return self._engine.submit(predictor, Look(pictures, find), lambda answer: answer)

    async def read(self, picture: bytes, *, detect: bool) -> tuple[ExpressionPredictor, list[Seen]]:
        """What one picture shows. Raises `NotAnImage`, `TooLarge`, `NoFace`, `Busy`, `Expired`."""
        predictor = await self.predictor(detecting=detect)
        find = (await self.detector()).find if detect else None
        (outcome,) = await self.look(predictor, [picture], find)
        if isinstance(outcome, FeriaError):
            raise outcome
        return predictor, outcome

    # ------------------------------------------------------------------- what is kept
    def observe(self, session: str, seen: Seen) -> None:
        self.moods.observe(self._hashed(session), seen.probabilities)

    async def store(
        self, predictor: ExpressionPredictor, seen: Sequence[Seen], milliseconds: float, session: str | None
    ) -> bool:
        """Whether their labels are in the database now."""
        model, at = predictor.model, self.clock.now()
        version = Version(predictor.tag, model.name, model.version, model.digest)
        hashed = None if session is None else self._hashed(session)
        labels = [Label(at, one.name[:64], version, one.confidence, milliseconds, hashed) for one in seen]
        return await self._log.store(labels)

    def mood(self, session: str) -> Mood | None:
        """Of the session with that id; nothing where it allowed none, or was silent for long."""
        return self.moods.of(self._hashed(session))

    def shares(self, session: str) -> dict[str, float] | None:
        """Only those of the mood."""
        mood = self.mood(session)
        return None if mood is None else mood.mood

    def forget_mood(self, session: str) -> bool:
        return self.moods.forget(self._hashed(session))

    async def export(self, subject: str) -> list[dict[str, Any]]:
        """Labels and mood of the session with that id."""
        kept = await self._log.all_of(self._hashed(subject))
        found = [label._asdict() | {"at": label.at.isoformat()} for label in kept]
        mood = self.mood(subject)
        return found if mood is None else [*found, mood.model_dump(mode="json")]

    async def erase(self, subject: str) -> int:
        return int(self.forget_mood(subject)) + await self._log.erase(self._hashed(subject))

    async def statistics(self, since: datetime, until: datetime, step_minutes: int) -> EmotionStatistics:
        """Raises `Invalid` for a time that ends before it begins, or has too many steps."""
        return await counted(self._log, since, until, step_minutes)

    async def sweep(self) -> None:
        await self._log.sweep(self.settings.keep_days, self.settings.max_predictions)

    # ------------------------------------------------------------------- what there is
    async def classes(self) -> list[dict[str, Any]]:
        """The seven, and what the network of today knows beside them."""
        known = dict(SEVEN)
        with contextlib.suppress(FeriaError):
            known |= {
                name: "" for name in (await self.predictor(detecting=False)).labels if name not in known
            }
        return [
            {"id": id, "name": name, "description": said} for id, (name, said) in enumerate(known.items(), 1)
        ]

    async def model_info(self) -> dict[str, Any]:
        """Shape, classes and parameters of the loaded network. Raises as `predictor` does."""
        predictor = await self.predictor(detecting=False)
        return {
            "status": "loaded",
            "input_shape": _shape(predictor.model),
            "num_classes": len(predictor.labels),
            "total_params": await self._count(predictor.model),
        }

    async def healthy(self) -> bool:
        try:
            await self.predictor(detecting=False)
        except FeriaError:
            return False
        return True

    async def _count(self, model: Model) -> int:
        if model.digest not in self._parameters:
            file = await self._registry.file(model)
            self._parameters[model.digest] = await self._processes.run(
                count_parameters, str(file), seconds=COUNTING_SECONDS
            )
        return self._parameters[model.digest]

    # ------------------------------------------------------------------- streams
    @property
    def full(self) -> bool:
        return len(self.streams) >= self.settings.max_streams

    @contextlib.contextmanager
    def joined(self, stream: "Stream") -> Iterator[None]:
        if not self.streams:
            self._following = asyncio.ensure_future(self._leave_with_bus())
        self.streams.add(stream)
        try:
            yield
        finally:
            self.streams.discard(stream)
            stream.abandon()
            if not self.streams:
                self._following.cancel()

    async def _leave_with_bus(self) -> None:
        """The bus closes when the node is told to stop: nobody who only listens is under way."""
        async with self._bus.subscribe(GOING_AWAY) as told:
            async for _ in told:
                continue
        self.leave()

    def leave(self) -> None:
        self.leaving = True
        for stream in self.streams:
            stream.leave()


def _shape(model: Model) -> str:
    wanted = model.input
    assert isinstance(wanted, ImageInput)
    depth = 1 if wanted.channels == "GRAY" else 3
    sides = (wanted.height, wanted.width)
    shape = (None, *sides, depth) if wanted.layout == "NHWC" else (None, depth, *sides)
    return str(shape)


@contextlib.asynccontextmanager
async def open_emotions(
    engine: Engine,
    registry: Registry,
    faces: Faces,
    processes: Processes,
    database: Database,
    bus: EventBus,
    hashed: Callable[[str], str],
    clock: Clock,
    metrics: Metrics,
    settings: EmotionSettings,
    inference: InferenceSettings,
) -> AsyncGenerator[Emotions]:
    """`hashed` makes of a session's id what is kept in its place."""
    async with open_prediction_log(database, clock) as kept:
        emotions = Emotions(
            engine, registry, faces, processes, kept, bus, hashed, clock, metrics, settings, inference
        )
        metrics.gauge("feria_emotion_streams", "Open streams.", lambda: len(emotions.streams))
        metrics.gauge("feria_emotion_sessions", "Sessions with a mood.", lambda: len(emotions.moods))
        metrics.counter(
            "feria_emotions_not_stored", "Labels that could not be stored.", lambda: kept.unstored
        )
        closing = asyncio.Event()
        beside = [
            asyncio.create_task(_sweeping(emotions, closing)),
            asyncio.create_task(_putting(registry, settings.model_path, settings.model)),
        ]
        try:
            yield emotions
        finally:
            emotions.leave()
            closing.set()  # not cancelled: that might hit one between a statement and its commit
            await asyncio.wait(beside)


async def _sweeping(emotions: Emotions, closing: asyncio.Event) -> None:
    while not closing.is_set():
        try:
            await emotions.sweep()
        except FeriaError as error:
            log.warning("Labels were not swept: %s", error.message)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), SWEEP_EVERY)


async def _putting(registry: Registry, file: Path | None, name: str) -> None:
    if file is None:
        return
    try:
        await put_own(registry, file, name)
    except FeriaError as error:
        log.error("%s is not on the shelf as '%s': %s", file, name, error.message)
