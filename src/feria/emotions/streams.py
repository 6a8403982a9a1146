"""One connection: its requests under way, its answers, and what it allows.

Invariants:

1. Every message is answered once, unless its sender has left or the node goes away.
2. No more than `max_in_flight` requests are under way; more are refused, and none waits unseen.
3. Nothing is computed for a sender of whom it is known that they have left.
4. What its sender allows to be stored is stored before it is said, or the answer says that it was not.
"""

import asyncio
import secrets
import threading
from collections.abc import Coroutine
from typing import Any, NamedTuple

from feria.emotions import frames
from feria.emotions.emotions import Emotions
from feria.emotions.expressions import ExpressionPredictor, FindsFaces, Outcome, Seen
from feria.emotions.frames import Command, refusal
from feria.emotions.outbox import Outbox, Request
from feria.emotions.wire import Allow
from feria.errors import Busy, FeriaError, Invalid, TooLarge
from feria.faces.boxes import Box
from feria.faces.detector import FaceDetector
from feria.faces.tracking import Tracker
from feria.pixels import Pixels
from feria.web import replies

COMMANDS = ("predict", "emotions", "model_info", "health", "consent", "options", "mood", "forget")
MOST_PICTURES = 32
"""Of one request."""
SERVICE = "VisionAI Backend"
"""As the contract calls it."""


class _Asked(NamedTuple):
    """A prediction under way."""

    request: Request
    predictor: ExpressionPredictor
    detect: bool
    batch: bool


class Stream:
    def __init__(self, emotions: Emotions, *, verbatim: bool, guest: str | None = None) -> None:
        """`verbatim` says what the contract says, and no more unless more is asked for. `guest` is the
        address of somebody who shows no token on a locked node."""
        self.out = Outbox()
        self._emotions = emotions
        self._verbatim = verbatim
        self._guest = guest
        self._under_way: set[asyncio.Future[Any]] = set()
        self._leaving = False
        self._detect = False
        self._allow = frozenset(Allow(one) for one in emotions.settings.allow)
        self._session: str | None = None
        self._tracking: _Tracking | None = None

    # ------------------------------------------------------------------- what is heard
    async def hear(self, message: str | bytes) -> None:
        """Take one message in. Returns when the next may be read."""
        if self._leaving:
            return
        await self._turn()
        request = Request()
        try:
            self._check_size(message)
            if isinstance(message, bytes):
                self.out.expect(request)
                await self._predict(request, [message], self._detect, batch=False)
            else:
                await self._obey(request, frames.read(message))
        except Exception as error:  # one bad message ends no stream
            self._refuse(request, error)
        await self.out.room()

    async def _turn(self) -> None:
        """Wait until one more message may be taken in."""
        emotions = self._emotions
        rate, who = emotions.rate, str(id(self))  # not itself, which would then be kept
        if self._guest is not None:
            rate, who = emotions.guest_rate, self._guest
        while (wait := rate.take(who)) > 0:
            await emotions.clock.sleep(wait)

    def _check_size(self, message: str | bytes) -> None:
        limit = self._emotions.settings.max_message_kib
        if len(message) > limit * 1024:
            raise TooLarge(f"A stream takes messages of {limit} KiB; this is larger.", limit=limit * 1024)

    async def _obey(self, request: Request, command: Command) -> None:
        request.id = command.id
        if request.id is None:
            self.out.expect(request)
        emotions = self._emotions
        match command.command:
            case "predict":
                pictures, batch = _pictures(command)
                detect = self._detect if command.detect is None else command.detect
                await self._predict(request, pictures, detect, batch=batch)
            case "health":
                self.out.put(request, self._health(await emotions.healthy()))
            case "emotions":
                self._say(request, "emotions", emotions=await emotions.classes())
            case "model_info":
                self._work(request, self._model_info(request))
            case "options":
                self._detect = self._detect if command.detect is None else command.detect
                self._say(request, "options", detect=self._detect)
            case "consent":
                self._consent(command)
                self._say(request, "consent", allow=sorted(self._allow), session=self._session)
            case "mood":
                mood = None if self._session is None else emotions.mood(self._session)
                self._say(request, "mood", mood=None if mood is None else mood.model_dump(mode="json"))
            case "forget":
                self._work(request, self._forget(request))
            case unknown:
                raise Invalid(f"There is no command {unknown[:64]!r}; there are {', '.join(COMMANDS)}.")

    def _health(self, healthy: bool) -> dict[str, Any]:
        return {
            "type": "health",
            "status": "healthy" if healthy else "degraded",
            "service": SERVICE,
            "clients_connected": len(self._emotions.streams),
        }

    def _consent(self, command: Command) -> None:
        """A mood that is no longer allowed is forgotten at once; labels stay until `forget`."""
        allowed = frozenset(command.allow or ())
        session = command.session or self._session
        if Allow.mood in allowed and session is None:
            session = secrets.token_hex(16)
        if self._session is not None and (Allow.mood not in allowed or session != self._session):
            self._emotions.forget_mood(self._session)
        self._allow, self._session = allowed, session

    async def _model_info(self, request: Request) -> None:
        self._say(request, "model_info", info=await self._emotions.model_info())

    async def _forget(self, request: Request) -> None:
        erased = 0 if self._session is None else await self._emotions.erase(self._session)
        self._say(request, "forgotten", erased=erased)

    # ------------------------------------------------------------------- predictions
    async def _predict(self, request: Request, pictures: list[Any], detect: bool, *, batch: bool) -> None:
        if len(self._under_way) >= self._emotions.settings.max_in_flight:
            raise Busy("Too many requests of this stream are under way.", retry_after=0.05)
        predictor = await self._emotions.predictor(detecting=detect)
        find = self._finding(await self._emotions.detector()) if detect else None
        future = self._emotions.look(predictor, pictures, find)
        asked = _Asked(request, predictor, detect, batch)
        self._under_way.add(future)
        future.add_done_callback(lambda done: self._looked(asked, done))
        future.add_done_callback(self._end_when_done)

    def _finding(self, detector: FaceDetector) -> FindsFaces:
        if self._tracking is None or self._tracking.detector is not detector:
            self._tracking = _Tracking(detector, Tracker(detector, self._emotions.clock))
        return self._tracking.find

    def _looked(self, asked: _Asked, done: "asyncio.Future[list[Outcome]]") -> None:
        self._under_way.discard(done)
        if done.cancelled():
            return
        if error := done.exception():
            self._refuse(asked.request, error)
            return
        outcomes = done.result()
        seen = [face for outcome in outcomes if not isinstance(outcome, FeriaError) for face in outcome]
        if seen and Allow.mood in self._allow and self._session is not None:
            self._emotions.observe(self._session, seen[0])
        if seen and Allow.statistics in self._allow:
            self._work(asked.request, self._store_and_tell(asked, outcomes, seen))
        else:
            self._tell(asked, outcomes, None)

    async def _store_and_tell(self, asked: _Asked, outcomes: list[Outcome], seen: list[Seen]) -> None:
        milliseconds = asked.request.milliseconds
        stored = await self._emotions.store(asked.predictor, seen, milliseconds, self._session)
        self._tell(asked, outcomes, stored)

    def _tell(self, asked: _Asked, outcomes: list[Outcome], stored: bool | None) -> None:
        milliseconds, at = asked.request.milliseconds, self._emotions.clock.now()
        told = [
            refusal(outcome, verbatim=self._verbatim)
            if isinstance(outcome, FeriaError)
            else frames.prediction(
                outcome,
                asked.predictor.tag,
                milliseconds,
                at,
                verbatim=self._verbatim,
                detected=asked.detect,
            )
            for outcome in outcomes
        ]
        frame: dict[str, Any] = told[0]
        if asked.batch:
            frame = {"type": "predictions", "status": "success", "predictions": told}
        if stored is False or (stored and not self._verbatim):
            frame["stored"] = stored
        self._emotions.metrics.predictions.observe(milliseconds / 1e3, asked.predictor.name)
        self.out.put(asked.request, frame)

    # ------------------------------------------------------------------- what is said
    def welcome(self) -> str:
        settings = self._emotions.settings
        frame: dict[str, Any] = {
            "type": "welcome",
            "status": "success",
            "message": "Send a picture of a face and hear what expression it shows.",
            "service": SERVICE,
            "commands": COMMANDS,
        }
        if not self._verbatim:
            frame["allow"] = sorted(self._allow)
            frame["limits"] = {
                "in_flight": settings.max_in_flight,
                "message_bytes": settings.max_message_kib * 1024,
                "pictures": MOST_PICTURES,
            }
        return frames.encode(frame)

    def _say(self, request: Request, kind: str, **said: Any) -> None:
        self.out.put(request, {"type": kind, "status": "success", **said})

    def _refuse(self, request: Request, error: BaseException) -> None:
        known = replies.known(error) if isinstance(error, Exception) else FeriaError(str(error))
        request.id = known.details.pop("id", request.id)
        self.out.put(request, refusal(known, verbatim=self._verbatim))

    def _work(self, request: Request, deed: Coroutine[Any, Any, None]) -> None:
        """Answer later; what goes wrong is the answer."""
        task = asyncio.ensure_future(deed)
        self._under_way.add(task)

        def ended(task: "asyncio.Future[None]") -> None:
            self._under_way.discard(task)
            if not task.cancelled() and (error := task.exception()):
                self._refuse(request, error)

        task.add_done_callback(ended)
        task.add_done_callback(self._end_when_done)

    # ------------------------------------------------------------------- the end
    def leave(self) -> None:
        """Hear nothing more, and end once what is under way has been answered."""
        self._leaving = True
        self._end_when_done()

    def _end_when_done(self, _: "asyncio.Future[Any] | None" = None) -> None:
        if self._leaving and not self._under_way:
            self.out.end()

    def abandon(self) -> None:
        """The sender is gone: spare the work. What is being stored is stored."""
        for future in list(self._under_way):
            future.cancel()


class _Tracking:
    """The tracker of a stream. It is for one thread; who finds another in it asks the detector."""

    def __init__(self, detector: FaceDetector, tracker: Tracker) -> None:
        self.detector = detector
        self._tracker = tracker
        self._taken = threading.Lock()

    def find(self, frame: Pixels) -> list[Box]:
        if not self._taken.acquire(blocking=False):
            return self.detector.find(frame)
        try:
            return self._tracker.find(frame)
        finally:
            self._taken.release()


def _pictures(command: Command) -> tuple[list[Any], bool]:
    """And whether they came as several, be it one. Raises `Invalid`."""
    single = len(command.image) > 0
    if single == (command.images is not None):
        raise Invalid("`predict` wants a picture in Base64 as `image`, or several as `images`.")
    pictures: list[Any] = [command.image] if single else list(command.images or ())
    if not 1 <= len(pictures) <= MOST_PICTURES:
        raise Invalid(f"`images` holds 1 to {MOST_PICTURES} pictures, not {len(pictures)}.")
    return pictures, not single
