"""The chat for programs and operators; people speak over Socket.IO."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from feria.access.needs import Asking, needs
from feria.access.wire import Permission
from feria.chat.chat import Chat
from feria.chat.people import holder
from feria.chat.wire import (
    MOST_MESSAGES,
    ROOM,
    Draft,
    Found,
    Founding,
    Messages,
    Room,
    RoomList,
    SanctionList,
    Say,
    Sentence,
    Stored,
)
from feria.web.parts import Part

router = APIRouter(tags=["chat"])
read, operate = needs(Permission.read), needs(Permission.catalog)
Name = Annotated[str, Path(pattern=ROOM, description="The room's name.", examples=["general"])]
Seq = Annotated[int, Path(ge=1, le=2**53)]


@router.get("/v1/chat/rooms", dependencies=[read])
async def rooms(caller: Asking, chat: Part[Chat]) -> RoomList:
    """Rooms that the caller may enter, the latest first, with what they have not read; operators see every
    room in which somebody asks the shop."""
    return RoomList(rooms=tuple(await chat.rooms.of(holder(caller))))


@router.post("/v1/chat/rooms", status_code=201, dependencies=[operate])
async def create_room(order: Founding, caller: Asking, chat: Part[Chat]) -> Room:
    """Make a room, public or for those who are let in."""
    place = await chat.rooms.found(order, holder(caller))
    return Room(name=place.name, kind=place.kind, title=place.title, last=place.last)


@router.get("/v1/chat/rooms/{room}/messages", dependencies=[read])
async def messages(
    room: Name,
    caller: Asking,
    chat: Part[Chat],
    before: Annotated[int | None, Query(ge=1, le=2**53, description="The newest before this one.")] = None,
    after: Annotated[
        int | None, Query(ge=0, le=2**53, description="What was said or changed after this number.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_MESSAGES)] = 50,
) -> Messages:
    """Part of a room's history: the newest, unless `before` or `after` say otherwise."""
    return await chat.page(holder(caller), room, before, after, limit)


@router.post("/v1/chat/rooms/{room}/messages", status_code=201, dependencies=[read])
async def say(room: Name, said: Say, caller: Asking, chat: Part[Chat]) -> Stored:
    """Say something. It is stored when this answers; the same `id` again is the same message."""
    return await chat.say(holder(caller), Draft(room=room, **said.model_dump()))


@router.delete("/v1/chat/rooms/{room}/messages/{seq}", dependencies=[read])
async def delete_message(room: Name, seq: Seq, caller: Asking, chat: Part[Chat]) -> Stored:
    """Take back a message of one's own; operators delete anybody's."""
    return await chat.rewrite(holder(caller), room, seq, None)


@router.get("/v1/chat/search", dependencies=[read])
async def search(
    q: Annotated[str, Query(min_length=1, max_length=200)],
    caller: Asking,
    chat: Part[Chat],
    room: Annotated[str | None, Query(pattern=ROOM)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Found:
    """Messages that have all the words, in rooms that the caller may enter, newest first."""
    return Found(messages=await chat.search(holder(caller), q, room, limit))


@router.get("/v1/chat/sanctions", dependencies=[operate])
async def sanctions(chat: Part[Chat]) -> SanctionList:
    """Who is muted or banned now, the latest first."""
    return SanctionList(sanctions=tuple(await chat.sanctions()))


@router.post("/v1/chat/sanctions", status_code=204, dependencies=[operate])
async def sanction(sentence: Sentence, caller: Asking, chat: Part[Chat]) -> None:
    """Mute or ban somebody, in a room or everywhere, for a while or for good; or lift that."""
    await chat.judge(holder(caller), sentence)
