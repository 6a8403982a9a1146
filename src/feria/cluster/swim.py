"""Who is in the cluster and who answers: SWIM with what Lifeguard adds, without a socket or a clock.

Every second a member pings another; one that is silent is asked for by three others; then it is suspected,
which spreads with the pings, and unless it contradicts in time it is dead. A member that has reason to doubt
itself, because its own loop stood still or others' answers do not come either, waits longer before it
accuses. Nobody is given up: seeds and dead members are called for ever, so islands find each other again.

A. Das, I. Gupta, A. Motivala, SWIM (2002); A. Dadgar, J. Phillips, J. Currey, Lifeguard (2017). That dead
members are called for ever is in neither: members that had forgotten each other would never meet again.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from random import Random

import msgspec

from feria.cluster.members import (
    Ack,
    Ask,
    Health,
    Join,
    Joined,
    Message,
    Nack,
    News,
    Peer,
    Ping,
    State,
    Tell,
    Yield,
)
from feria.cluster.probing import Prober
from feria.cluster.view import Pace, View

STALL_SECONDS = 1.0
"""A tick that comes so late says that this process stood still."""
REMEMBERED = 10_000
TWINS_ASKED = 64


class Swim:
    """One member's part in it. What is to be sent lies in `outbox` as (address, message)."""

    def __init__(
        self,
        id: str,
        address: str,
        url: str,
        life: int,
        random: Random,
        *,
        seeds: Iterable[str] = (),
        pace: Pace | None = None,
        replace: bool = False,
    ) -> None:
        """`life` is higher than that of any earlier run, as the time of the start is; the random numbers are
        for the order of things alone."""
        self.outbox: list[tuple[str, Message]] = []
        self.view = View(News(id, address, url, life, life, State.alive), random, pace or Pace())
        self.health = Health()
        """Of this member, as others shall see it."""
        self.on_twin: Callable[[str, bool], None] = lambda _address, _yielding: None
        """Told that another node, there, bears this one's id: it was first, or (`yielding`) takes over."""
        self._prober = Prober(self.view, self._send, lambda: self.health)
        self._random = random
        self._replace = replace
        self._known = set(seeds) - {address}
        """Addresses to be called while nobody live is there."""
        self._twins: dict[int, News] = {}
        """Asked whether they are there, by the number of the question."""
        self._told: dict[str, float] = {}
        """When whom was answered that it is taken for dead."""
        self._ticked_at: float | None = None
        self._spread_at = 0.0
        self._rejoin_at = 0.0
        self._exchange_at = 0.0

    @property
    def peers(self) -> dict[str, Peer]:
        """By id: all other members that were heard of."""
        return self.view.peers

    @property
    def me(self) -> News:
        return self.view.me

    def live(self) -> list[Peer]:
        """Other members that are alive or only suspected."""
        return self.view.live()

    @property
    def has_calls(self) -> bool:
        """Whether there is anybody to find."""
        return bool(self._known)

    @property
    def asks_twins(self) -> bool:
        """Whether it is not known yet if another node bears this one's id."""
        return bool(self._twins)

    def remember(self, addresses: Iterable[str]) -> None:
        """Call these, too, while nobody live is there."""
        self._known |= set(addresses) - {self.me.address}

    def forget(self, id: str) -> None:
        """Of a member that is not live: show it no more. Its address is still called, unless it left."""
        peer = self.view.forget(id)
        if peer is not None and peer.state is State.dead:
            self.remember([peer.address])
        elif peer is not None:
            self._known.discard(peer.address)

    def move(self, url: str) -> None:
        """This node answers there over HTTP."""
        if url != self.me.url:
            self.view.me = msgspec.structs.replace(self.me, url=url)
            self.view.speak(self.me.state, self.me.incarnation + 1)

    def leave(self) -> None:
        """Tell everybody that this member goes, of its own will."""
        self.view.speak(State.left, self.me.incarnation + 1)
        for peer in self.live():
            self._send(peer.address, Tell((self.me,)))

    # ------------------------------------------------------------------ time
    def tick(self, now: float) -> None:
        """To be called several times a second."""
        pace = self.view.pace
        if self._ticked_at is None:
            self._begin(now)
        elif (gap := now - self._ticked_at) > STALL_SECONDS:
            self._stood_still(gap)
        self._ticked_at = now
        self._prober.tick(now)
        self.view.bury(now)
        if now >= self._spread_at:
            self._spread_at = now + pace.spread
            self._spread(now)
        if now >= self._rejoin_at:
            self._rejoin_at = now + pace.rejoin * self._random.uniform(0.9, 1.1)
            self._rejoin()
        if now >= self._exchange_at:
            self._exchange_at = now + pace.exchange * self._random.uniform(0.8, 1.2)
            for peer in self.view.some(1):
                self._send(peer.address, Join(self.view.whole()))

    def _begin(self, now: float) -> None:
        pace = self.view.pace
        self._prober.begin(now)
        self._exchange_at = now + pace.exchange * self._random.random()
        self._rejoin_at = now + pace.rejoin * self._random.random()
        for address in sorted(self._known):
            self._send(address, Join(self.view.whole()))

    def _stood_still(self, gap: float) -> None:
        """Answers may lie unread, so nobody is held to what they did not say meanwhile."""
        self.view.blame(1 + int(gap > 2 * STALL_SECONDS))
        self.view.grant(gap)
        self._prober.shift(gap)

    def _spread(self, now: float) -> None:
        """Between the pings, while there is news; to one that died lately too, in case it is there."""
        if not self.view.has_news:
            return
        recently = now - self.view.pace.exchange
        late = [peer for peer in self.peers.values() if peer.state is State.dead and peer.since > recently]
        dead = self._random.sample(late, min(1, len(late)))
        for peer in (*self.view.some(self.view.pace.spread_to), *dead):
            self._send(peer.address, Tell(self.view.news(peer)))

    def _rejoin(self) -> None:
        """One call to somebody who is not live here, for ever."""
        live = {peer.address for peer in self.live()}
        dead = {peer.address for peer in self.peers.values() if peer.state is State.dead}
        silent = sorted((self._known | dead) - live - {self.me.address})
        if silent:
            self._send(self._random.choice(silent), Join(self.view.whole()))

    # ------------------------------------------------------------------ what comes
    def receive(self, sender: str, message: Message, now: float) -> None:
        """`sender` is an address."""
        peer = self.view.at(sender)
        if peer is not None:
            peer.heard = now
        match message:
            case Yield():
                self._told_to_yield(sender, message)
            case Join() | Joined():
                self._hear(message.news, sender, now, wholly=True)
                if isinstance(message, Join):
                    self._send(sender, Joined(self.view.whole()))
            case _:
                self._hear(getattr(message, "news", ()), sender, now)
                self._answer(sender, message, now)
                self._answer_doubtful(sender, now)

    def hint(self, address: str) -> None:
        """The connection to that member ended: look at it next."""
        peer = self.view.at(address)
        if peer is not None and peer.state.live:
            self._prober.next(peer.id, self._ticked_at or 0.0)

    def _answer(self, sender: str, message: Message, now: float) -> None:
        match message:
            case Ping():
                self._pinged(sender, message)
            case Ack():
                self._prober.acked(message, now)
                self._met_twin(message)
            case Ask():
                self._prober.asked(sender, message, now)
            case Nack():
                self._prober.nacked(message)

    def _pinged(self, sender: str, ping: Ping) -> None:
        if ping.to != self.me.id:  # it was another's address once
            return
        peer = self.view.at(sender)
        if peer is not None:
            peer.health = ping.health
        self._send(sender, Ack(ping.number, self.me.id, self.me.life, self.health, self.view.news(peer)))

    def _answer_doubtful(self, sender: str, now: float) -> None:
        """Who speaks is there, whatever is known of it: tell it what is said, so that it can contradict."""
        peer = self.view.at(sender)
        if peer is not None and peer.state is State.alive:
            return
        if now - self._told.get(sender, -math.inf) < self.view.pace.probe:
            return
        if len(self._told) >= REMEMBERED:
            self._told.clear()
        self._told[sender] = now
        self._send(sender, Join(self.view.whole()) if peer is None else Tell((peer.news,)))

    def _hear(self, news: Sequence[News], sender: str, now: float, *, wholly: bool = False) -> None:
        for one in news:
            if one.id == self.me.id:
                self._hear_of_me(one, sender)
            else:
                known = self.peers.get(one.id)
                before = None if known is None else known.news
                self.view.hear(one, now, wholly=wholly)
                self._introduce_twins(before, one)

    def _hear_of_me(self, news: News, sender: str) -> None:
        """Contradict, with a higher incarnation, whatever is not so."""
        me = self.me
        if me.state is State.left:
            return
        if news.life != me.life and news.address != me.address and news.state.live:
            self._look_for_twin(news)
        untrue = news.state is not State.alive or news.life != me.life
        if not untrue or news.incarnation < me.incarnation:
            return
        if news.life == me.life:
            self.view.blame(1)
        self.view.speak(State.alive, news.incarnation + 1)
        self._send(sender, Tell((self.me,)))

    # ------------------------------------------------------------------ two of one id
    def _introduce_twins(self, before: News | None, now: News) -> None:
        """Where a member seems to have moved, it may be two: the later life finds out."""
        if before is None or not (before.state.live and now.state.live):
            return
        if before.life != now.life and before.address != now.address:
            earlier, later = sorted((before, now), key=lambda news: news.life)
            self._send(later.address, Tell((earlier,)))

    def _look_for_twin(self, news: News) -> None:
        """The later of two lives asks whether the earlier one is still there."""
        if news.life > self.me.life or any(twin.life == news.life for twin in self._twins.values()):
            return
        if len(self._twins) >= TWINS_ASKED:
            self._twins.clear()
        self._twins[self._prober.ping(news.id, news.address)] = news

    def _met_twin(self, ack: Ack) -> None:
        twin = self._twins.pop(ack.number, None)
        if twin is None or (ack.of, ack.life) != (self.me.id, twin.life):
            return
        if self._replace:
            self._send(twin.address, Yield(self.me.id, self.me.life))
        else:
            self.on_twin(twin.address, False)

    def _told_to_yield(self, sender: str, told: Yield) -> None:
        if told.id == self.me.id and told.life > self.me.life:
            self.on_twin(sender, True)

    def _send(self, to: str, message: Message) -> None:
        self.outbox.append((to, message))
