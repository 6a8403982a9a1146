"""The chat of this node: what people do in it, whichever way they came."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from typing import Any

from feria.access.limits import RateLimit, refuse_after
from feria.catalog.catalog import Catalog
from feria.chat import moderation
from feria.chat.feed import Feed, open_feed
from feria.chat.history import History
from feria.chat.log import Batch, Change, Done, Order, Post
from feria.chat.marks import Mark, MarkBook
from feria.chat.people import Guests, Person, open_guests
from feria.chat.presence import Presence
from feria.chat.rooms import Place, Rooms
from feria.chat.texts import Words
from feria.chat.wire import Card, Draft, Marks, Message, Messages, Present, Sanction, Sentence, Stored
from feria.clock import Clock
from feria.errors import Busy, FeriaError, Invalid, NotAllowed, TooLarge
from feria.events.bus import EventBus
from feria.settings import ChatSettings
from feria.storage.database import Database
from feria.storage.group_commit import GroupCommit, open_group_commit

log = logging.getLogger(__name__)

COMMIT_ORDERS = 500
MOST_WAITING = 5_000
"""Messages; more are told to retry."""
CROWD = 100
"""People in a room beyond whom marks, comings and goings are not told to all the others."""
BURST_SECONDS = 4.0
ADDRESS = 10
"""How many times what a person may say, guests of one address may say together."""
SEARCHES_PER_SECOND = 1.0
"""Of a person, or of all guests at one address: each reads much of what was ever said."""
FORGET_SECONDS = 3600.0


class Chat:
    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        rooms: Rooms,
        history: History,
        feed: Feed,
        guests: Guests,
        orders: "GroupCommit[Order, Done | FeriaError]",
        marks: "GroupCommit[Mark, None]",
        clock: Clock,
        settings: ChatSettings,
        words: Words,
    ) -> None:
        self.rooms, self.feed, self.guests, self.settings = rooms, feed, guests, settings
        self.presence = Presence(feed, clock)
        self.history = history
        self._database = database
        self._catalog = catalog
        self._orders = orders
        self._marks = marks
        self._clock = clock
        self._words = words
        rate = settings.messages_per_second
        self._persons = RateLimit(rate, burst=max(1.0, BURST_SECONDS * rate), clock=clock)
        self._addresses = RateLimit(ADDRESS * rate, burst=BURST_SECONDS * ADDRESS * rate, clock=clock)
        self._searches = RateLimit(SEARCHES_PER_SECOND, burst=10.0, clock=clock)
        rate = settings.room_messages_per_second
        self._rooms = RateLimit(rate, burst=max(1.0, BURST_SECONDS * rate), clock=clock)

    # ------------------------------------------------------------------- speaking
    async def say(self, person: Person, draft: Draft, address: str = "") -> Stored:
        """Durable on return, and told to all who are in the room.

        Raises `RateLimited`, `Invalid` for an empty text or a word that is not used here, `TooLarge`,
        `NotFound` for a room that is none of theirs, `NotAllowed` for who is muted, `Busy`, `Unavailable`.
        """
        self.limit(person, draft.room, address)
        self.check(draft.text)
        if not draft.text and not draft.products:
            raise Invalid("The message is empty.")
        cards = await self._cards(draft.products) if draft.products else ()
        order = Post(person, draft.room, draft.id, draft.text, draft.reply_to, cards)
        return await self._commit(draft.room, order)

    async def rewrite(self, person: Person, room: str, seq: int, text: str | None) -> Stored:
        """Say a message of one's own in other words; without any, delete it, which operators may too.

        Raises as `say` does, `Conflict` for one that was deleted.
        """
        self.limit(person, room, "")
        if text is not None:
            self.check(text)
            if not text:
                raise Invalid("The message is empty. To delete it, delete it.")
        return await self._commit(room, Change(person, room, seq, text))

    def limit(self, person: Person, room: str, address: str) -> None:
        """Count something said. Raises `RateLimited`."""
        refuse_after(self._persons.take(person.id), "You write too fast.")
        if person.role == "guest" and address:
            refuse_after(self._addresses.take(address), "Guests at this address write too fast.")
        refuse_after(self._rooms.take(room), "Too much is said in this room at once.")

    def check(self, text: str) -> None:
        """Raises `TooLarge`, and `Invalid` for a word of the node's list."""
        most = self.settings.max_text
        if len(text) > most:
            raise TooLarge(f"A message has at most {most} characters; this has {len(text)}.", limit=most)
        if self._words.finds(text):
            raise Invalid("The message has a word that is not used here.")

    async def _commit(self, room: str, order: Order) -> Stored:
        if self._orders.rows_waiting >= MOST_WAITING:
            raise Busy("More is said than can be written.", retry_after=1.0)
        done = await self._orders.write(order)
        if isinstance(done, FeriaError):
            raise done
        entry = done.entry
        return Stored(room=room, seq=entry.seq, changed=entry.changed, at=entry.at, repeated=done.repeated)

    async def _cards(self, skus: Sequence[str]) -> tuple[Card, ...]:
        products = [await self._catalog.find(sku) for sku in dict.fromkeys(skus)]
        return tuple(
            Card(
                sku=product.sku,
                title=product.title,
                picture=f"/v1/pictures/{product.pictures[0].thumbnail}" if product.pictures else None,
                link=f"/v1/products/{product.sku}",
            )
            for product in products
        )

    # ------------------------------------------------------------------- reading
    async def page(
        self, person: Person, room: str, before: int | None, after: int | None, limit: int
    ) -> Messages:
        """Part of a room's history. Raises `NotFound`, `NotAllowed`, `Invalid`."""
        place, _ = await self.rooms.enter(room, person)
        return await self.history.page(place, before, after, limit)

    async def search(
        self, person: Person, words: str, room: str | None, limit: int, address: str = ""
    ) -> tuple[Message, ...]:
        """Raises as `page` does, and `RateLimited`."""
        asking = address if person.role == "guest" and address else person.id
        refuse_after(self._searches.take(asking), "You search too often.")
        place = None if room is None else (await self.rooms.enter(room, person))[0]
        return await self.history.search(person, words, place, limit)

    async def mark(self, person: Person, room: str, *, delivered: int = 0, read: int = 0) -> Marks:
        """How far they have come; durable on return. Raises as `page` does."""
        place, before = await self.rooms.enter(room, person)
        furthest = Marks(
            delivered=min(max(delivered, read, before.delivered), place.last),
            read=min(max(read, before.read), place.last),
        )
        if furthest != before:
            await self._marks.write(Mark(place, person, furthest.delivered, furthest.read))
            if not place.is_open:
                told = Present(person=person.id, nickname=person.nickname, marks=furthest)
                self.feed.live(place, "marks", _in(place, told))
        return furthest

    async def people(self, person: Person, room: str) -> list[Present]:
        """Who is in a room: everybody who was let in, or who is in an open one at the moment."""
        place, _ = await self.rooms.enter(room, person)
        here = self.presence.people(place.id, CROWD)
        if place.is_open:
            return here
        online = {one.person for one in here}
        known = [
            one.model_copy(update={"online": one.person in online}) for one in await self.rooms.members(place)
        ]
        names = {one.person for one in known}
        return known + [one for one in here if one.person not in names]

    def come(self, place: Place, person: Person) -> None:
        """One of their tabs is in the room."""
        if self.presence.come(place.id, person.id, person.nickname) and self._is_small(place):
            told = Present(person=person.id, nickname=person.nickname)
            self.feed.live(place, "presence", _in(place, told))

    def go(self, place: Place, person: Person) -> None:
        """It is not any more."""
        if self.presence.go(place.id, person.id) and self._is_small(place):
            told = Present(person=person.id, nickname=person.nickname, online=False)
            self.feed.live(place, "presence", _in(place, told))

    def type(self, place: Place, person: Person) -> None:
        """They are writing something."""
        told = Present(person=person.id, nickname=person.nickname)
        if self._is_small(place):
            self.feed.live(place, "typing", _in(place, told))

    def _is_small(self, place: Place) -> bool:
        return self.feed.listeners(place.id) <= CROWD

    # ------------------------------------------------------------------- moderation
    async def judge(self, person: Person, sentence: Sentence) -> None:
        """Mute or ban somebody, or let them again; durable on return. Raises `NotAllowed` for who is no
        operator, `NotFound`."""
        if not person.is_operator:
            raise NotAllowed("Only operators moderate.")
        if sentence.person == person.id:
            raise NotAllowed("Nobody judges themselves.")
        await moderation.decide(self._database, sentence, person.id, self._clock.now())
        self.feed.judged()

    async def held(self) -> list[moderation.Held]:
        """Who is muted or banned where."""
        return await moderation.held(self._database, self._clock.now())

    async def sanctions(self) -> list[Sanction]:
        """Those in force, newest first."""
        return await moderation.in_force(self._database, self._clock.now())

    # ------------------------------------------------------------------- personal data
    async def export(self, subject: str) -> dict[str, Any]:
        found = await self.history.export(subject)
        return found if any(found.values()) else {}

    async def erase(self, subject: str) -> int:
        return await self.history.erase(subject)

    async def keep_forgetting(self, closing: asyncio.Event) -> None:
        """What is older than is kept, now and then, until `closing`."""
        while not closing.is_set():
            try:
                await self.history.forget_before(self._clock.now() - timedelta(days=self.settings.keep_days))
            except FeriaError as error:
                log.warning("Old messages were not removed: %s", error.message)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(closing.wait(), FORGET_SECONDS)


def _in(place: Place, told: Present) -> str:
    return f'{{"room":"{place.name}",{told.model_dump_json()[1:]}'


@contextlib.asynccontextmanager
async def open_chat(
    database: Database,
    catalog: Catalog,
    bus: EventBus,
    clock: Clock,
    settings: ChatSettings,
    *,
    shared: bool,
) -> AsyncGenerator[Chat]:
    """`shared` says whether other nodes hear the bus. Raises `Invalid` for a list of words that is none."""
    rooms, history = Rooms(database, clock), History(database)
    await rooms.open()
    guests = await open_guests(database)
    words = await asyncio.to_thread(_read_words, settings)

    async def commit(orders: Sequence[Order]) -> list[Done | FeriaError]:
        now = clock.now()
        outcomes = await database.write(lambda connection: Batch(connection, orders, now).run())
        feed.committed(one.entry for one in outcomes if isinstance(one, Done) and not one.repeated)
        return outcomes

    async with (
        open_feed(history, rooms, bus, clock, shared=shared) as feed,
        open_group_commit(commit, COMMIT_ORDERS) as orders,
        open_group_commit(MarkBook(database, clock).write, COMMIT_ORDERS) as marks,
    ):
        chat = Chat(database, catalog, rooms, history, feed, guests, orders, marks, clock, settings, words)
        closing = asyncio.Event()
        beside = [asyncio.create_task(chat.keep_forgetting(closing))]
        if shared:
            beside.append(asyncio.create_task(chat.presence.keep_telling()))
        try:
            yield chat
        finally:
            closing.set()  # not cancelled: that might hit it in the middle of a statement
            for task in beside[1:]:
                task.cancel()
            await asyncio.wait(beside)


def _read_words(settings: ChatSettings) -> Words:
    if settings.words is None:
        return Words()
    try:
        return Words(settings.words.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"FERIA_CHAT__WORDS: {settings.words} cannot be read: {error}.") from None
