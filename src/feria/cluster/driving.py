"""What brings time, and what others say, to a member."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from feria.cluster import roster
from feria.cluster.frames import MOST_BYTES
from feria.cluster.members import Health, Peer, State
from feria.cluster.members import Message as SwimMessage
from feria.cluster.messages import Message as GossipMessage
from feria.cluster.pieces import Chunk
from feria.cluster.pieces import Message as ChunkMessage
from feria.cluster.placement.messages import Message as TaskMessage
from feria.cluster.replica import Replica
from feria.cluster.swim import Swim
from feria.cluster.transport import Transport
from feria.errors import FeriaError

if TYPE_CHECKING:
    from feria.cluster.member import Member

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1
GOSSIP_TICK_SECONDS = 0.25
HEALTH_SECONDS = 1.0
LOOK_SECONDS = 10.0
"""Between two looks at who has a seat, and how far everybody is."""
INBOX_BYTES = 64 * 2**20
"""Of gossip that the writer has not got to; more is dropped, and said again by a later exchange."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SwimMessage | GossipMessage | ChunkMessage | TaskMessage).decode


@dataclass(slots=True)
class _Inbox:
    """Bytes given to the writer, and done by it; each is counted by one thread alone."""

    given: int = 0
    done: int = 0

    @property
    def waiting(self) -> int:
        return self.given - self.done


class Driver:
    """Brings time, and what others say, to a member with a transport."""

    def __init__(
        self, member: "Member", swim: Swim, transport: Transport, in_use: Callable[[], Health]
    ) -> None:
        self._member = member
        self._swim = swim
        self._transport = transport
        self._in_use = in_use
        self._clock = member.clock
        self._inbox = _Inbox()
        self._is_settled = False
        """Rows are not spoken of before it is known that no other node bears this one's id: its words would
        be taken for that one's."""
        swim.view.on_change = self._changed
        swim.on_twin = self._displaced
        transport.listen(self.receive)
        transport.ended(swim.hint)
        member.store.writer.sent = self._say
        member.store.gossip.expects_others = bool(member.settings.join)
        member.store.writer.lacks_rows = member.store.gossip.lacks_rows

    # ------------------------------------------------------------------ what comes and goes
    def receive(self, sender: str, payload: bytes) -> None:
        member = self._member
        if member.has_left:
            return
        try:
            message = _decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            member.unread["garbage"] += 1
            return
        if isinstance(message, SwimMessage):
            self._swim.receive(sender, message, self._clock.monotonic())
            self._post()
        elif not self._is_settled or self._swim.view.at(sender) is None:
            member.unread["stranger"] += 1  # such as a second node of this one's id
        elif isinstance(message, ChunkMessage):
            member.chunks.receive(sender, message)
        elif isinstance(message, TaskMessage):
            if member.heard is not None:
                member.heard(sender, message)
        else:
            self._gossip(sender, message, len(payload))

    def _gossip(self, sender: str, message: GossipMessage, size: int) -> None:
        inbox, gossip, now = self._inbox, self._member.store.gossip, self._clock.monotonic()
        if inbox.waiting + size > INBOX_BYTES:
            self._member.unread["busy"] += 1
            return

        def hear(_: Replica) -> None:
            inbox.done += size
            gossip.receive(sender, message, now)

        try:
            self._member.store.writer.post(hear)
        except FeriaError:
            self._member.unread["busy"] += 1
        else:
            inbox.given += size

    def _say(self, messages: list[tuple[str, GossipMessage]]) -> None:
        for to, message in messages:
            say(self._transport, to, message)

    def _post(self) -> None:
        outbox = self._swim.outbox
        for to, message in outbox:
            say(self._transport, to, message)
        outbox.clear()

    # ------------------------------------------------------------------ time
    async def watch(self) -> None:
        """Ping, and be pinged, until cancelled."""
        asked_at = -HEALTH_SECONDS
        while not self._member.has_left:
            now = self._clock.monotonic()
            if now - asked_at >= HEALTH_SECONDS:
                asked_at, self._swim.health = now, self._in_use()
            self._swim.tick(now)
            self._post()
            await self._clock.sleep(TICK_SECONDS)
        self._post()  # that it left

    async def exchange(self) -> None:
        """Compare rows with others, until cancelled; first with all of them."""
        self._is_settled = True
        for address in self._member.live().values():
            self._compare(address)
        while True:
            now, peers = self._clock.monotonic(), list(self._member.live().values())
            with contextlib.suppress(FeriaError):  # busy, or stopping
                self._member.store.writer.post(
                    lambda _, now=now, peers=peers: self._member.store.gossip.tick(now, peers)  # type: ignore[misc]
                )
            await self._clock.sleep(GOSSIP_TICK_SECONDS)

    async def look(self) -> None:
        """Now and then: who has a seat, who has been silent for too long."""
        while not self._member.has_left:
            try:
                await self._look()
            except FeriaError as error:
                log.warning("The cluster's roster could not be looked at: %s", error.message)
            await self._clock.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        member = self._member
        seats = (await member.look()).seats
        gone = {id for id, seat in seats.items() if seat.state is roster.State.left}
        self._swim.remember(seat.address for id, seat in seats.items() if id not in gone and id != member.id)
        silent = await member.store.writer.run(lambda replica: self._silent(replica))
        for id in silent & seats.keys():
            log.warning("Member %s has been silent for too long, and is expelled.", id)
            seat = seats[id]
            await member.store.writer.run(
                lambda replica, id=id, seat=seat: roster.seat(  # type: ignore[misc]
                    replica, id, seat.address, roster.State.expelled, self._clock.now()
                )
            )

    def _silent(self, replica: Replica) -> set[str]:
        """Members that have not been live for `hold_days`, as far as this node was there to see it: the time
        it was not running does not count. In the writer."""
        note = replica.disk.note("heard")
        heard: dict[str, float] = msgspec.json.decode(note, type=dict[str, float]) if note else {}
        live = {peer.id for peer in self._swim.live()}
        seats = {
            id: seat
            for id, seat in roster.members(replica.disk).items()
            if seat.state is roster.State.member and id != self._member.id
        }
        waited = {id: (0.0 if id in live else heard.get(id, 0.0) + LOOK_SECONDS) for id in seats}
        if any(waited.values()) or heard:
            replica.disk.take_note("heard", msgspec.json.encode(waited) if waited else None)
        limit = timedelta(days=self._member.settings.hold_days).total_seconds()
        # One of them says so, the first that is live, or there would be a row of each.
        first = min(live | {self._member.id}) == self._member.id
        return {id for id, seconds in waited.items() if seconds > limit} if first else set()

    # ------------------------------------------------------------------ who there is
    def _changed(self, peer: Peer, before: State | None) -> None:
        if peer.state.live and (before is None or not before.live):
            log.info("Member %s at %s is here.", peer.id, peer.address)
            if self._is_settled:
                self._compare(peer.address)
        elif peer.state is State.dead:
            log.warning("Member %s at %s does not answer any more.", peer.id, peer.address)
        elif peer.state is State.left and before is not State.left:
            log.info("Member %s left.", peer.id)

    def _compare(self, address: str) -> None:
        with contextlib.suppress(FeriaError):  # busy; it is done every second anyway
            self._member.store.writer.post(lambda _: self._member.store.gossip.exchange(address))

    def _displaced(self, address: str, yielding: bool) -> None:
        displaced = self._member.displaced
        assert displaced is not None
        if displaced.done():
            return
        id = self._member.id
        if yielding:
            displaced.set_result(f"A node at {address} took the place of this one, {id}.")
        else:
            displaced.set_result(
                f"A node that runs at {address} is {id} already, and there can be one. Give this one another "
                "name (FERIA_CLUSTER__NAME), or stop that one; --replace has it stopped. A home that was "
                "copied brings its name along."
            )


def say(
    transport: Transport, to: str, message: GossipMessage | SwimMessage | ChunkMessage | TaskMessage
) -> bool:
    payload = _encode(message)
    if len(payload) > MOST_BYTES:
        log.error("A %s of %d bytes is too large to be sent.", type(message).__name__, len(payload))
        return False
    return transport.send(to, payload, later=isinstance(message, Chunk))
