"""Commands for data owners, and for inviting those whose rows stay at their own machine."""

import contextlib
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import Json, NodeCommand
from feria.errors import Invalid, NotFound

if TYPE_CHECKING:
    from feria.client import AsyncClient
    from feria.federation.jobs_wire import Client
    from feria.superlink.wire import IssuedInvitation, NewInvitation

app = typer.Typer(no_args_is_help=True, help="Data owners: who can take part in a federated training.")

Data = Annotated[Path, typer.Option(metavar="FILE", help="Its rows, CSV or Parquet.")]
MOST_PARTS = 10_000


@app.command(cls=NodeCommand)
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help='As people know it: "Tienda Lima".')],
    data: Data,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What the rows are called.", show_default="the file's name"),
    ] = None,
    json: Json = False,
) -> None:
    """Register a data owner with its rows.

    The rows stay on the node, which trains on them where they are and gives
    them to nobody, not even to you.

    \b
    Examples:
        feria clients add "Tienda Lima" --data lima.csv
        feria clients add "Hospital Barcelona" --data heart.parquet --dataset hearts
    """

    async def register(client: "AsyncClient") -> "Client":
        return await client.register_client(name, data, dataset=dataset)

    made = speak(register)
    if json:
        screen.say(made.model_dump_json(indent=2))
    else:
        screen.say(f"{made.name} takes part with {made.rows:,} rows of {len(made.columns)} columns.")


@app.command(cls=NodeCommand)
def split(
    data: Annotated[Path, typer.Argument(metavar="FILE", help="Rows of everybody, CSV or Parquet.")],
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="A client for each text in it, named after it.")
    ] = None,
    parts: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=MOST_PARTS, help="Clients with an equal share, by chance."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of that chance.")] = 0,
) -> None:
    """Deal the rows of one file out to clients, to see what a federation would do.

    \b
    Examples:
        feria clients split hearts.csv --by hospital
        feria clients split adult.csv --parts 100
    """
    if (by is None) == (parts is None):
        raise Invalid("Say either --by COLUMN or --parts N.")
    import io

    from feria.federation.partitions import LIMITS, at_random, by_column
    from feria.learning.sources import read_file

    table = read_file(data, LIMITS)
    if by is not None and by not in table.frame.columns:
        raise Invalid(f"{data} has no column '{by}'; it has {', '.join(table.frame.columns)}.", column=by)
    dealt = by_column(table, by) if by is not None else at_random(table, parts or 1, seed)
    if len(dealt) > MOST_PARTS:
        raise Invalid(f"'{by}' has {len(dealt):,} different texts; {MOST_PARTS:,} clients are the most.")

    async def register(client: "AsyncClient") -> None:
        with screen.progress() as report:
            for done, (name, part) in enumerate(dealt.items(), 1):
                rows = io.BytesIO()
                part.frame.write_parquet(rows)
                await client.register_client(name, rows.getvalue(), dataset=data.name)
                report(name, done / len(dealt))

    speak(register)
    screen.say(f"{len(dealt):,} clients take part: {_some(list(dealt))}.")


@app.command(cls=NodeCommand)
def invite(
    name: Annotated[str, typer.Argument(metavar="NAME", help='As people know it: "Tienda Lima".')],
    days: Annotated[
        float | None,
        typer.Option(metavar="N", help="How long it may join with it.", show_default="7"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the invitation there, for you alone to read.")
    ] = None,
) -> None:
    """Invite a store, whose rows stay on its own machine.

    Prints the invitation, one line, this once; send it to the store by a way
    that nobody else reads, for it lets in who has it first. The store joins
    with it and is a client then. A new one for the same name takes the place
    of one that was not used.

    \b
    Examples:
        feria clients invite "Tienda Lima"
        feria clients invite "Hospital Barcelona" --days 30 --out barcelona.txt
    """

    async def ask(client: "AsyncClient") -> "NewInvitation":
        return await client.invite(name, days=days)

    with _line_into(out) as write:
        made = speak(ask)
        write(made.text)
    text = "INVITATION" if out is None else out.name
    screen.note(f"For {made.name}, until {_minute(made.expires_at)}. It is not shown again. At the store:")
    screen.note(f"    feria client join {text} --data FILE --target COLUMN")


@app.command(cls=NodeCommand)
def invitations(json: Json = False) -> None:
    """Whom you have invited, and who has joined.

    \b
    Example:
        feria clients invitations
    """

    async def ask(client: "AsyncClient") -> "tuple[IssuedInvitation, ...]":
        return await client.invitations()

    issued = speak(ask)
    if json:
        from feria.superlink.wire import InvitationList

        screen.say(InvitationList(invitations=issued).model_dump_json(indent=2))
        return
    if not issued:
        screen.note("Nobody was invited. `feria clients invite NAME` makes an invitation.")
        return
    table = screen.table("name", "state", "made", "ends", "joined")
    for one in issued:
        joined = "" if one.redeemed_at is None else _minute(one.redeemed_at)
        table.add_row(one.name, one.state, _minute(one.created_at), _minute(one.expires_at), joined)
    screen.show(table)


@app.command("list", cls=NodeCommand)
def list_(json: Json = False) -> None:
    """Your data owners, by name, and whether the stores among them are there.

    \b
    Example:
        feria clients list
    """

    async def ask(client: "AsyncClient") -> "tuple[Client, ...]":
        return await client.clients()

    clients = speak(ask)
    if json:
        from feria.federation.jobs_wire import ClientList

        screen.say(ClientList(clients=clients).model_dump_json(indent=2))
        return
    if not clients:
        screen.note("There are no clients. `feria clients add NAME --data FILE` registers one.")
        return
    stores = any(one.where == "store" for one in clients)
    of_stores = ("where", "state", "last seen") if stores else ()
    table = screen.table(
        "client", "dataset", "rows", "columns", "schema", *of_stores, right=("rows", "columns")
    )
    for one in clients:
        seen = "" if one.last_seen is None else _minute(one.last_seen)
        there = (one.where, one.status or "", seen) if stores else ()
        about = (one.name, one.dataset, f"{one.rows:,}", str(len(one.columns)), one.schema_digest[:8])
        table.add_row(*about, *there)
    screen.show(table)


@app.command(cls=NodeCommand)
def rm(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Whom to remove, with its rows.")],
) -> None:
    """Remove data owners and their rows; models that were made with them stay.

    A store keeps its rows and is shut out for good: it comes back with a new
    invitation only. One that was invited and has not joined cannot any more.

    \b
    Example:
        feria clients rm "Tienda Lima"
    """

    async def remove(client: "AsyncClient") -> None:
        for name in names:
            try:
                await client.remove_client(name)
            except NotFound:
                if not await uninvited(client, name):
                    raise

    async def uninvited(client: "AsyncClient", name: str) -> bool:
        me = (await client.whoami()).subject
        found = [one for one in await client.invitations() if (one.name, one.owner) == (name, me)]
        opened = [one.id for one in found if one.state == "open"]
        for id in opened:
            await client.revoke_invitation(id)
        return bool(opened)

    speak(remove)
    screen.say(f"{_some(names)}: gone, with the rows that were on the node.")


@contextlib.contextmanager
def _line_into(out: Path | None) -> Iterator[Callable[[str], None]]:
    """Onto the screen, or into a new file, which is there before anything else happens: what it is to hold
    is given once. Raises `Invalid`."""
    if out is None:
        yield screen.say
        return
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Invalid(f"Cannot write {out}: {error.strerror}.") from None
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            yield lambda line: print(line, file=file)
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
