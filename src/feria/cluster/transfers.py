"""More rows than a message holds, page by page, in key order: what a new member begins with, and one that
missed deletions which others no longer remember.

The giver keeps nothing between two pages. The taker lays pages aside on its disk, as they come, and takes
them over when it has them all; its vector moves after the last one (R1). So a transfer that comes to nothing
leaves nothing behind, and one that was cut goes on at the page where it was. What changed at the giver
behind a page's back changed to something later, so that pages read one after the other still make up all
that it held when it began.
"""

from collections.abc import Callable

import msgspec

from feria.cluster.messages import Ask, Message, Offer, Page, Stamp
from feria.cluster.replica import Replica, size
from feria.cluster.rows import Row
from feria.cluster.vectors import Entries, covers

PAGE_BYTES = 2**19
PAGE_SCAN = 8192
"""Rows looked at for a page; others' writes wait meanwhile."""
READ_AT_ONCE = 256
STALL_SECONDS = 5.0
"""After which a page is asked for again."""
GIVE_UP_SECONDS = 120.0
"""How long a transfer that was cut waits for somebody to go on with it."""
TRIES = 4
"""After which another member may be asked."""
GIVING_SECONDS = 60.0
"""How long after a page the giver still drops no tombstones, for who asks for the next one."""
_NOTE = "transfer"
_PAGE = "page/"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Page).decode


class Transfer(msgspec.Struct):
    """What is kept on the disk. `vector` and `collected` are the giver's when it began."""

    member: int
    resets: bool
    after: str = ""
    pages: int = 0
    """Laid aside."""
    taken: int = 0
    """Of these, taken over."""
    is_whole: bool = False
    vector: dict[int, int] = msgspec.field(default_factory=dict)
    collected: dict[int, int] = msgspec.field(default_factory=dict)


class Taking:
    """Taking over another member's rows, one transfer at a time."""

    stall_seconds = STALL_SECONDS
    give_up_seconds = GIVE_UP_SECONDS

    def __init__(
        self, replica: Replica, stamp: Callable[[], Stamp], send: Callable[[str, Message], None]
    ) -> None:
        self._replica = replica
        self._stamp = stamp
        self._send = send
        self.load()

    def load(self) -> None:
        """What the disk knows of it, after a start or a transaction that failed."""
        noted = self._replica.disk.note(_NOTE)
        self.transfer = msgspec.msgpack.decode(noted, type=Transfer) if noted is not None else None
        self._giver: str | None = None
        self._asked_at = 0.0
        self._idle_since: float | None = None
        self._tries = 0

    def is_trusted(self, vector: Entries) -> bool:
        """R7: has who sends this come past every tombstone that is gone here, or that is about to be?"""
        transfer = self.transfer
        return not self._replica.is_behind(vector) and (
            transfer is None or covers(vector, transfer.collected)
        )

    @property
    def is_whole(self) -> bool:
        """All pages are here, and nothing is to come in between until they are taken over."""
        return self.transfer is not None and self.transfer.is_whole

    def offered(self, sender: str, offer: Offer, now: float) -> None:
        """Begin, or go on where the last page ended, were it another member's."""
        transfer = self.transfer
        if transfer is None or offer.resets > transfer.resets:
            self._begin(Transfer(offer.member, offer.resets))
        elif transfer.member == offer.member and transfer.resets > offer.resets and not transfer.pages:
            self._end()  # an old message of mine had called for it
            return
        elif self._giver is not None:
            return  # it is under way
        else:
            transfer.member = offer.member
        self._tries = 0
        self._ask(sender, now)

    def again(self) -> None:
        """Forget how far it has come: what was held when it began no longer is."""
        if self.transfer is not None:
            self._begin(Transfer(self.transfer.member, self.transfer.resets))

    def tick(self, now: float) -> None:
        """Ask again for a page that did not come."""
        if self.transfer is None or self.transfer.is_whole:
            return
        if self._giver is None:
            self._give_up(now)
        elif now - self._asked_at >= self.stall_seconds:
            self._tries += 1
            if self._tries < TRIES:
                self._ask(self._giver, now)
            else:
                self._giver = None

    def _give_up(self, now: float) -> None:
        """Forget a transfer that nobody goes on with, lest those be held off for ever who know no more of
        the giver's deletions than I do."""
        if self._idle_since is None:
            self._idle_since = now
        elif now - self._idle_since >= self.give_up_seconds:
            self._end()

    def page(self, sender: str, page: Page, now: float) -> None:
        """Lay a page aside, and ask for the next."""
        transfer = self.transfer
        if transfer is None or not self._awaits(page, transfer):
            return
        theirs = page.stamp.entries
        if transfer.pages == 0:
            transfer.vector, transfer.collected = dict(theirs), page.collected
            self._replica.raise_floors(page.floors)
        elif page.collected != transfer.collected or not covers(theirs, transfer.vector):
            self.again()  # it has forgotten deletions since, or was set back
            self._ask(sender, now)
            return
        self._replica.disk.take_note(f"{_PAGE}{transfer.pages}", _encode(page))
        transfer.pages += 1
        transfer.is_whole = page.upto is None
        transfer.after = page.upto or ""
        self._keep(transfer)
        self._tries = 0
        if not transfer.is_whole:
            self._ask(sender, now)

    def _awaits(self, page: Page, transfer: Transfer) -> bool:
        return (
            not transfer.is_whole
            and page.stamp.member == transfer.member
            and page.base == self._replica.life
            and page.after == transfer.after
            and page.resets == transfer.resets
        )

    def take_over(self) -> bool:
        """One page of a transfer that is whole; True after the last."""
        transfer = self.transfer
        if transfer is None or not transfer.is_whole:
            return False
        name = f"{_PAGE}{transfer.taken}"
        self._take(_decode(self._replica.disk.note(name) or b""))
        self._replica.disk.take_note(name, None)
        transfer.taken += 1
        if transfer.taken < transfer.pages:
            self._keep(transfer)
            return False
        self._replica.advance(transfer.vector)
        self._replica.note_collected(transfer.collected)
        self._end()
        return True

    def _take(self, page: Page) -> None:
        theirs = page.stamp.entries
        if page.resets:
            missed = self._replica.is_behind(theirs)
            self._replica.reconcile(
                page.after, page.upto, page.rows, page.listed, vector=theirs, sender_missed=missed
            )
        else:
            for row in page.rows:
                self._replica.merge(row, theirs)

    def _begin(self, transfer: Transfer) -> None:
        self._clear()
        self.transfer = transfer
        self._keep(transfer)

    def _end(self) -> None:
        self._clear()
        self.transfer = self._giver = self._idle_since = None
        self._replica.disk.take_note(_NOTE, None)

    def _clear(self) -> None:
        if self.transfer is not None:
            for at in range(self.transfer.taken, self.transfer.pages):
                self._replica.disk.take_note(f"{_PAGE}{at}", None)

    def _keep(self, transfer: Transfer) -> None:
        self._replica.disk.take_note(_NOTE, msgspec.msgpack.encode(transfer))

    def _ask(self, giver: str, now: float) -> None:
        assert self.transfer is not None
        self._giver, self._asked_at, self._idle_since = giver, now, None
        self._send(giver, Ask(self._stamp(), self.transfer.after, self.transfer.resets))


def page_for(replica: Replica, ask: Ask, stamp: Stamp, page_bytes: int = PAGE_BYTES) -> Page:
    """What follows `ask.after` here, for a member with the vector that it stamped."""
    theirs = ask.stamp.entries
    rows: list[Row] = []
    listed: list[str] = []
    room, left, upto = page_bytes, PAGE_SCAN, ask.after
    while found := replica.disk.between(upto, None, READ_AT_ONCE):
        for row in found:
            upto = row.key
            if row.seq > theirs.get(row.origin, 0):
                rows.append(row)
                room -= size(row)
            elif ask.resets:
                listed.append(row.key)
                room -= len(row.key)
            left -= 1
            if room <= 0 or left <= 0:
                break
        if room <= 0 or left <= 0:
            break
    return Page(
        stamp=stamp,
        base=ask.stamp.life,
        after=ask.after,
        upto=upto if found else None,
        resets=ask.resets,
        rows=rows,
        listed=listed,
        collected=dict(replica.collected) if ask.resets else {},
        floors={at: version for at, version in enumerate(replica.floors) if version} if not ask.after else {},
    )
