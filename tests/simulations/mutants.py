"""The code with one of its rules taken out: what the simulator is good for is that it notices.

Each is a subclass of the real thing with one decision turned round; nothing in `src` knows of them.
"""

from typing import Any

import msgspec

from feria.cluster.gossip import Gossip
from feria.cluster.hybrid_clock import HybridClock
from feria.cluster.messages import Ask, Delta, Offer, Page, Push, Stamp
from feria.cluster.rows import Row
from feria.cluster.transfers import page_for
from feria.cluster.vectors import Entries
from simulations.world import Rules, ShortGossip, ShortReplica, ShortTaking


def _gossip(taking_type: type[ShortTaking]) -> type[Gossip]:
    return type("MutantGossip", (ShortGossip,), {"taking": taking_type})


# ------------------------------------------------------------------------------------ R1
class MovesAtTheFirstPage(ShortTaking):
    def page(self, sender: str, page: Page, now: float) -> None:
        super().page(sender, page, now)
        if self.transfer is not None and not self.transfer.is_whole and self.transfer.pages == 1:
            self._take(page)
            self._replica.advance(self.transfer.vector)


class MovesWithEachRow(ShortTaking):
    """Scuttlebutt's way with a part of a delta, which is right where each key has one writer."""

    def page(self, sender: str, page: Page, now: float) -> None:
        super().page(sender, page, now)
        if not page.resets:
            for row in sorted(page.rows, key=lambda row: row.seq):
                self._replica.merge(row, page.stamp.entries)
                self._replica.advance({row.origin: row.seq})


# ------------------------------------------------------------------------------------ R2, R3, R4
class TakesWhatWasForAnotherLife(ShortGossip):
    def _is_for_me(self, base: int) -> bool:
        return True


class TakesWhatItCameThrough(ShortReplica):
    def _is_obsolete(self, row: Row) -> bool:
        return False


class CountsFromOneAgain(ShortReplica):
    def _floor(self, key: str) -> int:
        return 0


# ------------------------------------------------------------------------------------ R5
class ForgetsOnItsOwn(ShortGossip):
    def _waited_for(self) -> set[int] | None:
        return set()


class ForgetsWithoutTheSilent(ShortGossip):
    """A timeout of its own decides who is waited for."""

    def _waited_for(self) -> set[int] | None:
        there = {self._at.get(peer) for peer in self.peers} - {None}
        return {number for number in there if number is not None}


# ------------------------------------------------------------------------------------ R6, R7
class NeverResets(ShortGossip):
    def _give(self, to: str, theirs_at: Stamp, theirs: Entries, mine: Stamp, *, asks: bool) -> None:
        rows = self.replica.delta(theirs)
        if rows is None:
            self._send(to, Offer(self._number, self.replica.life, resets=False))
        else:
            self._send(to, Delta(mine, theirs_at.life, theirs_at.moment, rows, asks))

    def _on_ask(self, sender: str, ask: Ask, theirs: Entries) -> None:
        self._send(sender, page_for(self.replica, ask, self._whole(), self.page_bytes))

    def _offer(self, to: str, *, resets: bool) -> None:
        super()._offer(to, resets=False)


class KeepsOldVersions(ShortReplica):
    def _restamp(self, row: Row) -> None:
        if self.disk.row(row.key) != row:
            self._keep(row)


class TrustsThoseBehind(ShortTaking):
    def is_trusted(self, vector: Entries) -> bool:
        return True


class GivesPagesToThoseBehind(ShortGossip):
    """Who was not behind when the first page left may be by the next."""

    def _on_ask(self, sender: str, ask: Ask, theirs: Entries) -> None:
        self._send(sender, page_for(self.replica, ask, self._whole(), self.page_bytes))


class TrustsLatePushes(ShortGossip):
    def _is_recent(self, push: Push) -> bool:
        return True


class TakesPushesOverGaps(ShortGossip):
    def _on_push(self, sender: str, push: Push) -> None:
        super()._on_push(sender, msgspec.structs.replace(push, after=0))


# ------------------------------------------------------------------------------------ R8, R10, the order
class IgnoresItsDouble(ShortReplica):
    def disown(self, reported: Entries) -> bool:
        return False


class FollowsAnyClock(ShortReplica):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.clock.__class__ = _Credulous


class _Credulous(HybridClock):
    def _too_far_ahead(self, hlc: int) -> bool:
        return False


class BelievesTheWallClock(ShortReplica):
    def merge(self, row: Row, sender: Entries) -> bool:
        mine = self.disk.row(row.key)
        if mine is not None and (mine.hlc, mine.origin, mine.seq) >= (row.hlc, row.origin, row.seq):
            return False
        if self._is_obsolete(row):
            return False
        self._keep(row)
        return True


MUTANTS: dict[str, Rules] = {
    "R1 the vector moves at the first page": Rules(gossip=_gossip(MovesAtTheFirstPage)),
    "R1 the vector moves with each row of a page": Rules(gossip=_gossip(MovesWithEachRow)),
    "R2 a delta for another life is taken": Rules(gossip=TakesWhatWasForAnotherLife),
    "R3 what it came through is taken again": Rules(replica=TakesWhatItCameThrough),
    "R4 versions begin at 1 again": Rules(replica=CountsFromOneAgain),
    "R5 tombstones go when this member knows them": Rules(gossip=ForgetsOnItsOwn),
    "R5 tombstones go without the silent": Rules(gossip=ForgetsWithoutTheSilent),
    "R6 who missed deletions gets a delta": Rules(gossip=NeverResets),
    "R6 who comes to miss deletions gets the next page": Rules(gossip=GivesPagesToThoseBehind),
    "R6 nothing is written anew": Rules(replica=KeepsOldVersions),
    "R7 who missed deletions is believed": Rules(gossip=_gossip(TrustsThoseBehind)),
    "R7 late pushes are believed": Rules(gossip=TrustsLatePushes),
    "R8 a restored disk goes on in its epoch": Rules(begins_epochs=False),
    "R8 a double of mine does not matter": Rules(replica=IgnoresItsDouble),
    "R9 messages leave before the commit": Rules(commits_first=False),
    "R9 messages leave before it is durable": Rules(syncs_first=False),
    "R10 any clock is followed": Rules(replica=FollowsAnyClock),
    "pushes are taken over a gap": Rules(gossip=TakesPushesOverGaps),
    "the wall clock chooses": Rules(replica=BelievesTheWallClock),
}
