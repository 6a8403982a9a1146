"""Commands for the chat: what was said, and who may say something."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import Json, NodeCommand
from feria.errors import Invalid

if TYPE_CHECKING:
    from feria.chat.wire import Message, Messages, Room, Sanction, Stored
    from feria.client import AsyncClient

app = typer.Typer(no_args_is_help=True, help="Conversations: shoppers with the shop and with each other.")

Name = Annotated[str, typer.Argument(metavar="ROOM", help="The room's name, as `feria chat rooms` shows it.")]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="As `feria chat history` shows them.")]
Where = Annotated[
    str | None, typer.Option("--room", metavar="ROOM", help="In that room only.", show_default="everywhere")
]
Minutes = Annotated[
    float | None, typer.Option(metavar="N", help="For so long.", show_default="until it is lifted")
]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, for other operators.")]


@app.command(cls=NodeCommand)
def rooms(json: Json = False) -> None:
    """The rooms you may enter, the latest first: those where shoppers ask the shop too.

    \b
    Example:
        feria chat rooms
    """

    async def ask(client: "AsyncClient") -> "tuple[Room, ...]":
        return await client.chat_rooms()

    found = speak(ask)
    if json:
        from feria.chat.wire import RoomList

        screen.say(RoomList(rooms=found).model_dump_json(indent=2))
        return
    table = screen.table("room", "kind", "title", "last", "unread", right=("last", "unread"))
    for one in found:
        table.add_row(one.name, one.kind, one.title, f"{one.last:,}", f"{one.unread:,}")
    screen.show(table)


@app.command(cls=NodeCommand)
def history(
    room: Name,
    before: Annotated[
        int | None, typer.Option(metavar="N", help="Messages before that one.", show_default="the newest")
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=500, help="Most messages.")] = 50,
    json: Json = False,
) -> None:
    """What was said in a room.

    \b
    Examples:
        feria chat history general
        feria chat history general --before 120 --limit 20
    """

    async def ask(client: "AsyncClient") -> "Messages":
        return await client.chat_messages(room, before=before, limit=limit)

    page = speak(ask)
    if json:
        screen.say(page.model_dump_json(indent=2))
        return
    if not page.messages:
        screen.note("Nothing was said there.")
    _show(page.messages)


@app.command(cls=NodeCommand)
def search(
    words: Annotated[str, typer.Argument(metavar="WORDS", help="All of them are in what is found.")],
    room: Where = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="Most messages.")] = 20,
) -> None:
    """Find what was said, in the rooms you may enter, newest first.

    \b
    Example:
        feria chat search "cuándo llega"
    """

    async def ask(client: "AsyncClient") -> "tuple[Message, ...]":
        return await client.search_chat(words, room=room, limit=limit)

    found = speak(ask)
    if not found:
        screen.note("Nothing that was said has these words.")
    _show(found, rooms=True)


@app.command(cls=NodeCommand)
def say(
    room: Name,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to say.")],
    product: Annotated[
        list[str] | None, typer.Option(metavar="SKU", help="Show that product with it; may be repeated.")
    ] = None,
) -> None:
    """Say something in a room. It is stored when this ends.

    \b
    Example:
        feria chat say general "Hoy cerramos a las 20:00."
    """

    async def tell(client: "AsyncClient") -> "Stored":
        return await client.say(room, text, products=product or ())

    stored = speak(tell)
    screen.say(f"Message {stored.seq} in {stored.room}.")


@app.command(cls=NodeCommand)
def delete(
    room: Name, seq: Annotated[int, typer.Argument(metavar="N", help="The message's number in the room.")]
) -> None:
    """Delete a message; operators delete anybody's. That there was one remains.

    \b
    Example:
        feria chat delete general 120
    """

    async def remove(client: "AsyncClient") -> "Stored":
        return await client.delete_message(room, seq)

    speak(remove)
    screen.say(f"Message {seq} in {room} is deleted.")


@app.command(cls=NodeCommand)
def mute(person: Person, room: Where = None, minutes: Minutes = None, reason: Reason = "") -> None:
    """Let somebody read, and not write.

    \b
    Example:
        feria chat mute guest.5d41402abc4b2a76b971 --minutes 30
    """
    _judge(person, "mute", room, minutes, reason)
    screen.say(f"{person} may not write {_where(room)}.")


@app.command(cls=NodeCommand)
def ban(person: Person, room: Where = None, minutes: Minutes = None, reason: Reason = "") -> None:
    """Let somebody neither read nor write. Who comes as a new guest is a new person.

    \b
    Example:
        feria chat ban guest.5d41402abc4b2a76b971 --reason spam
    """
    _judge(person, "ban", room, minutes, reason)
    screen.say(f"{person} is banned {_where(room)}.")


@app.command(cls=NodeCommand)
def lift(
    person: Person,
    kind: Annotated[str, typer.Argument(metavar="mute|ban", help="What is over.")],
    room: Where = None,
) -> None:
    """End a mute or a ban before its time.

    \b
    Example:
        feria chat lift guest.5d41402abc4b2a76b971 mute
    """
    if kind != "mute" and kind != "ban":
        raise Invalid("Say `mute` or `ban`.")
    _judge(person, "ban" if kind == "ban" else "mute", room, None, "", lift=True)
    screen.say(f"The {kind} of {person} is over {_where(room)}.")


@app.command(cls=NodeCommand)
def sanctions(json: Json = False) -> None:
    """Who is muted or banned now.

    \b
    Example:
        feria chat sanctions
    """

    async def ask(client: "AsyncClient") -> "tuple[Sanction, ...]":
        return await client.sanctions()

    found = speak(ask)
    if json:
        from feria.chat.wire import SanctionList

        screen.say(SanctionList(sanctions=found).model_dump_json(indent=2))
        return
    if not found:
        screen.note("Nobody is muted or banned.")
        return
    table = screen.table("person", "what", "room", "until", "by", "reason")
    for one in found:
        until = "" if one.until is None else _minute(one.until)
        table.add_row(one.person, one.kind, one.room or "", until, one.by, one.reason)
    screen.show(table)


def _judge(
    person: str,
    kind: Literal["mute", "ban"],
    room: str | None,
    minutes: float | None,
    reason: str,
    *,
    lift: bool = False,
) -> None:
    async def tell(client: "AsyncClient") -> None:
        await client.sanction(person, kind, room=room, minutes=minutes, reason=reason, lift=lift)

    speak(tell)


def _show(messages: "tuple[Message, ...]", *, rooms: bool = False) -> None:
    for one in messages:
        place = f"{one.room} {one.seq}" if rooms else str(one.seq)
        text = "(deleted)" if one.deleted else one.text
        cards = "".join(f" [{card.sku}]" for card in one.products)
        screen.say(f"{place}  {_minute(one.at)}  {one.nickname} ({one.person}): {text}{cards}")


def _where(room: str | None) -> str:
    return "anywhere" if room is None else f"in {room}"


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
