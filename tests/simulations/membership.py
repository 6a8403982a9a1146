"""A cluster of members that only watch each other: the real `Swim` on a manual clock and a memory network."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec

from feria.cluster.members import Message, Peer, State
from feria.cluster.swim import Swim
from simulations.memory_network import MemoryNetwork, MemoryTransport

STEP = 0.1
"""Seconds between two ticks of a member."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


@dataclass
class Member:
    name: str
    swim: Swim
    transport: MemoryTransport
    stalled_until: float = -1.0
    unread: list[tuple[str, bytes]] = field(default_factory=list)
    deaths: list[tuple[float, str]] = field(default_factory=list)
    """When, and whom, it declared or was told dead."""
    suspicions: list[tuple[float, str]] = field(default_factory=list)
    """The same of suspects."""
    twins: list[tuple[str, bool]] = field(default_factory=list)


class World:
    def __init__(self, seed: int, make: Callable[..., Swim] = Swim) -> None:
        self.random = Random(seed)
        self.network = MemoryNetwork(self.random)
        self.network.weather.delay = (0.001, 0.02)
        self.members: dict[str, Member] = {}
        self._make = make
        self._lives = 0

    @property
    def now(self) -> float:
        return self.network.seconds

    def start(self, name: str, *seeds: str, address: str | None = None, **more: Any) -> Member:
        """A member, which gets a new life where there was one of that name; seeds are names."""
        self._lives += 1
        at = address or self.address(name)
        transport = self.network.join(at)
        swim = self._make(
            more.pop("id", name),
            at,
            f"http://{name}",
            self._lives * 1000,
            Random(self.random.random()),
            seeds=[self.address(seed) for seed in seeds],
            **more,
        )
        member = self.members[name] = Member(name, swim, transport)

        def changed(peer: Peer, _before: State | None) -> None:
            if peer.state is State.dead:
                member.deaths.append((self.now, peer.id))
            elif peer.state is State.suspect:
                member.suspicions.append((self.now, peer.id))

        swim.view.on_change = changed
        swim.on_twin = lambda where, yielding: member.twins.append((where, yielding))
        transport.listen(lambda sender, payload: self._arrived(member, sender, payload))
        return member

    def crash(self, name: str) -> Member:
        self.network.leave(self.address(name))
        return self.members.pop(name)

    def stall(self, name: str, seconds: float) -> None:
        """That member's process stands still; what comes is read when it goes on."""
        self.members[name].stalled_until = self.now + seconds

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> float:
        """Let time pass; returns how much did, which is less where `until` came true."""
        began = self.now
        while self.now < began + seconds - 1e-9:
            if until is not None and until():
                break
            self.network.advance(STEP)
            for member in list(self.members.values()):
                if self.now >= member.stalled_until:
                    self._wake(member)
        return self.now - began

    def agreed(self) -> bool:
        """Whether everybody takes everybody for alive."""
        return all(
            {peer.id for peer in member.swim.peers.values() if peer.state is State.alive}
            == {other.swim.me.id for other in self.members.values() if other is not member}
            for member in self.members.values()
        )

    def lives(self, id: str) -> set[int]:
        """In which life the others know that member."""
        return {member.swim.peers[id].news.life for name, member in self.members.items() if name != id}

    def dead_to_all(self, id: str) -> bool:
        return all(
            id in member.swim.peers and member.swim.peers[id].state is State.dead
            for member in self.members.values()
        )

    def deaths(self) -> list[tuple[float, str]]:
        return [death for member in self.members.values() for death in member.deaths]

    def suspicions(self) -> list[tuple[float, str]]:
        return [suspicion for member in self.members.values() for suspicion in member.suspicions]

    def forget_the_dead(self) -> None:
        """As if everybody had been away for longer than anything is remembered."""
        for member in self.members.values():
            for peer in list(member.swim.peers.values()):
                member.swim.forget(peer.id)

    @staticmethod
    def address(name: str) -> str:
        return f"{name}.fair:7001"

    def _arrived(self, member: Member, sender: str, payload: bytes) -> None:
        if self.now < member.stalled_until:
            member.unread.append((sender, payload))
            return
        member.swim.receive(sender, _decode(payload), self.now)
        self._post(member)

    def _wake(self, member: Member) -> None:
        member.swim.tick(self.now)
        self._post(member)
        unread, member.unread = member.unread, []
        for sender, payload in unread:
            self._arrived(member, sender, payload)

    def _post(self, member: Member) -> None:
        for to, message in member.swim.outbox:
            member.transport.send(to, _encode(message))
        member.swim.outbox.clear()


def cluster(count: int, seed: int, make: Callable[..., Swim] = Swim) -> World:
    """So many members, joined through the first, that all know each other."""
    world = World(seed, make)
    for number in range(count):
        world.start(f"m{number}", *(() if number == 0 else ("m0",)))
    world.run(60, world.agreed)
    assert world.agreed()
    return world
