"""The keys of a cluster: `client.kv`.

with Client() as feria:
    feria.kv.put("prices/mug", "12.50")
    print(feria.kv.get("prices/mug").value)
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import aclosing, closing
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from feria.client.answers import Changes, Nothing
from feria.client.calls import keys
from feria.client.calls.call import MINUTE, Call, given
from feria.client.exchange import signature
from feria.cluster.kv.wire import Change
from feria.errors import Busy, Expired, FeriaError, Unavailable

P = ParamSpec("P")
A = TypeVar("A")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts to go on watching."""


class Sends(Protocol):
    def __call__(self, call: Call[A], /) -> A: ...


class SendsAwaited(Protocol):
    def __call__(self, call: Call[A], /) -> Awaitable[A]: ...


def _sent(describe: Callable[P, Call[A]]) -> Callable[Concatenate["Kv", P], A]:
    @wraps(describe)
    def method(self: "Kv", /, *args: P.args, **kwargs: P.kwargs) -> A:
        return self._send(describe(*args, **kwargs))

    method.__signature__ = signature(describe)  # type: ignore[attr-defined]
    return method


def _awaited(describe: Callable[P, Call[A]]) -> Callable[Concatenate["AsyncKv", P], Awaitable[A]]:
    @wraps(describe)
    async def method(self: "AsyncKv", /, *args: P.args, **kwargs: P.kwargs) -> A:
        return await self._send(describe(*args, **kwargs))

    method.__signature__ = signature(describe)  # type: ignore[attr-defined]
    return method


class Kv:
    """Reading asks for the permission `watch`, writing for `keys`."""

    def __init__(self, send: Sends, stream: Callable[[Call[Any]], Generator[bytes]], patience: float) -> None:
        self._send = send
        self._stream = stream
        self._patience = patience

    get = _sent(keys.get)
    save = _sent(keys.save)
    put = _sent(keys.put)
    delete = _sent(keys.delete)
    list = _sent(keys.list)
    wait = _sent(keys.wait)
    conflicts = _sent(keys.conflicts)

    def watch(self, prefix: str = "", *, since: int | None = None) -> Iterator[Change]:
        """What becomes of the keys that begin so, as it happens, from the change at place `since` on; 0 tells
        of all keys there are first. Goes on for ever, over connections that break: raises what keeps it from
        that for longer than the client's patience.

        Of changes that follow each other quickly, one key's last may be the only one told. Raises `Expired`
        for who was away so long that deletions can no longer be told: begin with 0 again.
        """
        changes, tries = Changes(since), Again(self._patience)
        while True:
            try:
                with closing(self._stream(watched(prefix, changes.since))) as pieces:
                    for piece in pieces:
                        tries.worked()
                        yield from changes.feed(piece)
            except (Unavailable, Busy, Expired) as error:
                tries.failed(error)
            time.sleep(tries.pause())
            changes.again()


class AsyncKv:
    """`Kv`, awaited."""

    def __init__(
        self, send: SendsAwaited, stream: Callable[[Call[Any]], AsyncGenerator[bytes]], patience: float
    ) -> None:
        self._send = send
        self._stream = stream
        self._patience = patience

    get = _awaited(keys.get)
    save = _awaited(keys.save)
    put = _awaited(keys.put)
    delete = _awaited(keys.delete)
    list = _awaited(keys.list)
    wait = _awaited(keys.wait)
    conflicts = _awaited(keys.conflicts)

    async def watch(self, prefix: str = "", *, since: int | None = None) -> AsyncIterator[Change]:
        """See `Kv.watch`."""
        import anyio

        changes, tries = Changes(since), Again(self._patience)
        while True:
            try:
                async with aclosing(self._stream(watched(prefix, changes.since))) as pieces:
                    async for piece in pieces:
                        tries.worked()
                        for change in changes.feed(piece):
                            yield change
            except (Unavailable, Busy, Expired) as error:
                tries.failed(error)
            await anyio.sleep(tries.pause())
            changes.again()


class Again:
    """How long and how often to try to go on."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.worked()

    def worked(self) -> None:
        self._left, self._pause = self._patience, FIRST_PAUSE

    def failed(self, error: FeriaError) -> None:
        """Raises it when there is no patience left, and when trying again would hide what is missing."""
        if self._left < self._pause or "since" in error.details:
            raise error

    def pause(self) -> float:
        """Seconds until the next attempt."""
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        self._left -= pause
        return pause


def watched(prefix: str, since: int | None) -> Call[None]:
    return Call(
        method="GET",
        path=keys.PATH,
        reader=Nothing,
        query={"watch": 1} | given(prefix=prefix or None, since=since),
        headers={"Accept": "text/event-stream"},
        seconds=MINUTE,
    )
