"""Expressions as a stream: a connection that mends itself and never has too much under way.

    from feria.client.emotions import EmotionSocket

    async with EmotionSocket() as faces:
        print((await faces.predict("photo.jpg", detect=True)).emotion_name)

It is for asyncio. Many tasks may ask at once; each waits for its turn.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from feria.client.calls.call import file_at
from feria.client.lines import Line, told
from feria.emotions.wire import EmotionClass, Mood, NetworkInfo, Prediction
from feria.errors import Busy, FeriaError, Invalid, Unavailable

PATH = "/v1/emotions/stream"

Picture = str | Path | bytes
Allowed = Literal["mood", "statistics"]


class EmotionSocket:
    """A stream to the node at `url`; `token` and `ca` as for a `Client`.

    When the connection breaks it is opened anew, and what has not been answered is asked again: a picture
    that was answered while it broke may so be stored twice. No more than `in_flight` requests are under way,
    or as many as the node takes; who asks for more waits. A node that is overloaded is asked again when it
    says to. Both end after `patience` seconds, with `Unavailable` or `Busy`.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        ca: str | Path | None = None,
        patience: float = 30.0,
        in_flight: int = 4,
    ) -> None:
        self._line = Line(PATH, url, token, ca, patience, in_flight)
        self._in_flight = in_flight

    @property
    def reconnected(self) -> int:
        """How often the connection was opened anew."""
        return self._line.reopened

    # ------------------------------------------------------------------- asking
    async def predict(self, picture: Picture, *, detect: bool = False) -> Prediction:
        """What expression a picture shows, given as a file or its bytes; with `detect`, of each face in it.

        Raises `NotAnImage`, `TooLarge`, `NoFace`, `NotFound`, `Busy`, `Unavailable`.
        """
        image = base64.b64encode(await _read(picture)).decode()
        return Prediction.model_validate(await self._asked(command="predict", image=image, detect=detect))

    async def predict_many(
        self, pictures: Sequence[Picture], *, detect: bool = False
    ) -> list[Prediction | FeriaError]:
        """Of each picture what it shows, or what is wrong with it, in one request."""
        images = [base64.b64encode(await _read(picture)).decode() for picture in pictures]
        answer = await self._asked(command="predict", images=images, detect=detect)
        return [
            told(one) if one["type"] == "error" else Prediction.model_validate(one)
            for one in answer["predictions"]
        ]

    async def follow(
        self, pictures: "Iterable[Picture] | AsyncIterable[Picture]", *, detect: bool = False
    ) -> AsyncIterator[tuple[Picture, Prediction | FeriaError]]:
        """Each picture with its answer, or what is wrong with it, in their order. The next are taken from
        `pictures` only as fast as answers come, and as they are read here. Raises `Busy`, `Unavailable`."""
        under_way: list[tuple[Picture, asyncio.Task[Prediction]]] = []
        try:
            async for picture in _each(pictures):
                task = asyncio.ensure_future(self.predict(picture, detect=detect))
                under_way.append((picture, task))
                if len(under_way) >= self._in_flight:
                    yield await _next(under_way)
            while under_way:
                yield await _next(under_way)
        finally:
            for _, task in under_way:
                task.cancel()
            await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)

    async def emotions(self) -> list[EmotionClass]:
        """What the network tells apart."""
        answer = await self._asked(command="emotions")
        return [EmotionClass.model_validate(one) for one in answer["emotions"]]

    async def model_info(self) -> NetworkInfo:
        """Raises `NotFound` where no network is on the shelf."""
        return NetworkInfo.model_validate((await self._asked(command="model_info"))["info"])

    async def health(self) -> dict[str, Any]:
        """`status` and `clients_connected`."""
        answer = await self._asked(command="health")
        return {name: answer[name] for name in ("status", "service", "clients_connected")}

    async def allow(self, *what: Allowed, session: str | None = None) -> str | None:
        """Say what may be done with answers beside giving them; nothing takes back all that was allowed.
        Returns the session's id, for who asks for its mood elsewhere. Ask the person first."""
        wish: dict[str, Any] = {"command": "consent", "allow": list(what)}
        wish |= {} if session is None else {"session": session}
        answer = await self._asked(**wish)
        given: str | None = answer["session"]
        self._line.first = json.dumps(wish | ({} if given is None else {"session": given}))
        return given

    async def mood(self) -> Mood | None:
        """Of this session; nothing where it was not allowed, or nothing was seen."""
        mood = (await self._asked(command="mood"))["mood"]
        return None if mood is None else Mood.model_validate(mood)

    async def forget(self) -> int:
        """Erase what is kept under this session, and say how many things that were."""
        erased: int = (await self._asked(command="forget"))["erased"]
        return erased

    def _asked(self, **frame: Any) -> "Awaitable[dict[str, Any]]":
        return self._line.ask(frame)

    async def __aenter__(self) -> Self:
        """Raises `Unavailable` where no node answers, `NotSignedIn`, `NotAllowed`."""
        await self._line.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._line.close()


async def _read(picture: Picture) -> bytes:
    found = file_at(picture)
    if isinstance(found, bytes):
        return found
    try:
        return await asyncio.to_thread(found.read_bytes)
    except OSError as error:
        raise Invalid(f"Cannot read {found}: {error.strerror}.") from error


async def _each(pictures: "Iterable[Picture] | AsyncIterable[Picture]") -> AsyncIterator[Picture]:
    if isinstance(pictures, AsyncIterable):
        async for picture in pictures:
            yield picture
    else:
        for picture in pictures:
            yield picture


async def _next(
    under_way: "list[tuple[Picture, asyncio.Task[Prediction]]]",
) -> tuple[Picture, Prediction | FeriaError]:
    picture, task = under_way[0]
    try:
        return picture, await task
    except (Busy, Unavailable):
        raise
    except FeriaError as error:
        return picture, error
    finally:
        del under_way[0]
