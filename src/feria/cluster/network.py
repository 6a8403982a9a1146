"""The network form of `Transport`: one port, and a lasting TCP or TLS connection to each member."""

import asyncio
import contextlib
import logging
import random
import secrets
import socket
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial

from feria.cluster.addresses import joined, listen_on, reachable, split
from feria.cluster.frames import MOST_BYTES, NONCE_BYTES, Reason, Session
from feria.cluster.keys import Keyring, no_keys
from feria.cluster.links import HANDSHAKE_SECONDS, Link
from feria.cluster.refusals import Refusals
from feria.cluster.transport import Gone, Receive
from feria.errors import Invalid

log = logging.getLogger(__name__)

STRANGERS = 256
"""Connections that have not shown yet who they are; more are closed."""
DIALLING = 64
"""Connections that are being made at once."""
BACK_OFF_SECONDS = (0.1, 5.0)
"""After the first failure to reach a member, and at most."""
IDLE_SECONDS = 300.0
FORGET_SECONDS = 3600.0
"""What passed to and from a member is forgotten so long after it was reached last."""
CROSSED_SECONDS = 5.0
"""Where two members dialled each other at once, one of the two connections goes after this time."""
LOOK_ROUND_SECONDS = 5.0
CLOSING_SECONDS = 1.0


@dataclass(frozen=True)
class Tls:
    """Both ask the other side for a certificate of the cluster's authority."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@dataclass
class Traffic:
    """With one member, in bytes of payloads; `dropped` are payloads."""

    bytes_in: int = 0
    bytes_out: int = 0
    dropped: int = 0


@dataclass
class _Peer:
    traffic: Traffic = field(default_factory=Traffic)
    link: Link | None = None
    waiting: deque[bytes] = field(default_factory=deque)
    waiting_bytes: int = 0
    dialling: asyncio.Task[None] | None = None
    failures: int = 0
    not_before: float = 0.0
    """Of the loop's time; no connection is tried until then."""


class Network:
    """Made by `open_network`."""

    def __init__(
        self,
        cluster: str,
        address: str,
        life: int,
        *,
        keys: Callable[[], Keyring] = no_keys,
        tls: Tls | None = None,
        queue_bytes: int = 8 * 2**20,
        jitter: random.Random | None = None,
    ) -> None:
        self.refusals = Refusals()
        self._cluster = cluster
        self._address = address
        self._life = life
        self._keys = keys
        self._tls = tls
        self._queue_bytes = queue_bytes
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads load, hides nothing
        self._loop = asyncio.get_running_loop()
        self._receive: Receive = lambda _sender, _payload: None
        self._gone: Gone = lambda _address: None
        self._peers: dict[str, _Peer] = {}
        self._aliases: dict[str, str] = {}
        """What was dialled, and how that member calls itself."""
        self._ourselves = {address}
        self._links: set[Link] = set()
        self._strangers = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(DIALLING)
        self._closing = False

    # ------------------------------------------------------------------ Transport
    @property
    def address(self) -> str:
        return self._address

    def send(self, to: str, payload: bytes, *, later: bool = False) -> bool:
        if len(payload) > MOST_BYTES:
            raise ValueError(f"a payload of {len(payload)} bytes")
        to = self._aliases.get(to, to)
        if self._closing or to in self._ourselves:
            return False
        peer = self._peer(to)
        if peer.link is not None:
            sent = peer.link.send(payload, later=later)
            if sent:
                peer.traffic.bytes_out += len(payload)
            else:
                peer.traffic.dropped += 1
            return sent
        if self._loop.time() < peer.not_before or peer.waiting_bytes + len(payload) > self._queue_bytes:
            peer.traffic.dropped += 1
            return False
        peer.waiting.append(payload)
        peer.waiting_bytes += len(payload)
        if peer.dialling is None:
            peer.dialling = self._begin(self._dial(to, peer))
        return True

    def listen(self, receive: Receive) -> None:
        self._receive = receive

    def ended(self, gone: Gone) -> None:
        self._gone = gone

    @property
    def traffic(self) -> dict[str, Traffic]:
        """By address."""
        return {address: peer.traffic for address, peer in self._peers.items()}

    @property
    def connections(self) -> int:
        return sum(link.open for link in self._links)

    def start(self, door: socket.socket) -> None:
        self._begin(self._accept(door))
        self._begin(self._look_round())

    # ------------------------------------------------------------------ what links tell
    def opened(self, link: Link) -> None:
        address = link.peer.address
        peer = self._peer(address)
        peer.failures, peer.not_before = 0, 0.0
        held = peer.link
        if held is not None and held.open:
            worse = self._worse(held, link)
            if held.session.dialled == link.session.dialled:
                worse.close()  # the other side has given it up
            elif worse.session.dialled:
                # Not at once: until the other side knows of both it may be saying something by this one.
                self._loop.call_later(CROSSED_SECONDS, worse.close)
            if worse is link:
                return
        peer.link = link
        self._send_waiting(peer)

    def received(self, link: Link, payload: bytes) -> None:
        address = link.peer.address
        self._peer(address).traffic.bytes_in += len(payload)
        self._receive(address, payload)

    def refused(self, host: str, reason: Reason) -> None:
        if not self._closing:
            self.refusals.add(host, reason)

    def closed(self, link: Link) -> None:
        self._links.discard(link)
        if not link.session.open or self._closing:
            return
        address = link.peer.address
        peer = self._peers.get(address)
        if peer is None or peer.link is not link:
            return
        peer.link = next(
            (other for other in self._links if other.open and other.peer.address == address), None
        )
        if peer.link is None:
            self._aliases = {said: own for said, own in self._aliases.items() if own != address}
            self._gone(address)

    def _worse(self, held: Link, fresh: Link) -> Link:
        """Of two to one member. Where each side dialled, both keep what the lower address dialled."""
        if held.peer.life != fresh.peer.life or held.session.dialled == fresh.session.dialled:
            return held  # it began a new life, or has given the other connection up
        ours_is_lower = self._address < fresh.peer.address
        return held if fresh.session.dialled == ours_is_lower else fresh

    # ------------------------------------------------------------------ connections
    async def _accept(self, door: socket.socket) -> None:
        """Take in who comes, until cancelled."""
        while True:
            try:
                wire, _ = await self._loop.sock_accept(door)
            except OSError as error:  # no file descriptors left, or the caller is gone already
                log.warning("A connection of another node could not be taken: %s.", error.strerror)
                await asyncio.sleep(0.1)
                continue
            if self._strangers >= STRANGERS:
                self.refused(_host(wire), "crowded")
                wire.close()
                continue
            self._strangers += 1
            link = self._link(dialled=False)
            taking = self._begin(self._take_in(wire, link))
            taking.add_done_callback(partial(_let_go, wire, link))  # cancelled before it began, too

    async def _take_in(self, wire: socket.socket, link: Link) -> None:
        host = _host(wire)
        try:
            await self._loop.connect_accepted_socket(
                lambda: link,
                wire,
                ssl=None if self._tls is None else self._tls.server,
                ssl_handshake_timeout=None if self._tls is None else HANDSHAKE_SECONDS,
            )
            await link.settled
        except OSError:
            self.refused(host, "tls" if self._tls else "truncated")
            link.abort()
            self._links.discard(link)
        finally:
            self._strangers -= 1

    async def _dial(self, to: str, peer: _Peer) -> None:
        link = self._link(dialled=True)
        reason: Reason | None = "truncated"
        try:
            async with self._places, asyncio.timeout(HANDSHAKE_SECONDS):
                host, port = split(to)
                await self._loop.create_connection(
                    lambda: link, host, port, ssl=None if self._tls is None else self._tls.client
                )
                reason = await link.settled
        except (OSError, TimeoutError, Invalid) as error:
            if isinstance(error, ssl.SSLError):
                self.refused(to, "tls")
            link.abort()
            self._links.discard(link)
        finally:
            peer.dialling = None
        if reason is None:
            self._reached(to, peer, link.peer.address)
            return
        if reason == "self":
            self._ourselves.add(to)
        first, most = BACK_OFF_SECONDS
        wait = min(most, first * 2**peer.failures) * self._jitter.uniform(0.5, 1.0)
        peer.failures = min(peer.failures + 1, 16)
        peer.not_before = self._loop.time() + wait
        if peer.link is None:
            peer.traffic.dropped += len(peer.waiting)
            peer.waiting.clear()
            peer.waiting_bytes = 0

    def _reached(self, to: str, peer: _Peer, address: str) -> None:
        if to == address:
            return
        self._aliases[to] = address
        itself = self._peer(address)
        itself.waiting.extend(peer.waiting)
        itself.waiting_bytes += peer.waiting_bytes
        del self._peers[to]
        if itself.link is not None:
            self._send_waiting(itself)

    def _send_waiting(self, peer: _Peer) -> None:
        assert peer.link is not None
        while peer.waiting:
            payload = peer.waiting.popleft()
            if peer.link.send(payload):
                peer.traffic.bytes_out += len(payload)
            else:
                peer.traffic.dropped += 1
        peer.waiting_bytes = 0

    def _link(self, *, dialled: bool) -> Link:
        session = Session(
            self._cluster,
            self._address,
            self._life,
            self._keys(),
            dialled=dialled,
            nonce=secrets.token_bytes(NONCE_BYTES),
        )
        link = Link(self, session, self._queue_bytes, self._loop.time)
        self._links.add(link)
        return link

    def _peer(self, address: str) -> _Peer:
        return self._peers.get(address) or self._peers.setdefault(address, _Peer())

    def _begin(self, deed: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(deed)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _look_round(self) -> None:
        """Let go of what is idle or speaks by a key that was retired, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_ROUND_SECONDS)
            now, held = self._loop.time(), self._keys()
            for link in [link for link in self._links if link.open]:
                unkeyed = link.session.key is None and not held
                if now - link.used_at > IDLE_SECONDS or not (unkeyed or link.session.key in held):
                    link.close()
            for address, peer in list(self._peers.items()):
                if peer.link is None and peer.dialling is None and now - peer.not_before > FORGET_SECONDS:
                    del self._peers[address]

    async def close(self) -> None:
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # connections that were half made go in the loop's next turn
        links = [link for link in self._links if link.connected]
        for link in links:
            if link.open:
                link.close()
            else:
                link.abort()
        if links:
            _, late = await asyncio.wait([link.lost for link in links], timeout=CLOSING_SECONDS)
            for link in links:
                link.abort()
            if late:
                await asyncio.wait(late, timeout=CLOSING_SECONDS)


@contextlib.asynccontextmanager
async def open_network(
    cluster: str,
    host: str,
    port: int,
    life: int,
    *,
    advertise: str | None = None,
    keys: Callable[[], Keyring] = no_keys,
    tls: Tls | None = None,
    queue_bytes: int = 8 * 2**20,
) -> AsyncGenerator[Network]:
    """Listen on that port, 0 for a free one. Raises `Conflict` when it is taken, `Invalid` for no address
    of this machine, and for one that says nothing to others while `advertise` is unset."""
    with contextlib.closing(listen_on(host, port)) as door:
        address = advertise or joined(reachable(host), door.getsockname()[1])
        split(address)
        network = Network(cluster, address, life, keys=keys, tls=tls, queue_bytes=queue_bytes)
        network.start(door)
        try:
            yield network
        finally:
            await network.close()


def _let_go(wire: socket.socket, link: Link, _taking: asyncio.Task[None]) -> None:
    if not link.connected:
        wire.close()


def _host(wire: socket.socket) -> str:
    try:
        return str(wire.getpeername()[0])
    except OSError:
        return ""
