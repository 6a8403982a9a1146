"""How members come to hold the same rows: what each says to whom, and what it does with what it hears.

Nothing here waits, reads a clock or touches a network: it runs in the writer's thread (or in a simulator),
inside a transaction, and what it has to say is taken from it when that is durable.
"""

import random
from collections.abc import Sequence

from feria.cluster import roster
from feria.cluster.messages import Ask, Delta, Digest, Known, Message, Offer, Page, Push, Stamp, member_number
from feria.cluster.replica import Replica, size
from feria.cluster.reports import Report, Reports
from feria.cluster.rows import Row
from feria.cluster.transfers import GIVING_SECONDS, PAGE_BYTES, Taking, Transfer, page_for
from feria.cluster.vectors import Entries, covers

EXCHANGE_SECONDS = 1.0
"""Between two exchanges that a member begins, give or take a fifth."""
ALONE_SECONDS = 10.0
"""After which a member that was to join others, and met none, takes what it has for all there is."""
COLLECT_SECONDS = 10.0
COLLECTED_AT_ONCE = 2000
PUSH_PEERS = 4
RELAY_PEERS = 2
PUSH_ROWS = 1024
PUSH_BYTES = 2**19
"""Of a commit that writes more, the others learn by an exchange."""
LATEST = 8
"""Entries of the vector that go with a push."""
SOON_SECONDS = 0.2
"""Between two exchanges that a gap calls for."""


class Gossip:
    """`replica` is one member's; what it says to others lies in wait for `take`."""

    taking = Taking
    page_bytes = PAGE_BYTES
    giving_seconds = GIVING_SECONDS

    def __init__(self, replica: Replica, random: random.Random, member: str) -> None:
        self.replica = replica
        self.reports = Reports()
        self.peers: list[str] = []
        """Addresses of live members, to push to."""
        self.expects_others = False
        """Is it to join others, though none may be there yet?"""
        self.refused = 0
        """Messages of members that missed deletions (R7)."""
        self.resets = 0
        """Times that this member took over another's state, deletions and all."""
        self._random = random
        self._member = member
        self._number = member_number(member)
        self._outbox: list[tuple[str, Message]] = []
        self._relays: list[tuple[str, Push]] = []
        self._at: dict[str, int] = {}  # the member last heard from an address
        self._now = 0.0
        self._ticks_from: float | None = None
        self._has_agreed = False
        self._exchange_due = 0.0
        self._collect_due: float | None = None
        self._giving_until = 0.0
        self._soon: dict[str, float] = {}
        self._taking = self.taking(replica, self._whole, self._send)

    @property
    def transfer(self) -> Transfer | None:
        """What is being taken over from another member in pages, if anything is."""
        return self._taking.transfer

    @property
    def lacks_rows(self) -> bool:
        """Are there keys that it will have, and has not yet? It is taking over what others have, or it is
        new, was told to join others, and has not met one."""
        if self.transfer is not None:
            return True
        if not self.expects_others or self._has_agreed or self._is_alone:
            return False
        return not self.replica.vector.entries.keys() - {self.replica.origin}

    @property
    def _is_alone(self) -> bool:
        return self._ticks_from is not None and self._now - self._ticks_from > ALONE_SECONDS

    @property
    def speaks(self) -> bool:
        """Is there something to be sent?"""
        return bool(self._outbox)

    def take(self) -> list[tuple[str, Message]]:
        """What is to be sent, each to an address; to be called once what was committed is durable."""
        outbox, self._outbox = self._outbox, []
        return outbox

    def rolled_back(self) -> None:
        """The transaction failed, so nothing of it was said."""
        self._outbox.clear()
        self._relays.clear()
        self._taking.load()

    # -------------------------------------------------------------------------------- what time brings
    def tick(self, now: float, peers: Sequence[str]) -> None:
        """To be called a few times a second, with the addresses of live members but for oneself."""
        self._now = now
        self._ticks_from = now if self._ticks_from is None else self._ticks_from
        self.peers = list(peers)
        if self.peers and now >= self._exchange_due:
            self._exchange_due = now + EXCHANGE_SECONDS * self._random.uniform(0.8, 1.2)
            self.exchange(self._random.choice(self.peers))
        self._taking.tick(now)
        if self._collect_due is None:  # who took pages from this member before it was stopped is given time
            self._collect_due = now + self.giving_seconds
        if now >= self._collect_due:
            is_more = self.collect() == COLLECTED_AT_ONCE
            self._collect_due = now + (EXCHANGE_SECONDS if is_more else COLLECT_SECONDS)
            self.tend_roster()

    def exchange(self, peer: str) -> None:
        """Compare vectors with this one, now, and let what differs follow."""
        held_life, held = self.reports.held(self._at.get(peer, 0))
        self._send(peer, self._digest_for(held_life, held, asks=True))

    def collect(self) -> int:
        """R4, R5: drop the tombstones that all members have come past; how many it were.

        None, while somebody takes pages from here, as what was on one must not be missing on the next; nor
        while pages lie aside here, which may hold what a tombstone is there to hold off.
        """
        if self._now < self._giving_until or self.transfer is not None:
            return 0
        members = self._waited_for()
        if members is None:
            return 0
        stable = self.reports.stable(self.replica.vector.entries, members)
        return self.replica.collect(stable, COLLECTED_AT_ONCE)

    def _waited_for(self) -> set[int] | None:
        """R5: who must know of a deletion before it is forgotten: those with a seat, and whoever is there
        without one yet. None where somebody is there of whom nothing is known."""
        members = {
            member_number(member)
            for member, seat in roster.members(self.replica.disk).items()
            if seat.state == roster.State.member
        }
        there = [self._at.get(peer) for peer in self.peers]
        if None in there or (self.expects_others and not there):
            return None
        return members.union(filter(None, there)) - {self._number}

    def tend_roster(self) -> None:
        """Take my seat again, once I know that I was expelled: then I have what the others have."""
        mine = roster.members(self.replica.disk).get(self._member)
        if mine is not None and mine.state == roster.State.expelled and self.transfer is None:
            now = self.replica.clock.now()
            roster.seat(self.replica, self._member, mine.address, roster.State.member, now)

    @property
    def has_work(self) -> bool:
        """Is there something to do that waits for nobody?"""
        return self._taking.is_whole

    def work(self) -> None:
        """Do a part of it."""
        resets = self.transfer is not None and self.transfer.resets
        if self._taking.take_over():
            self.resets += resets

    # -------------------------------------------------------------------------------- what others say
    def receive(self, sender: str, message: Message, now: float) -> None:
        """`sender` is the address by which it is answered."""
        self._now = now
        if self._taking.is_whole:
            return  # it will be said again, and pages are taken over at one go
        match message:
            case Digest():
                self._meet(sender, message.member)
                self._on_digest(sender, message)
            case Push():
                self._meet(sender, message.member)
                self._on_push(sender, message)
            case Offer():
                self._meet(sender, message.member)
                self._on_offer(sender, message)
            case _:
                self._meet(sender, message.stamp.member)
                theirs = self.reports.take(message.stamp)
                if theirs is not None:
                    self._compare(theirs)
                self._on_vector(sender, message, theirs)

    def _on_vector(self, sender: str, message: Known | Delta | Ask | Page, theirs: Entries | None) -> None:
        match message:
            case Known():
                self._on_known(sender, message, theirs)
            case Delta() if theirs is not None:
                self._on_delta(sender, message, theirs)
            case Ask() if theirs is not None:
                self._on_ask(sender, message, theirs)
            case Page() if theirs is not None:
                self._on_page(sender, message, theirs)
            case _:
                pass  # it says what changed since something that was lost; the next exchange says it all

    def _compare(self, theirs: Entries) -> None:
        if self.replica.disown(theirs):
            self._taking.again()

    def _meet(self, sender: str, member: int) -> None:
        self._at[sender] = member

    def _on_digest(self, sender: str, said: Digest) -> None:
        if said.hash == self.replica.vector.hash:
            self._has_agreed = True
            agreed = Report(said.life, said.moment, dict(self.replica.vector.entries))
            self.reports.put(said.member, agreed)
            if said.asks:
                held_life, held = self.reports.held(said.member)
                self._send(sender, self._digest_for(held_life, held, asks=False))
        elif said.asks:
            held_life, held = self.reports.held(said.member)
            self._send(sender, Known(self._stamp(said.held_life, said.held), held_life, held))

    def _on_known(self, sender: str, said: Known, theirs: Entries | None) -> None:
        if theirs is None:
            self._send(sender, self._digest_for(0, 0, asks=True))
            return
        self._give(sender, said.stamp, theirs, self._stamp(said.held_life, said.held), asks=True)

    def _give(self, to: str, theirs_at: Stamp, theirs: Entries, mine: Stamp, *, asks: bool) -> None:
        """What a member with this vector lacks, or the offer of it."""
        if self.replica.is_behind(theirs):
            self._offer(to, resets=True)
        elif (rows := self.replica.delta(theirs)) is None:
            self._offer(to, resets=False)
        elif asks or not covers(theirs, self.replica.vector.entries):
            self._send(to, Delta(mine, theirs_at.life, theirs_at.moment, rows, asks))

    def _on_delta(self, sender: str, delta: Delta, theirs: Entries) -> None:
        if not self._taking.is_trusted(theirs):
            self._refuse(sender, theirs)
            return
        if self._is_for_me(delta.base):
            for row in delta.rows:
                self.replica.merge(row, theirs)
            self.replica.advance(theirs)
        if delta.asks:
            self._give(sender, delta.stamp, theirs, self._stamp(delta.base, delta.held), asks=False)

    def _is_for_me(self, base: int) -> bool:
        """R2: a delta leaves out what the one it was made for had; in another life I may no longer have it.
        And then its rows are of no use either: rows beyond my vector are rows that I tell nobody of."""
        return base == self.replica.life

    def _on_ask(self, sender: str, ask: Ask, theirs: Entries) -> None:
        is_behind = self.replica.is_behind(theirs)
        if is_behind > ask.resets or (is_behind < ask.resets and not ask.after):
            self._offer(sender, resets=is_behind)
            return
        self._giving_until = self._now + self.giving_seconds
        self._send(sender, page_for(self.replica, ask, self._whole(), self.page_bytes))

    def _on_page(self, sender: str, page: Page, theirs: Entries) -> None:
        if not page.resets and not self._taking.is_trusted(theirs):
            self._refuse(sender, theirs)
        else:
            self._taking.page(sender, page, self._now)

    def _on_offer(self, sender: str, offer: Offer) -> None:
        self._taking.offered(sender, offer, self._now)

    # -------------------------------------------------------------------------------- pushes
    def _on_push(self, sender: str, push: Push) -> None:
        """Take writes as they are made, when none before them is missing here."""
        self._compare({**push.latest, push.origin: push.upto})
        here = self.replica.vector[push.origin]
        if push.upto <= here:
            return
        if push.after > here or not self._is_recent(push):
            self._exchange_soon(sender)
            return
        report = self.reports.of(push.member)
        known = {**(report.entries if report is not None else {}), **push.latest}
        for row in push.rows:
            self.replica.merge(row, known)
        self.replica.advance({push.origin: push.upto})
        self._relays.append((sender, push))

    def _is_recent(self, push: Push) -> bool:
        """R7 for what carries no whole vector: it left after its sender said that it has come past every
        tombstone that is gone here."""
        if not self.replica.collected and self.transfer is None:
            return True
        report = self.reports.of(push.member)
        return (
            report is not None
            and report.life == push.life
            and report.moment <= push.moment
            and self._taking.is_trusted(report.entries)
        )

    def committing(self) -> None:
        """Say what this transaction wrote; the last call before its commit."""
        written, origin = self.replica.written, self.replica.origin
        relays, self._relays = self._relays, []
        if written and self.peers and origin is not None:
            rows = self.replica.disk.beyond(origin, self.replica.written_from, PUSH_ROWS + 1)
            # Where another row won meanwhile, these are not all the keys; the next exchange tells.
            if {row.key for row in rows} == written and sum(map(size, rows)) <= PUSH_BYTES:
                push = self._push(origin, self.replica.written_from, self.replica.vector[origin], list(rows))
                for peer in self._random.sample(self.peers, min(PUSH_PEERS, len(self.peers))):
                    self._send(peer, push)
        if len(self.peers) > PUSH_PEERS:
            for sender, said in relays:
                self._relay(sender, said)

    def _relay(self, sender: str, said: Push) -> None:
        if any(self.replica.disk.row(row.key) != row for row in said.rows):
            return
        others = [peer for peer in self.peers if peer != sender]
        push = self._push(said.origin, said.after, said.upto, said.rows)
        for peer in self._random.sample(others, min(RELAY_PEERS, len(others))):
            self._send(peer, push)

    def _push(self, origin: int, after: int, upto: int, rows: list[Row]) -> Push:
        vector, life = self.replica.vector, self.replica.life
        return Push(self._number, life, vector.moment, vector.latest(LATEST), origin, after, upto, rows)

    def _exchange_soon(self, peer: str) -> None:
        if self._now >= self._soon.get(peer, 0.0):
            self._soon[peer] = self._now + SOON_SECONDS
            self.exchange(peer)

    # -------------------------------------------------------------------------------- words of my own
    def _digest_for(self, held_life: int, held: int, *, asks: bool) -> Digest:
        vector, life = self.replica.vector, self.replica.life
        return Digest(self._number, life, vector.moment, vector.hash, held_life, held, asks)

    def _stamp(self, held_life: int, held: int) -> Stamp:
        """My vector, for who holds it as it was at a moment of a life."""
        vector = self.replica.vector
        since = held if held_life == self.replica.life and held <= vector.moment else 0
        return Stamp(self._number, self.replica.life, vector.moment, since, vector.since(since))

    def _whole(self) -> Stamp:
        return self._stamp(0, 0)

    def _offer(self, to: str, *, resets: bool) -> None:
        self._send(to, Offer(self._number, self.replica.life, resets))

    def _refuse(self, sender: str, theirs: Entries) -> None:
        self.refused += 1
        if self.replica.is_behind(theirs):
            self._offer(sender, resets=True)

    def _send(self, to: str, message: Message) -> None:
        self._outbox.append((to, message))
