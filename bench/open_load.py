"""The client in an open loop: requests fall due at random moments, whatever became of those before them.

A closed loop waits with its next request until the last one is answered, and so hides what a node that is
too slow does to its callers. Here a request's time counts from when it was due, also where the client
itself was late. Otherwise as `load.py`: a process of its own, one order a line in, one answer a line out.
"""

import asyncio
import contextlib
import os
import random
import sys
import time
from array import array
from typing import cast

import msgspec
import uvloop

from bench.load import percentile, whole_length
from bench.load import requests as written
from bench.processes import Tree

STUCK_SECONDS = 10.0
"""Longest wait for answers that are still out when the time is up."""
TICK = 0.001
"""Seconds."""


class Order(msgspec.Struct):
    port: int
    path: str
    headers: dict[str, str]
    bodies: list[bytes]
    rate: float
    """Requests a second, on average; the gaps between them are exponential, drawn from a fixed seed."""
    seconds: float
    warm_seconds: float
    """Before the measured time, at the same rate, and not counted."""
    server: int
    """Process whose tree's memory and processor time are looked at."""
    connections: int = 512
    """Kept open; a request that finds none of them free counts as failed."""


class Times(msgspec.Struct):
    """Of so many answers, in seconds from when their requests were due."""

    count: int = 0
    p50: float = 0.0
    p99: float = 0.0


class Answer(msgspec.Struct):
    accepted: Times = msgspec.field(default_factory=Times)
    refused: Times = msgspec.field(default_factory=Times)
    """Answered with 503 and a Retry-After."""
    failed: int = 0
    """All else, and requests that were never answered."""
    failure: str = ""
    seconds: float = 0.0
    late: float = 0.0
    """Seconds between due and sent, 99 of 100 times at most."""
    server_cpu: float = 0.0
    client_cpu: float = 0.0
    rss_before: int = 0
    rss_after: int = 0
    """Bytes of the server's tree when the measured time began, and when it ended."""


class Run:
    """All requests of one order."""

    def __init__(self) -> None:
        self.free: list[Connection] = []
        self.measuring = False
        self.out = 0
        self.accepted, self.refused, self.late = array("d"), array("d"), array("d")
        self.failed = 0
        self.failure = ""

    def fail(self, why: str) -> None:
        self.failed += 1
        self.failure = self.failure or why

    def answered(self, got: bytes, due: float, counts: bool) -> None:
        seconds = time.perf_counter() - due
        if got.startswith(b"HTTP/1.1 200"):
            into = self.accepted
        elif got.startswith(b"HTTP/1.1 503") and b"\r\nretry-after: " in got.lower():
            into = self.refused
        else:
            self.fail(got[:500].decode(errors="replace"))
            return
        if counts:
            into.append(seconds)


class Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, run: Run) -> None:
        self._run = run
        self._got = b""
        self._due = 0.0
        self._counts = self._out = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._run.free.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._out:
            self._run.out -= 1
            self._run.fail(f"the server hung up: {error}")
        elif self in self._run.free:
            self._run.free.remove(self)

    def ask(self, request: bytes, due: float) -> None:
        run = self._run
        self._due, self._counts, self._out = due, run.measuring, True
        run.out += 1
        if run.measuring:
            run.late.append(time.perf_counter() - due)
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        got = self._got = self._got + data
        whole = whole_length(got)
        if not whole or len(got) < whole:
            return
        self._got, self._out = b"", False
        self._run.out -= 1
        self._run.answered(got, self._due, self._counts)
        self._run.free.append(self)


async def drive(order: Order) -> Answer:
    """Warm up, measure, let the last answers come in, hang up."""
    loop, run = asyncio.get_running_loop(), Run()
    for _ in range(order.connections):
        await loop.create_connection(lambda: Connection(run), "127.0.0.1", order.port)
    held = list(run.free)
    server, schedule = Tree(order.server), random.Random(0)
    requests = list(written(order))
    await _ask(run, requests, schedule, order.rate, order.warm_seconds)
    run.measuring = True
    answer = Answer(rss_before=server.rss())
    cpu, own, began = server.cpu(), time.process_time(), time.perf_counter()
    await _ask(run, requests, schedule, order.rate, order.seconds)
    answer.seconds = time.perf_counter() - began
    answer.client_cpu, answer.server_cpu = time.process_time() - own, server.cpu() - cpu
    answer.rss_after = server.rss()
    until = time.perf_counter() + STUCK_SECONDS
    while run.out and time.perf_counter() < until:  # noqa: ASYNC110 - a glance a millisecond is cheaper
        await asyncio.sleep(TICK)
    for _ in range(run.out):
        run.fail(f"no answer within {STUCK_SECONDS:g} s")
    for connection in held:
        connection.transport.abort()
    answer.accepted, answer.refused = _times(run.accepted), _times(run.refused)
    answer.late = percentile(sorted(run.late), 0.99)
    answer.failed, answer.failure = run.failed, run.failure
    return answer


async def _ask(run: Run, requests: list[bytes], schedule: random.Random, rate: float, seconds: float) -> None:
    due = time.perf_counter()
    end, n = due + seconds, 0
    while True:
        due += schedule.expovariate(rate)
        if due > end:
            break
        # What falls due within a tick goes out together: to be on time to the microsecond costs a core.
        while due > time.perf_counter():  # noqa: ASYNC110 - it is time that is waited for
            await asyncio.sleep(TICK)
        n += 1
        if run.free:
            run.free.pop().ask(requests[n % len(requests)], due)
        else:
            run.fail("no connection was free")
        if n % 32 == 0:
            await asyncio.sleep(0)  # to hear answers even when it is late itself
    await asyncio.sleep(max(0.0, end - time.perf_counter()))


def _times(seconds: "array[float]") -> Times:
    ascending = sorted(seconds)
    return Times(len(ascending), percentile(ascending, 0.5), percentile(ascending, 0.99))


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
