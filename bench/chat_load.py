"""The chat's client: many sockets that listen, one that speaks, in a process of its own.

It speaks Engine.IO over bare WebSockets and does as little as it can for a delivery, for it shares the
machine with the server. Reads one order a line from standard input and writes one answer a line.
"""

import asyncio
import base64
import os
import sys
import time
from array import array
from typing import cast

import msgspec
import uvloop

from bench.load import percentile
from bench.processes import Tree

CONNECT_AT_ONCE = 50
STUCK_SECONDS = 20.0
TEXT = 100
"""Characters of each message, as it is in JSON."""


class Order(msgspec.Struct):
    port: int
    sockets: int
    in_flight: int
    """Messages that are out at once: the next is sent when the first of these has reached everybody."""
    seconds: float
    warm_seconds: float
    server: int
    """Process whose tree's processor time is counted."""
    room: str = ""
    """Of feria: where the messages are stored. Without one they are `mensaje`, which everybody hears."""


class Answer(msgspec.Struct):
    messages: int = 0
    deliveries: int = 0
    seconds: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    """Seconds from sending a message until the last socket has it."""
    server_cpu: float = 0.0
    client_cpu: float = 0.0
    rss_before: int = 0
    """Bytes of the server's tree before anybody connected, and with all connected."""
    rss: int = 0
    failure: str = ""


class Crowd:
    """All sockets of one order."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.born = time.monotonic_ns()
        self.sent: list[float] = []
        self.took = array("d")
        self.counts: list[int] = []
        """By message: how many sockets have it."""
        self.deliveries = 0
        self.going = True
        self.failure = ""
        self.speaker: Listener | None = None
        self.done = asyncio.Event()

    def say(self) -> None:
        assert self.speaker is not None
        number = len(self.sent)
        self.sent.append(time.perf_counter())
        self.counts.append(0)
        text = f"{number:08d}".ljust(TEXT - 2, "x")
        if self.order.room:
            id = f"{os.getpid()}-{self.born}-{number}"
            said = f'42["message",{{"room":"{self.order.room}","id":"{id}","text":"{text}"}}]'
        else:
            said = f'42["mensaje","{text}"]'
        self.speaker.transport.write(masked(said.encode()))

    def heard(self, number: int) -> None:
        """One socket has it."""
        self.counts[number] += 1
        if self.counts[number] == self.order.sockets:
            self.took.append(time.perf_counter() - self.sent[number])
            if self.going:
                self.say()
            elif len(self.took) == len(self.sent):
                self.done.set()

    def fail(self, why: str) -> None:
        self.failure = self.failure or why
        self.done.set()


class Listener(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._got = b""
        self._upgraded = False
        self._next = 0
        self._word = b'42["message"' if crowd.order.room else b'42["mensaje"'
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\n"
            f"connection: Upgrade\r\nsec-websocket-key: {key}\r\nsec-websocket-version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        if not self._crowd.done.is_set():
            self._crowd.fail(f"the server hung up: {error}")
            if not self.ready.done():
                self.ready.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._got:
            data = self._got + data
        if not self._upgraded:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._got = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                self._crowd.fail(data[:200].decode(errors="replace"))
                return
            self._upgraded, data = True, data[end + 4 :]
        at, size = 0, len(data)
        while size - at >= 2:
            length, start = data[at + 1], at + 2
            if length == 126:
                if size - at < 4:
                    break
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            if size < start + length:
                break
            if data.startswith(self._word, start):
                self._crowd.deliveries += 1
                self._crowd.heard(self._next)
                self._next += 1
            else:
                self._other(data[start : start + length])
            at = start + length
        self._got = data[at:]

    def _other(self, packet: bytes) -> None:
        if packet == b"2":
            self.transport.write(masked(b"3"))
        elif packet.startswith(b"0"):
            self.transport.write(masked(b"40"))
        elif packet.startswith(b"40"):
            if self._crowd.order.room:
                self.transport.write(
                    masked(f'420["join",{{"room":"{self._crowd.order.room}","limit":0}}]'.encode())
                )
            elif not self.ready.done():
                self.ready.set_result(None)
        elif packet.startswith(b"430") and not self.ready.done():
            self.ready.set_result(None)
        elif b'"refused"' in packet:
            self._crowd.fail(packet.decode())


def masked(payload: bytes) -> bytes:
    """A client's frame, with a mask of zeros."""
    size = len(payload)
    head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + bytes(4) + payload


async def run(order: Order) -> Answer:
    loop = asyncio.get_running_loop()
    crowd, tree = Crowd(order), Tree(order.server)
    answer = Answer(rss_before=tree.rss())
    listeners: list[Listener] = []
    while len(listeners) < order.sockets:
        few = min(CONNECT_AT_ONCE, order.sockets - len(listeners))
        made = [loop.create_connection(lambda: Listener(crowd), "127.0.0.1", order.port) for _ in range(few)]
        some = [listener for _, listener in await asyncio.gather(*made)]
        async with asyncio.timeout(STUCK_SECONDS):
            await asyncio.gather(*(one.ready for one in some))
        listeners += some
    answer.rss = tree.rss()
    crowd.speaker = listeners[0]
    for _ in range(order.in_flight):
        crowd.say()
    await asyncio.sleep(order.warm_seconds)
    before = (time.perf_counter(), time.process_time(), tree.cpu(), crowd.deliveries, len(crowd.took))
    await asyncio.sleep(order.seconds)
    took = crowd.took[before[4] :]
    answer.seconds = time.perf_counter() - before[0]
    answer.client_cpu = time.process_time() - before[1]
    answer.server_cpu = tree.cpu() - before[2]
    answer.deliveries = crowd.deliveries - before[3]
    answer.messages = len(took)
    ascending = sorted(took)
    answer.p50, answer.p99 = percentile(ascending, 0.5), percentile(ascending, 0.99)
    crowd.going = False
    try:
        async with asyncio.timeout(STUCK_SECONDS):
            await crowd.done.wait()
    except TimeoutError:
        crowd.fail(f"{len(crowd.sent) - len(crowd.took)} messages did not reach everybody")
    answer.failure = crowd.failure
    crowd.done.set()
    for one in listeners:
        one.transport.abort()
    return answer


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin.buffer:
            answer = runner.run(run(msgspec.json.decode(line, type=Order)))
            sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
