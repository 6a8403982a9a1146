"""The form of `Transport` for simulations: bytes in memory, time by hand, and every fault a network has."""

import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from feria.cluster.frames import MOST_BYTES
from feria.cluster.transport import Gone, Receive


@dataclass
class Weather:
    """What befalls payloads. Delays are in seconds, the rest are shares of all payloads."""

    delay: tuple[float, float] = (0.001, 0.001)
    lost: float = 0.0
    doubled: float = 0.0
    overtaking: float = 0.0
    """Payloads that do not wait for those sent before them."""


@dataclass(order=True)
class _Flight:
    due: float
    turn: int
    sender: "MemoryTransport" = field(compare=False)
    to: str = field(compare=False)
    payload: bytes = field(compare=False)


class MemoryNetwork:
    """Nothing moves but in `advance`, so the same seed gives the same history."""

    def __init__(self, random: Random, *, queue_bytes: int = 8 * 2**20) -> None:
        self.weather = Weather()
        self.seconds = 0.0
        self.sent = 0
        self.delivered = 0
        self.queue_bytes = queue_bytes
        self._random = random
        self._turn = 0
        self._members: dict[str, MemoryTransport] = {}
        self._flying: list[_Flight] = []
        self._last_due: dict[tuple[str, str], float] = {}
        self._cut: set[tuple[str, str]] = set()
        self._stalled: set[str] = set()
        self.under_way: defaultdict[tuple[str, str], int] = defaultdict(int)
        """Bytes that were sent and have not arrived, by sender and receiver."""

    def join(self, address: str) -> "MemoryTransport":
        """A transport at that address; one that was there is closed."""
        if address in self._members:
            self._members[address].close()
        self._members[address] = member = MemoryTransport(self, address)
        return member

    def leave(self, address: str) -> None:
        self._members.pop(address).close()

    def cut(self, one: str, other: str, *, one_way: bool = False) -> None:
        """What `one` sends does not reach `other`; nor the other way round, unless it is `one_way`."""
        self._cut.add((one, other))
        if not one_way:
            self._cut.add((other, one))

    def part(self, *islands: Iterable[str]) -> None:
        """Members of different islands do not reach each other."""
        sides = [list(island) for island in islands]
        for number, island in enumerate(sides):
            for others in sides[number + 1 :]:
                for one in island:
                    for other in others:
                        self.cut(one, other)

    def mend(self) -> None:
        self._cut.clear()

    def stall(self, address: str) -> None:
        """That member reads nothing; what is sent to it waits, up to `queue_bytes` for each sender."""
        self._stalled.add(address)

    def wake(self, address: str) -> None:
        self._stalled.discard(address)

    def advance(self, seconds: float) -> None:
        """Deliver all that is due within that time, each thing when it is."""
        end = self.seconds + seconds
        held: list[_Flight] = []
        while self._flying and self._flying[0].due <= end:
            flight = heapq.heappop(self._flying)
            self.seconds = max(self.seconds, flight.due)
            if flight.to in self._stalled:
                held.append(flight)
            else:
                self._deliver(flight)
        for flight in held:
            flight.due = end
            heapq.heappush(self._flying, flight)
        self.seconds = end

    def send(self, sender: "MemoryTransport", to: str, payload: bytes) -> bool:
        way = (sender.address, to)
        if self.under_way[way] + len(payload) > self.queue_bytes:
            return False
        self.sent += 1
        weather, random = self.weather, self._random
        if way in self._cut or random.random() < weather.lost:
            return True
        for _ in range(1 + (random.random() < weather.doubled)):
            due = self.seconds + random.uniform(*weather.delay)
            if random.random() >= weather.overtaking:
                due = max(due, self._last_due.get(way, 0.0))
                self._last_due[way] = due
            self._turn += 1
            self.under_way[way] += len(payload)
            heapq.heappush(self._flying, _Flight(due, self._turn, sender, to, payload))
        return True

    def gone(self, member: "MemoryTransport") -> None:
        for other in self._members.values():
            if other is not member and (member.address, other.address) not in self._cut:
                other.tell_gone(member.address)

    def _deliver(self, flight: _Flight) -> None:
        self.under_way[flight.sender.address, flight.to] -= len(flight.payload)
        receiver = self._members.get(flight.to)
        if receiver is not None and (flight.sender.address, flight.to) not in self._cut:
            self.delivered += 1
            receiver.deliver(flight.sender.address, flight.payload)


class MemoryTransport:
    """Made by `MemoryNetwork.join`."""

    def __init__(self, network: MemoryNetwork, address: str) -> None:
        self._network = network
        self._address = address
        self._receive: Receive = lambda _sender, _payload: None
        self._gone: Gone = lambda _address: None
        self._met: set[str] = set()
        self._closed = False

    @property
    def address(self) -> str:
        return self._address

    def send(self, to: str, payload: bytes, *, later: bool = False) -> bool:
        if len(payload) > MOST_BYTES:
            raise ValueError(f"a payload of {len(payload)} bytes")
        if self._closed or to == self._address:
            return False
        self._met.add(to)
        return self._network.send(self, to, bytes(payload))

    def listen(self, receive: Receive) -> None:
        self._receive = receive

    def ended(self, gone: Gone) -> None:
        self._gone = gone

    def deliver(self, sender: str, payload: bytes) -> None:
        if not self._closed:
            self._met.add(sender)
            self._receive(sender, payload)

    def tell_gone(self, address: str) -> None:
        if address in self._met:
            self._met.discard(address)
            self._gone(address)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._network.gone(self)
