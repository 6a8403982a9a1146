"""What clients send, and what is done with it."""

from typing import Any

from feria.chat.connections import MOST_ROOMS, Connection, Deed, Sockets
from feria.chat.people import Person
from feria.chat.rooms import Place
from feria.chat.wire import (
    Browse,
    Direct,
    Draft,
    Found,
    Founding,
    Invitation,
    Join,
    Marks,
    Messages,
    Nickname,
    Rewritten,
    Room,
    RoomList,
    Search,
    Sentence,
    Stored,
    Typing,
    Which,
)
from feria.chat.wire import Place as Spot
from feria.errors import Invalid, NotAllowed


async def say(sockets: Sockets, connection: Connection, draft: Draft) -> Stored:
    return await sockets.chat.say(connection.person, draft, connection.address)


async def edit(sockets: Sockets, connection: Connection, order: Rewritten) -> Stored:
    return await sockets.chat.rewrite(connection.person, order.room, order.seq, order.text)


async def delete(sockets: Sockets, connection: Connection, order: Spot) -> Stored:
    return await sockets.chat.rewrite(connection.person, order.room, order.seq, None)


async def join(sockets: Sockets, connection: Connection, order: Join) -> dict[str, Any]:
    """What was missed, and from then on all that is said."""
    chat = sockets.chat
    place, marks = await chat.rooms.enter(order.room, connection.person)
    if place.id not in connection.rooms and len(connection.rooms) >= MOST_ROOMS:
        raise Invalid(f"One connection listens to at most {MOST_ROOMS} rooms.")
    page = await chat.feed.join(place, connection.sid, connection.listener, order.after, order.limit)
    if connection.sid not in sockets.connections:  # left meanwhile
        chat.feed.leave(place.id, connection.sid)
    elif order.after is None or not page.more:
        sockets.put_in(connection, place)
    said = page.model_dump(mode="json")
    return said | {"kind": place.kind, "title": place.title, "marks": marks.model_dump()}


async def leave(sockets: Sockets, connection: Connection, order: Which) -> None:
    """Hear nothing more of it; who was let in may come back."""
    sockets.take_out(connection, sockets.listening(connection, order.room).id)


async def resign(sockets: Sockets, connection: Connection, order: Which) -> None:
    place, _ = await sockets.chat.rooms.enter(order.room, connection.person)
    await sockets.chat.rooms.leave(place, connection.person)
    sockets.take_out(connection, place.id)


async def history(sockets: Sockets, connection: Connection, order: Browse) -> Messages:
    return await sockets.chat.page(connection.person, order.room, order.before, order.after, order.limit)


async def search(sockets: Sockets, connection: Connection, order: Search) -> Found:
    found = await sockets.chat.search(connection.person, order.q, order.room, order.limit, connection.address)
    return Found(messages=found)


async def rooms(sockets: Sockets, connection: Connection, order: Any) -> RoomList:
    return RoomList(rooms=tuple(await sockets.chat.rooms.of(connection.person)))


async def people(sockets: Sockets, connection: Connection, order: Which) -> dict[str, Any]:
    found = await sockets.chat.people(connection.person, order.room)
    return {"room": order.room, "people": [one.model_dump(mode="json", exclude_none=True) for one in found]}


async def delivered(sockets: Sockets, connection: Connection, order: Spot) -> Marks:
    return await sockets.chat.mark(connection.person, order.room, delivered=order.seq)


async def read(sockets: Sockets, connection: Connection, order: Spot) -> Marks:
    return await sockets.chat.mark(connection.person, order.room, read=order.seq)


async def type(sockets: Sockets, connection: Connection, order: Typing) -> None:
    place = sockets.listening(connection, order.room)
    sockets.chat.type(place, connection.person)


async def found(sockets: Sockets, connection: Connection, order: Founding) -> Room:
    return _told(await sockets.chat.rooms.found(order, connection.person))


async def direct(sockets: Sockets, connection: Connection, order: Direct) -> Room:
    return _told(await sockets.chat.rooms.direct(connection.person, order.person))


async def shop(sockets: Sockets, connection: Connection, order: Any) -> Room:
    return _told(await sockets.chat.rooms.shop(connection.person))


async def invite(sockets: Sockets, connection: Connection, order: Invitation) -> None:
    place, _ = await sockets.chat.rooms.enter(order.room, connection.person)
    await sockets.chat.rooms.invite(place, connection.person, order.person)


async def rename(sockets: Sockets, connection: Connection, order: Nickname) -> dict[str, str]:
    """For what a guest says from now on."""
    person: Person = connection.person
    if person.role != "guest":
        raise NotAllowed("People of the shop bear the name of their token.")
    connection.person = sockets.chat.guests.named(person.id, order.nickname)
    return {"nickname": connection.person.nickname, "guest": sockets.chat.guests.sign(connection.person)}


async def moderate(sockets: Sockets, connection: Connection, order: Sentence) -> None:
    await sockets.chat.judge(connection.person, order)


def _told(place: Place) -> Room:
    return Room(name=place.name, kind=place.kind, title=place.title, last=place.last)


DEEDS = {
    "message": Deed(Draft, say),
    "edit": Deed(Rewritten, edit),
    "delete": Deed(Spot, delete),
    "join": Deed(Join, join),
    "leave": Deed(Which, leave),
    "resign": Deed(Which, resign),
    "history": Deed(Browse, history),
    "search": Deed(Search, search),
    "rooms": Deed(None, rooms),
    "people": Deed(Which, people),
    "delivered": Deed(Spot, delivered),
    "read": Deed(Spot, read),
    "typing": Deed(Typing, type, at_once=True),
    "create": Deed(Founding, found),
    "direct": Deed(Direct, direct),
    "shop": Deed(None, shop),
    "invite": Deed(Invitation, invite),
    "nickname": Deed(Nickname, rename, at_once=True),
    "moderate": Deed(Sentence, moderate),
}
"""By the names of the events."""
