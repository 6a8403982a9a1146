"""The client: keep-alive HTTP/1.1 in a closed loop, in a process of its own.

Reads one order a line from standard input and writes one answer a line. It does as little as it can for a
request, for it shares the machine with the server, and says what processor time it took itself.
"""

import asyncio
import contextlib
import math
import sys
import time
from array import array
from collections.abc import Iterator, Sequence
from functools import partial
from typing import cast

import msgspec
import uvloop

from bench.processes import Tree

STUCK_SECONDS = 10.0
"""Longest wait for an answer that is still out when the time is up."""


class Order(msgspec.Struct):
    port: int
    path: str
    headers: dict[str, str]
    bodies: list[bytes]
    """Sent in turn, so that no answer is the last one's."""
    connections: int
    seconds: float
    warm_seconds: float
    """Before the measured time, and not counted."""
    max_requests: int
    """Ends the measured time early."""
    server: int
    """Process whose tree's processor time is counted."""
    raw: list[bytes] = []
    """Whole requests, sent in turn instead of POSTs with the bodies."""
    right: tuple[bytes, ...] = (b"HTTP/1.1 200",)
    """How an answer begins."""
    redis: bool = False
    """Answers are Redis's, and not HTTP's."""


class Answer(msgspec.Struct):
    requests: int = 0
    seconds: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    """Seconds from sending to the whole answer."""
    server_cpu: float = 0.0
    client_cpu: float = 0.0
    """Processor seconds in the measured time."""
    rss: int = 0
    """Bytes of the server's tree at the end."""
    failed: int = 0
    failure: str = ""


class Load:
    """All connections of one order."""

    def __init__(self, order: Order) -> None:
        self.requests = order.raw or list(requests(order))
        self.right = order.right
        self.whole_length = whole_reply if order.redis else whole_length
        self.latencies = array("d")
        self.limit = sys.maxsize
        self.enough = asyncio.Event()
        self.going = True
        self.open = 0
        self.failed = 0
        self.failure = ""

    def fail(self, why: str) -> None:
        self.failed += 1
        self.failure = self.failure or why
        self.enough.set()


class Connection(asyncio.Protocol):
    """One request out at a time."""

    transport: asyncio.Transport

    def __init__(self, load: Load, first: int) -> None:
        self._load = load
        self._next = first
        self._sent = 0.0
        self._got = b""
        self._whole = 0  # bytes of the answer, head and body, once the head is known
        self._out = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._load.open += 1
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._load.open -= 1
        if self._out:
            self._load.fail(f"the server hung up: {error}")

    def data_received(self, data: bytes) -> None:
        got = self._got + data if self._got else data
        if not self._whole:
            self._whole = self._load.whole_length(got)
        if not self._whole or len(got) < self._whole:
            self._got = got
            return
        self._answered(got)

    def _send(self) -> None:
        requests = self._load.requests
        self._next = (self._next + 1) % len(requests)
        self._out = True
        self._sent = time.perf_counter()
        self.transport.write(requests[self._next])

    def _answered(self, got: bytes) -> None:
        load = self._load
        self._got, self._whole, self._out = b"", 0, False
        load.latencies.append(time.perf_counter() - self._sent)
        if not got.startswith(load.right):
            load.fail(got[:500].decode(errors="replace"))
        if len(load.latencies) >= load.limit:
            load.enough.set()
        if load.going:
            self._send()
        else:
            self.transport.close()


def requests(order: Order) -> Iterator[bytes]:
    for body in order.bodies:
        headers = {"host": "localhost", **order.headers, "content-length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        yield f"POST {order.path} HTTP/1.1\r\n{head}\r\n".encode() + body


def whole_length(got: bytes) -> int:
    """Bytes of the whole answer, from its head; 0 while that is not all there."""
    end = got.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = got[:end].lower()
    start = head.find(b"\r\ncontent-length:")
    if start < 0:
        raise ValueError(f"An answer without a length: {head!r}")
    line = head[start + 17 :].split(b"\r\n", 1)[0]
    return end + 4 + int(line)


def whole_reply(got: bytes) -> int:
    """The same of a reply of Redis: a line, or a string of the length that its line says."""
    end = got.find(b"\r\n")
    if end < 0:
        return 0
    if got[:1] != b"$" or got[1:end] == b"-1":
        return end + 2
    return end + 4 + int(got[1:end])


def percentile(ascending: Sequence[float], share: float) -> float:
    """The nearest rank: the smallest value that at least `share` of them do not exceed; 0 of none."""
    if not ascending:
        return 0.0
    return ascending[max(0, math.ceil(len(ascending) * share) - 1)]


async def drive(order: Order) -> Answer:
    """Warm up, measure, let the last answers come in, hang up."""
    loop = asyncio.get_running_loop()
    load = Load(order)
    for i in range(order.connections):
        await loop.create_connection(partial(Connection, load, i), "127.0.0.1", order.port)
    await _pause(load, order.warm_seconds)
    server = Tree(order.server)
    load.latencies = array("d")
    load.limit = order.max_requests
    cpu, own, began = server.cpu(), time.process_time(), time.perf_counter()
    await _pause(load, order.seconds)
    seconds = time.perf_counter() - began
    answer = Answer(
        seconds=seconds,
        client_cpu=time.process_time() - own,
        server_cpu=server.cpu() - cpu,
        rss=server.rss(),
    )
    times = array("d", sorted(load.latencies))
    answer.requests = len(times)
    load.going = False
    until = time.perf_counter() + STUCK_SECONDS
    while load.open:
        if time.perf_counter() > until:
            load.fail(f"no answer within {STUCK_SECONDS:g} s")
            break
        await asyncio.sleep(0.005)
    answer.p50, answer.p99 = percentile(times, 0.5), percentile(times, 0.99)
    answer.failed, answer.failure = load.failed, load.failure
    return answer


async def _pause(load: Load, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(load.enough.wait(), seconds)


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin.buffer:
            answer = runner.run(drive(msgspec.json.decode(line, type=Order)))
            sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
