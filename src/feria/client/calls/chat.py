"""The chat, for programs and operators."""

import uuid
from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote

from feria.chat.wire import Found, Message, Messages, Room, RoomList, Sanction, SanctionList, Stored
from feria.client.answers import Nothing, Parsed
from feria.client.calls.call import Call, given


def chat_rooms() -> Call[tuple[Room, ...]]:
    """Rooms that the caller may enter, the latest first, with what they have not read."""
    return Call(
        method="GET",
        path="/v1/chat/rooms",
        reader=lambda: Parsed(lambda body: RoomList.model_validate_json(body).rooms),
    )


def create_chat_room(
    name: str,
    *,
    kind: Literal["public", "private"] = "public",
    title: str = "",
    members: Sequence[str] = (),
) -> Call[Room]:
    """Make a room. Raises `Conflict` for a name that is taken."""
    return Call(
        method="POST",
        path="/v1/chat/rooms",
        reader=lambda: Parsed(Room.model_validate_json),
        body={"name": name, "kind": kind, "title": title, "members": list(members)},
        repeatable=False,
    )


def chat_messages(
    room: str, *, before: int | None = None, after: int | None = None, limit: int | None = None
) -> Call[Messages]:
    """Part of a room's history: the newest, the newest before a message, or what was said or changed after a
    number."""
    return Call(
        method="GET",
        path=f"{_path(room)}/messages",
        reader=lambda: Parsed(Messages.model_validate_json),
        query=given(before=before, after=after, limit=limit),
    )


def say(
    room: str,
    text: str = "",
    *,
    products: Sequence[str] = (),
    reply_to: int | None = None,
    id: str | None = None,
) -> Call[Stored]:
    """Say something in a room. It is stored when this returns; the same `id` again is the same message."""
    said = {"id": id or uuid.uuid4().hex, "text": text, "products": list(products)}
    return Call(
        method="POST",
        path=f"{_path(room)}/messages",
        reader=lambda: Parsed(Stored.model_validate_json),
        body=said | given(reply_to=reply_to),
    )


def delete_message(room: str, seq: int) -> Call[Stored]:
    """Take back a message of one's own; operators delete anybody's."""
    return Call(
        method="DELETE",
        path=f"{_path(room)}/messages/{seq}",
        reader=lambda: Parsed(Stored.model_validate_json),
    )


def search_chat(
    words: str, *, room: str | None = None, limit: int | None = None
) -> Call[tuple[Message, ...]]:
    """Messages that have all the words, newest first."""
    return Call(
        method="GET",
        path="/v1/chat/search",
        reader=lambda: Parsed(lambda body: Found.model_validate_json(body).messages),
        query=given(q=words, room=room, limit=limit),
    )


def sanctions() -> Call[tuple[Sanction, ...]]:
    """Who is muted or banned in the chat."""
    return Call(
        method="GET",
        path="/v1/chat/sanctions",
        reader=lambda: Parsed(lambda body: SanctionList.model_validate_json(body).sanctions),
    )


def sanction(
    person: str,
    kind: Literal["mute", "ban"],
    *,
    room: str | None = None,
    minutes: float | None = None,
    reason: str = "",
    lift: bool = False,
) -> Call[None]:
    """Mute or ban somebody in the chat, in a room or everywhere, for a while or for good; or lift that."""
    said = {"person": person, "kind": kind, "reason": reason, "lift": lift}
    return Call(
        method="POST",
        path="/v1/chat/sanctions",
        reader=Nothing,
        body=said | given(room=room, minutes=minutes),
    )


def _path(room: str) -> str:
    return f"/v1/chat/rooms/{quote(room, safe='')}"
