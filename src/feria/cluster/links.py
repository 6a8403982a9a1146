"""One connection between two members: a socket at one end, whole payloads at the other."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from feria.cluster.frames import Hello, Reason, Refused, Session

HANDSHAKE_SECONDS = 5.0
UNACKNOWLEDGED_SECONDS = 10
"""After which the kernel gives a connection up. Left alone it would try for a quarter of an hour, at ever
longer intervals, and a partition that has ended would not be noticed for minutes."""
AHEAD_BYTES = 2**17
"""Of what may wait, so much is given to the socket, and so much to the kernel, before the other side has
taken what went before: all else that is said has to queue behind no more than that."""
TURN_BYTES = 2**20
"""Of what may wait, sent before other work of the loop gets its turn."""


class Owner(Protocol):
    """What a link tells."""

    def opened(self, link: "Link") -> None: ...

    def received(self, link: "Link", payload: bytes) -> None: ...

    def refused(self, host: str, reason: Reason) -> None: ...

    def closed(self, link: "Link") -> None:
        """Whether it had been open or not."""
        ...


class Link(asyncio.Protocol):
    def __init__(self, owner: Owner, session: Session, queue_bytes: int, now: Callable[[], float]) -> None:
        self.session = session
        self.used_at = now()
        """When a payload went or came last."""
        self._owner = owner
        self._queue_bytes = queue_bytes
        self._now = now
        self._transport: asyncio.Transport | None = None
        self._later: deque[bytes] = deque()
        self._later_bytes = 0
        self._pumping = False
        self._slow: asyncio.TimerHandle | None = None
        self._host = ""
        self._over = False
        loop = asyncio.get_running_loop()
        self.settled: asyncio.Future[Reason | None] = loop.create_future()
        """Done once the link is open, or closed before it was; then it may hold why."""
        self.lost: asyncio.Future[None] = loop.create_future()

    @property
    def open(self) -> bool:
        return self.session.open and not self._over

    @property
    def peer(self) -> Hello:
        """Of an open link."""
        assert self.session.peer is not None
        return self.session.peer

    @property
    def connected(self) -> bool:
        """Whether there is, or was, a socket."""
        return self._transport is not None

    def send(self, payload: bytes, *, later: bool = False) -> bool:
        """False where too much waits already. With `later`, whatever comes without it goes first."""
        assert self._transport is not None
        waiting = self._transport.get_write_buffer_size() + (self._later_bytes if later else 0)
        if self._over or waiting + len(payload) > self._queue_bytes:
            return False
        self.used_at = self._now()
        if later:
            self._later.append(payload)
            self._later_bytes += len(payload)
            if not self._pumping:
                self._pump()
        else:
            self._write(payload)
        return True

    def _write(self, payload: bytes) -> None:
        assert self._transport is not None
        self._transport.writelines((self.session.seal(payload), payload))

    def _pump(self) -> None:
        """Send what may wait, as far as the socket takes it; `resume_writing` goes on."""
        assert self._transport is not None
        self._pumping, sent = False, 0
        while self._later and not self._over and self._transport.get_write_buffer_size() <= AHEAD_BYTES:
            if sent > TURN_BYTES:
                self._pumping = True
                asyncio.get_running_loop().call_soon(self._pump)
                return
            payload = self._later.popleft()
            self._later_bytes -= len(payload)
            sent += len(payload)
            self._write(payload)

    def close(self) -> None:
        """What was sent is still delivered, and what the other side sent before it noticed still received."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    def abort(self) -> None:
        self._over = True
        if self._transport is not None:
            self._transport.abort()

    def refuse(self, reason: Reason) -> None:
        if not self._over:
            self._owner.refused(self._host, reason)
            self._settle(reason)
            if reason == "self":
                self._flush()
                self._over = True
                self.close()
            else:
                self.abort()

    # ------------------------------------------------------------------ asyncio's side
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by name
        self._transport.set_write_buffer_limits(high=AHEAD_BYTES, low=AHEAD_BYTES // 4)
        self._host = str((transport.get_extra_info("peername") or ("",))[0])
        _watch_over(transport.get_extra_info("socket"))
        self._slow = asyncio.get_running_loop().call_later(HANDSHAKE_SECONDS, self.refuse, "slow")
        self._flush()

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        was_open = self.session.open
        try:
            payloads = self.session.receive(data)
        except Refused as refused:
            self.refuse(refused.reason)
            return
        self._flush()
        if self.session.open and not was_open:
            assert self._slow is not None
            self._slow.cancel()
            self._owner.opened(self)
            self._settle(None)
        if payloads:
            self.used_at = self._now()
        for payload in payloads:
            self._owner.received(self, payload)

    def resume_writing(self) -> None:
        if not self._pumping and self.session.open:
            self._pump()

    def connection_lost(self, error: Exception | None) -> None:
        if self._slow is not None:
            self._slow.cancel()
        if not self._over and self.session.unfinished:
            self._owner.refused(self._host, "truncated")
        self._over = True
        self._settle("truncated")
        self.lost.set_result(None)
        self._owner.closed(self)

    def _settle(self, reason: Reason | None) -> None:
        if not self.settled.done():
            self.settled.set_result(reason)

    def _flush(self) -> None:
        if self.session.outgoing:
            assert self._transport is not None
            self._transport.write(bytes(self.session.outgoing))
            self.session.outgoing.clear()


def _watch_over(wire: socket.socket) -> None:
    """Have the kernel notice, soon, that the other side is gone without a word."""
    for level, name, value in (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", UNACKNOWLEDGED_SECONDS),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 3),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", UNACKNOWLEDGED_SECONDS * 1000),
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
        (socket.IPPROTO_TCP, "TCP_NOTSENT_LOWAT", AHEAD_BYTES),
    ):
        option = getattr(socket, name, None)  # not every system has all of them
        if option is not None:
            wire.setsockopt(level, option, value)
