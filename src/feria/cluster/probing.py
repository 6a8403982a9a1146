"""Pinging members in turn, through others where they do not answer, and pinging for others."""

from collections.abc import Callable
from dataclasses import dataclass

from feria.cluster.members import Ack, Ask, Health, Message, Nack, Ping
from feria.cluster.view import View

RELAY_SHARE = 0.8
"""Of the time for an answer: a relay says by then that it has none."""

Send = Callable[[str, Message], None]


@dataclass(slots=True)
class _Probe:
    number: int
    id: str
    address: str
    asked_at: float
    relays: int = 0
    nacks: int = 0
    indirect: bool = False
    answered: bool = False


@dataclass(slots=True)
class _Relay:
    """A ping for somebody else."""

    asker: str
    number: int
    nack_at: float
    nacked: bool = False


class Prober:
    def __init__(self, view: View, send: Send, health: Callable[[], Health]) -> None:
        self._view = view
        self._send = send
        self._health = health
        self._turn: list[str] = []
        self._probe: _Probe | None = None
        self._relays: dict[int, _Relay] = {}
        self._number = 0
        self._next_at = 0.0

    def begin(self, now: float) -> None:
        self._next_at = now + self._view.random.uniform(0, self._view.pace.probe)

    def shift(self, seconds: float) -> None:
        """Nothing could be heard for so long."""
        self._next_at += seconds
        if self._probe is not None:
            self._probe.asked_at += seconds
        for relay in self._relays.values():
            relay.nack_at += seconds

    def tick(self, now: float) -> None:
        pace, probe, slower = self._view.pace, self._probe, 1 + self._view.doubt
        self._say_nack(now)
        waiting = probe is not None and not probe.answered
        if waiting and not probe.indirect and now >= probe.asked_at + pace.answer * slower:  # type: ignore[union-attr]
            self._ask_others()
        if now < self._next_at:
            return
        if waiting:
            self._failed(now)
        self._next_at = now + pace.probe * (1 + self._view.doubt)
        self._begin_next(now)

    def next(self, id: str, now: float) -> None:
        """Look at that one first, and soon."""
        self._turn.append(id)
        if self._probe is None or self._probe.answered:
            self._next_at = min(self._next_at, now)

    def ping(self, id: str, address: str) -> int:
        """One ping beside the turn; its number comes back with the answer."""
        self._number += 1
        self._send(address, Ping(self._number, id, self._health()))
        return self._number

    # ------------------------------------------------------------------ what comes
    def asked(self, sender: str, ask: Ask, now: float) -> None:
        number = self.ping(ask.to, ask.address)
        self._relays[number] = _Relay(sender, ask.number, now + self._view.pace.answer * RELAY_SHARE)

    def acked(self, ack: Ack, now: float) -> None:
        relay = self._relays.pop(ack.number, None)
        if relay is not None:
            self._send(relay.asker, Ack(relay.number, ack.of, ack.life, ack.health))
            return
        probe = self._probe
        if probe is None or probe.number != ack.number or probe.id != ack.of:
            return
        if not probe.answered:
            probe.answered = True
            self._view.blame(-1)
        peer = self._view.peers.get(ack.of)
        if peer is not None:
            peer.heard, peer.health = now, ack.health

    def nacked(self, nack: Nack) -> None:
        if self._probe is not None and self._probe.number == nack.number:
            self._probe.nacks += 1

    # ------------------------------------------------------------------ one round
    def _begin_next(self, now: float) -> None:
        """In an order shuffled anew each round, so nobody waits longer than two rounds."""
        self._probe = None
        for _ in range(2):
            while self._turn:
                peer = self._view.peers.get(self._turn.pop())
                if peer is not None and peer.state.live:
                    self._number += 1
                    self._probe = _Probe(self._number, peer.id, peer.address, now)
                    self._send(
                        peer.address, Ping(self._number, peer.id, self._health(), self._view.news(peer))
                    )
                    return
            self._turn = [peer.id for peer in self._view.live()]
            self._view.random.shuffle(self._turn)

    def _ask_others(self) -> None:
        probe = self._probe
        assert probe is not None
        probe.indirect = True
        for relay in self._view.some(self._view.pace.relays, but=probe.id):
            probe.relays += 1
            self._send(relay.address, Ask(probe.number, probe.id, probe.address, self._view.news(relay)))

    def _failed(self, now: float) -> None:
        probe = self._probe
        assert probe is not None
        # Who does not even hear the others that it asked to look should doubt itself.
        self._view.blame(probe.relays - probe.nacks if probe.relays else 1)
        peer = self._view.peers.get(probe.id)
        if peer is not None and peer.state.live:
            self._view.accuse(peer, now)

    def _say_nack(self, now: float) -> None:
        for number, relay in list(self._relays.items()):
            if not relay.nacked and now >= relay.nack_at:
                relay.nacked = True
                self._send(relay.asker, Nack(relay.number))
            elif now >= relay.nack_at + self._view.pace.probe * 2:
                del self._relays[number]
