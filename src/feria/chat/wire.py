"""Rooms, messages and people as they cross the network."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from feria.catalog.wire import Sku, Words
from feria.chat.texts import clean, clean_name

MOST_PRODUCTS = 8
"""Of one message."""
MOST_MESSAGES = 500
"""Of one answer."""
PERSON = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"
ROOM = r"^[a-z0-9][a-z0-9.-]{0,63}$"

Role = Literal["guest", "member", "operator"]
Kind = Literal["public", "private", "direct", "shop"]
"""Anybody's; those who were let in; two people's; one person's and the shop's operators'."""

RoomName = Annotated[str, Field(pattern=ROOM)]
PersonId = Annotated[str, Field(pattern=PERSON)]
Said = Annotated[str, AfterValidator(clean)]
Number = Annotated[int, Field(ge=0, le=2**53)]


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


class Asked(Wire):
    """What somebody sends; a field it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# ------------------------------------------------------------------------- answers
class Card(Wire):
    """A product, as the message shows it; as it was when it was sent."""

    sku: str
    title: Words
    picture: str | None = Field(description="Path of its picture's thumbnail on this node.")
    link: str = Field(description="Path of the product on this node.")


class Message(Wire):
    """One message, as it is now."""

    room: str
    seq: int = Field(description="Its place in the room: 1, 2, 3, … with gaps where something was changed.")
    changed: int = Field(
        description="The room's number of its last change; `seq` for one that nobody changed. Who has seen "
        "everything up to a number asks for what has a greater one."
    )
    id: str = Field(description="Made by the sender; the same sent again is the same message.")
    person: str
    nickname: str
    role: Role
    text: str = Field(description="Text, never HTML. Empty when it was deleted.")
    at: datetime
    edited_at: datetime | None = None
    deleted: bool = False
    reply_to: int | None = None
    products: tuple[Card, ...] = ()


class Messages(Wire):
    """In the order of the room."""

    room: str
    last: int = Field(description="The room's number up to which this is complete, unless there is `more`.")
    messages: tuple[Message, ...]
    more: bool = Field(
        default=False, description="Whether there is more in the direction that was asked for."
    )


class Found(Wire):
    """Newest first."""

    messages: tuple[Message, ...]


class Stored(Wire):
    """What became of a message; it survives whatever happens to the node from now on."""

    room: str
    seq: int
    changed: int
    at: datetime
    repeated: bool = Field(default=False, description="Whether it had been stored before.")


class Marks(Wire):
    """How far somebody has come in a room."""

    delivered: int = 0
    read: int = 0


class Room(Wire):
    name: str
    kind: Kind
    title: str
    last: int = Field(description="The room's number: of its newest message or change.")
    marks: Marks = Marks()
    unread: int = Field(default=0, description="Messages of others after `marks.read`.")


class RoomList(Wire):
    rooms: tuple[Room, ...]


class Present(Wire):
    person: str
    nickname: str
    online: bool = True
    marks: Marks | None = Field(default=None, description="Not of rooms that are open to anybody.")


class Sanction(Wire):
    """What somebody may not do."""

    person: str
    kind: Literal["mute", "ban"]
    room: str | None = Field(description="Everywhere, where none is named.")
    until: datetime | None = Field(description="For good, where none is named.")
    reason: str
    by: str
    at: datetime


class SanctionList(Wire):
    sanctions: tuple[Sanction, ...]


# ------------------------------------------------------------------------- orders
class Greeting(Asked):
    """What a client may say of itself when it connects: socket.io-client's `auth`."""

    role: Literal["guest", "member"] | None = Field(
        default=None, alias="as", description="`member` under one's token or session; a guest otherwise."
    )
    token: str | None = Field(default=None, max_length=256, description="A token of this node's.")
    guest: str | None = Field(
        default=None, max_length=600, description="What `welcome` gave, to be the same guest again."
    )
    nickname: Annotated[str, AfterValidator(clean_name)] | None = None
    mensaje: bool = Field(default=True, description="Whether to hear what older clients send.")


class Draft(Asked):
    """A message as it is sent."""

    room: RoomName
    id: str = Field(pattern=r"^[!-~]{1,64}$")
    text: Said = ""
    reply_to: Number | None = None
    products: tuple[Sku, ...] = Field(default=(), max_length=MOST_PRODUCTS)


class Say(Asked):
    """A message over HTTP."""

    id: str = Field(pattern=r"^[!-~]{1,64}$", description="Made by the sender; sent again, it counts once.")
    text: Said = ""
    reply_to: Number | None = None
    products: tuple[Sku, ...] = Field(default=(), max_length=MOST_PRODUCTS)


class Rewritten(Asked):
    room: RoomName
    seq: Number
    text: Said


class Place(Asked):
    """A message, or how far somebody has come."""

    room: RoomName
    seq: Number


class Which(Asked):
    room: RoomName


class Join(Asked):
    room: RoomName
    after: Number | None = Field(
        default=None, description="The number up to which all is known; none, the newest messages are wanted."
    )
    limit: Annotated[int, Field(ge=0, le=MOST_MESSAGES)] = 50


class Browse(Asked):
    room: RoomName
    before: Number | None = Field(default=None, description="Messages before this one, the newest of them.")
    after: Number | None = Field(default=None, description="What was said or changed after this number.")
    limit: Annotated[int, Field(ge=1, le=MOST_MESSAGES)] = 50


class Search(Asked):
    q: Annotated[str, Field(min_length=1, max_length=200)]
    room: RoomName | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class Typing(Asked):
    room: RoomName


class Nickname(Asked):
    nickname: Annotated[str, AfterValidator(clean_name)]


class Direct(Asked):
    person: PersonId


class Founding(Asked):
    """A new room; who makes it is in it."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,47}$")]
    kind: Literal["public", "private"] = "public"
    title: Annotated[str, Field(max_length=100), AfterValidator(clean)] = ""
    members: tuple[PersonId, ...] = Field(default=(), max_length=200)


class Invitation(Asked):
    room: RoomName
    person: PersonId


class Sentence(Asked):
    """What somebody shall not do any more, or may do again."""

    person: PersonId
    kind: Literal["mute", "ban"]
    room: RoomName | None = Field(default=None, description="Left out, everywhere.")
    minutes: Annotated[float, Field(gt=0, le=5_256_000)] | None = Field(
        default=None, description="Left out, until it is lifted."
    )
    reason: Annotated[str, Field(max_length=200), AfterValidator(clean)] = ""
    lift: bool = Field(default=False, description="It is over.")
