"""The bus of nodes that share a Redis.

Who listens here hears at once what is told here, with Redis or without; Redis carries it to the other
nodes. One channel carries every topic, so that its order is kept on the way. Redis forgets what it has
passed on, so a link that was cut leaves a gap: listeners on both sides of it are told (`Missed(None)`) as
soon as the link is back.

Each node hears its own letters come back. It sends one now and then even when there is nothing to tell,
so silence means that the link is dead, however alive the socket looks.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LinkCut
from redis.exceptions import RedisError

from feria.errors import Invalid
from feria.events.bus import Event, Subscription
from feria.events.process import ProcessBus
from feria.settings import EventSettings

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
BEAT_SECONDS = 10.0
SILENCE_SECONDS = 3 * BEAT_SECONDS


class _Letter(msgspec.Struct, omit_defaults=True):
    """What goes through Redis. One without a topic only shows that the link is alive."""

    node: str
    topic: str = ""
    data: Any = None
    cut: bool = False
    """Something this node told did not get through."""


_decoder = msgspec.json.Decoder(_Letter)


class RedisBus:
    def __init__(self, client: Redis, settings: EventSettings) -> None:
        self._client = client
        self._channel = settings.channel
        self._node = secrets.token_hex(8)
        self._here = ProcessBus(settings)
        self._outgoing = Subscription(settings.buffer)

    @property
    def missed(self) -> int:
        return self._here.missed

    def publish(self, topic: str, data: Any) -> None:
        self._here.publish(topic, data)
        self._outgoing.put(Event(topic, data))

    def subscribe(self, *topics: str) -> contextlib.AbstractAsyncContextManager[Subscription]:
        return self._here.subscribe(*topics)

    def close(self) -> None:
        self._here.close()

    async def tell(self) -> None:
        """Carry to Redis what is told here, until `stop_telling` and all is sent."""
        lost = False
        while True:
            try:
                if lost:
                    await self._send(_Letter(self._node, cut=True))
                    lost = False
                letter = await self._next_letter()
                if letter is None:
                    return
                await self._send(letter)
            except (RedisError, OSError):  # `hear` logs it: they share their fate
                lost = True
                await asyncio.sleep(RETRY_SECONDS)

    def stop_telling(self) -> None:
        self._outgoing.close()

    async def hear(self, tried: asyncio.Event) -> None:
        """Hand what other nodes told to those who listen here, for ever; `tried` is set once it is known
        whether Redis answers."""
        cut = False
        while True:
            try:
                async with self._client.pubsub() as line:
                    await line.subscribe(self._channel)
                    while message := await line.get_message(timeout=SILENCE_SECONDS):
                        if message["type"] == "message":
                            self._take(message["data"])
                            continue
                        if cut:  # this one says that we are subscribed
                            log.info("Redis answers again.")
                            self._here.cut()
                        cut = False
                        tried.set()
                    raise LinkCut(f"nothing heard for {SILENCE_SECONDS:g} s")
            except (RedisError, OSError) as error:
                if not cut:
                    log.warning("Redis does not answer; other nodes are not heard: %s", error)
                cut = True
                tried.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _next_letter(self) -> _Letter | None:
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                said = await anext(self._outgoing, None)
        except TimeoutError:
            return _Letter(self._node)
        match said:
            case None:
                return None
            case Event(topic, data):
                return _Letter(self._node, topic, data)
            case _:
                return _Letter(self._node, cut=True)

    async def _send(self, letter: _Letter) -> None:
        try:
            content = msgspec.json.encode(letter)
        except (TypeError, ValueError) as error:
            log.error("An event on %s is not JSON and stays on this node: %s", letter.topic, error)
            return
        await self._client.publish(self._channel, content)

    def _take(self, content: bytes) -> None:
        try:
            letter = _decoder.decode(content)
        except msgspec.DecodeError as error:
            log.warning("Something that is no event came over Redis: %s", error)
            return
        if letter.node == self._node:
            return
        if letter.cut:
            self._here.cut()
        elif letter.topic:
            self._here.publish(letter.topic, letter.data)


@contextlib.asynccontextmanager
async def open_redis_bus(settings: EventSettings) -> AsyncGenerator[RedisBus]:
    """Opens with Redis away as well, and finds it when it comes. Raises `Invalid` for what is no URL."""
    assert settings.url is not None
    try:
        client = Redis.from_url(
            settings.url,
            socket_connect_timeout=5,
            socket_timeout=5,
            retry=Retry(NoBackoff(), 0),  # a reconnection nobody hears of would be a gap nobody hears of
        )
    except ValueError as error:
        raise Invalid(f"FERIA_EVENTS__URL is no Redis URL: {error}") from None
    async with client:
        bus = RedisBus(client, settings)
        tried = asyncio.Event()
        telling, hearing = asyncio.create_task(bus.tell()), asyncio.create_task(bus.hear(tried))
        try:
            await tried.wait()
            yield bus
        finally:
            bus.close()
            bus.stop_telling()
            await asyncio.wait({telling}, timeout=1.0)
            for task in (telling, hearing):
                task.cancel()
            await asyncio.wait({telling, hearing})
