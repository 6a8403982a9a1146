"""The client of streams: WebSockets in a closed or an open loop, in a process of its own.

Reads one order a line from standard input and writes one answer a line, as `load.py` does. Its
frames are written beforehand, masked with zeros (RFC 6455, 5.3, which asks browsers for random ones).
"""

import asyncio
import base64
import contextlib
import os
import random
import struct
import sys
import time
from array import array
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from bench.open_load import STUCK_SECONDS, TICK, Times, _times
from bench.processes import Tree

OPENING = 50
"""Sockets opened at once."""
VANISHING_AT_ONCE = 5
TEXT, BINARY = 0x81, 0x82
GOOD, OVERLOADED = b'"status":"success"', b'"overloaded"'


class Order(msgspec.Struct):
    port: int
    path: str
    bodies: list[bytes]
    """Sent in turn."""
    binary: bool
    sockets: int
    rate: float
    """Requests a second over all sockets; 0 is a closed loop, one request out on each."""
    seconds: float
    warm_seconds: float
    server: int
    """Process whose tree's memory and processor time are looked at."""
    vanish: bool = False
    """Ask once on every socket, hang up without waiting, and measure how long the next one waits."""


class Answer(msgspec.Struct):
    accepted: Times = msgspec.field(default_factory=Times)
    refused: Times = msgspec.field(default_factory=Times)
    failed: int = 0
    failure: str = ""
    seconds: float = 0.0
    server_cpu: float = 0.0
    client_cpu: float = 0.0
    rss_open: int = 0
    """Bytes of the server's tree when all sockets were open."""
    rss_after: int = 0
    rss_node: int = 0
    """Bytes of the server's own process then, without those it started."""
    next_answer: float = 0.0


class Run:
    def __init__(self, order: Order) -> None:
        self.order = order
        self.frames = [frame(body, binary=order.binary) for body in order.bodies]
        self.closed = order.rate == 0
        self.accepted, self.refused = array("d"), array("d")
        self.measuring, self.going = False, True
        self.opened = 0
        self.out = 0
        self.failed, self.failure = 0, ""

    def fail(self, why: str) -> None:
        self.failed += 1
        self.failure = self.failure or why


class Socket(asyncio.Protocol):
    """One request out at a time; in an open loop, what falls due meanwhile waits here, and its time runs."""

    transport: asyncio.Transport

    def __init__(self, run: Run, first: int) -> None:
        self._run, self._next = run, first
        self._got = b""
        self._ready = self._welcomed = False
        self._due: list[tuple[float, bool]] = []
        self.hung_up = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        order, key = self._run.order, base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET {order.path} HTTP/1.1\r\nHost: 127.0.0.1:{order.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        if not self.hung_up:
            self._run.out -= len(self._due)
            self._run.fail(f"the server hung up: {error}")

    def ask(self, due: float) -> None:
        run = self._run
        self._due.append((due, run.measuring))
        run.out += 1
        self._next = (self._next + 1) % len(run.frames)
        self.transport.write(run.frames[self._next])

    def hang_up(self) -> None:
        self.hung_up = True
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self._got = got = self._got + data if self._got else data
        if not self._ready:
            head, separator, rest = got.partition(b"\r\n\r\n")
            if not separator:
                return
            if b" 101 " not in head:
                self._run.fail(head[:200].decode(errors="replace"))
                return
            self._ready, self._got = True, rest
        while (one := unframed(self._got)) is not None:
            kind, said, self._got = one
            if kind == 0x9:  # a ping
                self.transport.write(frame(said, kind=0x8A))
            elif not self._welcomed:
                self._welcomed = True
                self._run.opened += 1
            else:
                self._answered(said)

    def _answered(self, said: bytes) -> None:
        run = self._run
        due, counts = self._due.pop(0)
        run.out -= 1
        seconds = time.perf_counter() - due
        if run.closed:  # what counts is what was answered in the measured time
            counts = run.measuring and run.going
        if GOOD in said:
            if counts:
                run.accepted.append(seconds)
        elif OVERLOADED in said:
            if counts:
                run.refused.append(seconds)
        else:
            run.fail(said[:300].decode(errors="replace"))
        if run.closed and run.going:
            self.ask(time.perf_counter())


def frame(body: bytes, *, binary: bool = False, kind: int = 0) -> bytes:
    """As a client sends it."""
    first = kind or (BINARY if binary else TEXT)
    if len(body) < 126:
        head = struct.pack("!BB", first, 0x80 | len(body))
    elif len(body) < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, len(body))
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, len(body))
    return head + b"\0\0\0\0" + body


def unframed(got: bytes) -> tuple[int, bytes, bytes] | None:
    """Kind and content of the first frame, as a server sends it, and what follows; nothing yet."""
    if len(got) < 2:
        return None
    start, size = 2, got[1]
    if size == 126:
        if len(got) < 4:
            return None
        start, size = 4, int.from_bytes(got[2:4], "big")
    elif size == 127:
        if len(got) < 10:
            return None
        start, size = 10, int.from_bytes(got[2:10], "big")
    if len(got) < start + size:
        return None
    return got[0] & 0xF, got[start : start + size], got[start + size :]


async def drive(order: Order) -> Answer:
    run = Run(order)
    sockets = await _opened(run)
    server = Tree(order.server)
    answer = Answer(rss_open=server.rss())
    if order.vanish:
        answer.next_answer = await _vanish(run, sockets)
        answer.failed, answer.failure = run.failed, run.failure
        return answer
    if run.closed:
        for socket in sockets:
            socket.ask(time.perf_counter())
    await _ask(run, sockets, order.warm_seconds)
    run.measuring = True
    cpu, own, began = server.cpu(), time.process_time(), time.perf_counter()
    await _ask(run, sockets, order.seconds)
    answer.seconds = time.perf_counter() - began
    answer.client_cpu, answer.server_cpu = time.process_time() - own, server.cpu() - cpu
    answer.rss_after = server.rss()
    answer.rss_node = _resident(order.server)
    # What a closed loop still has out was not done in the measured time.
    accepted, refused = _times(run.accepted), _times(run.refused)
    run.going = False
    await _until(lambda: not run.out)
    if not run.closed:
        accepted, refused = _times(run.accepted), _times(run.refused)
    for _ in range(run.out):
        run.fail(f"no answer within {STUCK_SECONDS:g} s")
    for socket in sockets:
        socket.hang_up()
    answer.accepted, answer.refused = accepted, refused
    answer.failed, answer.failure = run.failed, run.failure
    return answer


async def _opened(run: Run) -> list[Socket]:
    loop, sockets = asyncio.get_running_loop(), []
    for first in range(0, run.order.sockets, OPENING):
        some = range(first, min(first + OPENING, run.order.sockets))
        made = [loop.create_connection(partial(Socket, run, n), "127.0.0.1", run.order.port) for n in some]
        sockets += [cast(Socket, socket) for _, socket in await asyncio.gather(*made)]
    await _until(lambda: run.opened == len(sockets) or run.failed > 0)
    if run.opened < len(sockets):
        run.fail(f"only {run.opened} of {len(sockets)} sockets were opened")
    return sockets


async def _ask(run: Run, sockets: list[Socket], seconds: float) -> None:
    if run.closed:
        await asyncio.sleep(seconds)
        return
    chance, due = random.Random(0), time.perf_counter()
    end, n = due + seconds, 0
    while True:
        due += chance.expovariate(run.order.rate)
        if due > end:
            break
        while due > time.perf_counter():  # noqa: ASYNC110 - it is time that is waited for
            await asyncio.sleep(TICK)
        n += 1
        sockets[n % len(sockets)].ask(due)
        if n % 32 == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(max(0.0, end - time.perf_counter()))


async def _vanish(run: Run, sockets: list[Socket]) -> float:
    """Seconds until the first caller after them, who asks again when it is refused, has an answer."""
    run.closed = False
    last = sockets.pop()
    for n, socket in enumerate(sockets):
        socket.ask(time.perf_counter())
        socket.hang_up()
        if n % VANISHING_AT_ONCE == 0:
            await asyncio.sleep(TICK)
    run.out, run.measuring = 0, True
    began = time.perf_counter()
    while not run.accepted and not run.failed and time.perf_counter() - began < STUCK_SECONDS:
        refused = len(run.refused)
        last.ask(time.perf_counter())
        await _until(lambda refused=refused: len(run.refused) > refused or run.accepted or run.failed)  # type: ignore[misc]
    seconds = time.perf_counter() - began
    last.hang_up()
    return seconds


async def _until(condition: Callable[[], object]) -> None:
    until = time.perf_counter() + STUCK_SECONDS
    while not condition() and time.perf_counter() < until:  # noqa: ASYNC110
        await asyncio.sleep(TICK)


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    with contextlib.suppress(PermissionError):
        # Callers have cores of their own: where the system allows it, none of the node's threads goes first.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin.buffer:
            answer = runner.run(drive(msgspec.json.decode(line, type=Order)))
            sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
