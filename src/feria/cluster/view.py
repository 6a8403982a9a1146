"""Who is in the cluster as one member sees it: what it was told, weighed, and what it passes on."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from feria.cluster.members import News, Peer, State
from feria.cluster.rumours import Rumours
from feria.cluster.suspicions import Suspicions

MOST_NEWS = 12
"""In one message, beside a whole view."""


@dataclass(frozen=True)
class Pace:
    """In seconds, and counts of members."""

    probe: float = 1.0
    answer: float = 0.5
    relays: int = 3
    suspicion: float = 4.0
    """How long a suspect may take to contradict once it is confirmed, in a cluster of up to ten."""
    doubt: float = 2.0
    """How many times as long where nobody confirms."""
    spread: float = 0.2
    spread_to: int = 3
    rejoin: float = 10.0
    exchange: float = 30.0
    patience: int = 8
    """How many times slower a member may become that doubts itself."""


class View:
    def __init__(self, me: News, random: Random, pace: Pace) -> None:
        self.me = me
        self.random = random
        self.pace = pace
        self.peers: dict[str, Peer] = {}
        """By id; all that were ever heard of and not forgotten."""
        self.doubt = 0
        """0 to `patience`: how much this member has reason to blame itself for what it does not hear."""
        self.on_change: Callable[[Peer, State | None], None] = lambda _peer, _before: None
        """Told a member that came, or whose state or life changed, and its state before."""
        self._live: dict[str, Peer] = {}
        self._ids: dict[str, str] = {}
        """By address."""
        self._rumours = Rumours()
        self._suspicions = Suspicions()

    # ------------------------------------------------------------------ who there is
    def live(self) -> list[Peer]:
        """Other members that are alive or only suspected."""
        return list(self._live.values())

    @property
    def members(self) -> int:
        """Live ones, this one with them."""
        return len(self._live) + 1

    def at(self, address: str) -> Peer | None:
        """The member there, the live one where there were several."""
        return self.peers.get(self._ids.get(address, ""))

    def some(self, count: int, but: str = "") -> list[Peer]:
        """Live ones by chance."""
        others = [peer for id, peer in self._live.items() if id != but]
        return self.random.sample(others, min(count, len(others)))

    def forget(self, id: str) -> Peer | None:
        """Nobody live."""
        peer = self.peers.get(id)
        if peer is None or peer.state.live:
            return None
        if self.at(peer.address) is peer:
            del self._ids[peer.address]
        return self.peers.pop(id)

    # ------------------------------------------------------------------ what is said
    def whole(self) -> tuple[News, ...]:
        return (self.me, *(peer.news for peer in self.peers.values()))

    @property
    def has_news(self) -> bool:
        return bool(self._rumours)

    def news(self, to: Peer | None) -> tuple[News, ...]:
        """What is worth saying, and first of all to a suspect that it is one."""
        news = self._rumours.some(MOST_NEWS, self.members)
        if to is not None and to.state is State.suspect and to.news not in news:
            return (to.news, *news)
        return tuple(news)

    def speak(self, state: State, incarnation: int) -> None:
        """Of oneself."""
        self.me = said(self.me, state, incarnation=incarnation)
        self._rumours.add(self.me)

    # ------------------------------------------------------------------ what is heard
    def hear(self, news: News, now: float, *, wholly: bool = False) -> None:
        """Of another member; `wholly` in somebody's whole view."""
        peer = self.peers.get(news.id)
        if peer is None:
            self._take(news, None, now)
            return
        if wholly and news.state is State.dead and peer.state.live:
            # A view may be older than what spreads; the member gets the time to contradict.
            news = said(news, State.suspect, by=news.by)
        if news.overrides(peer.news):
            self._take(news, peer, now)
        elif (
            news.state is peer.state is State.suspect
            and news.incarnation == peer.news.incarnation
            and self._suspicions.confirm(news.id, news.by)
        ):
            self._rumours.add(news)

    def accuse(self, peer: Peer, now: float) -> None:
        """It did not answer this member."""
        self.hear(said(peer.news, State.suspect, by=self.me.id), now)

    def bury(self, now: float) -> None:
        """Suspects that had their time are dead."""
        for id in self._suspicions.ended(now):
            peer = self.peers[id]
            self._take(said(peer.news, State.dead, by=self.me.id), peer, now)

    def grant(self, seconds: float) -> None:
        """All suspects have so much more time."""
        self._suspicions.shift(seconds)

    def blame(self, by: int) -> None:
        """Oneself, for so much more or less."""
        self.doubt = max(0, min(self.pace.patience, self.doubt + by))

    def _take(self, news: News, peer: Peer | None, now: float) -> None:
        before = None if peer is None else peer.news
        if peer is None:
            peer = self.peers[news.id] = Peer(news, now)
        else:
            peer.news = news
            if before is not None and before.state is not news.state:
                peer.since = now
        if news.state.live:
            self._live[news.id] = peer
        else:
            self._live.pop(news.id, None)
        there = self.at(news.address)
        if there is None or news.state.live or not there.state.live:
            self._ids[news.address] = news.id
        if news.state is State.suspect:
            self._suspicions.begin(news.id, news.by, now, *self._patience())
        else:
            self._suspicions.end(news.id)
        self._rumours.add(news)
        if before is None or before.state is not news.state or before.life != news.life:
            self.on_change(peer, None if before is None else before.state)

    def _patience(self) -> tuple[float, float, int]:
        """Shortest and longest time for a suspect, and how many confirmations make it the shortest."""
        least = self.pace.suspicion * max(1.0, math.log10(self.members)) * self.pace.probe
        confirming = max(0, min(2, self.members - 3))
        return least, least * self.pace.doubt if confirming else least, confirming


def said(news: News, state: State, *, by: str = "", incarnation: int | None = None) -> News:
    """The same with another state."""
    raised = news.incarnation if incarnation is None else incarnation
    return News(news.id, news.address, news.url, news.life, raised, state, by)
