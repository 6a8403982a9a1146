"""A WebSocket to a node that mends itself: requests and their answers, each with an id.

What breaks is opened anew, and what has not been answered is asked again.
"""

import asyncio
import contextlib
import itertools
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from feria.client.exchange import options
from feria.errors import Busy, Cancelled, FeriaError, NotSignedIn, TooLarge, Unavailable, revive

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts to connect."""
WELCOME_SECONDS = 10.0
FOR_GOOD = {1008: NotSignedIn, 1009: TooLarge}
"""How a connection is closed that would be closed again."""

Frame = dict[str, Any]


class _Asked(NamedTuple):
    text: str
    answer: "asyncio.Future[Frame]"


class Line:
    """To the stream at `path` of a node. `ask` may be called by many tasks."""

    def __init__(
        self, path: str, url: str | None, token: str | None, ca: str | Path | None, patience: float, most: int
    ) -> None:
        self._path, self._url, self._token, self._ca = path, url, token, ca
        self._patience = patience
        self._slots = asyncio.Semaphore(most)
        self._ids = itertools.count(1)
        self._waiting: dict[int, _Asked] = {}
        self._socket: ClientConnection | None = None
        self._failure: FeriaError | None = Unavailable("The stream is not open: use `async with`.")
        self._keeping: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()
        self.first: str | None = None
        """Said before all else on each connection."""
        self.reopened = 0

    async def ask(self, frame: Frame) -> Frame:
        """The answer. One that is refused for want of time is asked again, while there is patience.

        Raises the error that the node tells, `Busy`, `Unavailable`.
        """
        left = self._patience
        while True:
            try:
                return await self._once(frame)
            except Busy as error:
                pause = error.retry_after * random.uniform(1.0, 1.5)  # noqa: S311 - not all at one moment
                if pause > left:
                    raise
                left -= pause
            await asyncio.sleep(pause)

    async def open(self) -> None:
        """Raises `Unavailable` where no node answers, and what it refuses with."""
        self._failure = None
        self._keeping = asyncio.ensure_future(self._keep())
        await self._opened.wait()
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        if self._socket is not None:
            await self._socket.close()

    async def _once(self, frame: Frame) -> Frame:
        async with self._slots:
            if self._failure is not None:
                raise self._failure
            id = next(self._ids)
            asked = _Asked(json.dumps({**frame, "id": id}), asyncio.get_running_loop().create_future())
            self._waiting[id] = asked
            try:
                await self._send(asked.text)
                answer = await asked.answer
            finally:
                del self._waiting[id]
        if answer["type"] == "error":
            raise told(answer)
        return answer

    async def _send(self, text: str) -> None:
        from websockets.exceptions import ConnectionClosed

        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):  # it is sent once there is a connection again
                await self._socket.send(text)

    # ------------------------------------------------------------------- the connection
    async def _keep(self) -> None:
        """Hold it open until it is given up."""
        try:
            while True:
                await self._hear(await self._connected())
                self._socket = None
                self.reopened += 1
        except Busy as error:
            self._failure = Unavailable(error.message)
        except FeriaError as error:
            self._failure = error
        finally:
            self._failure = self._failure or Cancelled("The stream was closed.")
            self._opened.set()
            for asked in self._waiting.values():
                if not asked.answer.done():
                    asked.answer.set_exception(self._failure)

    async def _connected(self) -> "ClientConnection":
        """Raises what keeps it from being opened, once that has lasted."""
        deadline = asyncio.get_running_loop().time() + self._patience
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._connect()
            except (Busy, Unavailable):
                if asyncio.get_running_loop().time() + pause > deadline:
                    raise
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _connect(self) -> "ClientConnection":
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

        known = options(self._url, self._token, self._ca)
        address = known["base_url"]
        more: dict[str, Any] = {} if known["trust_env"] else {"proxy": None}
        if address.startswith("https") and known["verify"] is not True:
            more["ssl"] = known["verify"]
        try:
            socket = await connect(
                address.replace("http", "ws", 1) + self._path,
                additional_headers=known["headers"],
                user_agent_header=None,
                compression=None,
                max_size=None,
                **more,
            )
        except InvalidStatus as error:
            raise _refused(error.response.status_code, bytes(error.response.body or b"")) from None
        except (OSError, TimeoutError, WebSocketException) as error:
            raise Unavailable(f"No stream can be opened to {address}: {error}.") from error
        try:
            async with asyncio.timeout(WELCOME_SECONDS):
                await socket.recv()  # its welcome
            if self.first is not None:
                await socket.send(self.first)
            # From here on who asks sends it themselves; what was asked before is sent here.
            self._socket, before = socket, list(self._waiting.values())
            self._opened.set()
            for asked in before:
                await socket.send(asked.text)
        except (ConnectionClosed, TimeoutError) as error:
            self._socket = None
            await socket.close()
            raise Busy(f"{address} opens no stream now: {error}.") from error
        return socket

    async def _hear(self, socket: "ClientConnection") -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                answer = json.loads(await socket.recv())
                asked = self._waiting.get(answer.get("id", 0))
                if asked is not None and not asked.answer.done():
                    asked.answer.set_result(answer)
        except ConnectionClosed as closed:
            if closed.rcvd is not None and (kind := FOR_GOOD.get(closed.rcvd.code)):
                raise kind(closed.rcvd.reason or "The node ended the stream.") from None


def told(frame: Frame) -> FeriaError:
    """The error in a frame."""
    if "retry_after_ms" in frame:
        return Busy(frame["detail"], retry_after=frame["retry_after_ms"] / 1000)
    return revive(frame["error"], frame["detail"])


def _refused(status: int, body: bytes) -> FeriaError:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        said = json.loads(body)
        return revive(said["error"], said["detail"])
    return Unavailable(f"The node refuses the stream with {status}.")
