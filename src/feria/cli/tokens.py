"""Commands for the tokens of a locked node."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import Json, NodeCommand, names_said

if TYPE_CHECKING:
    from feria.access.wire import NewToken, Token
    from feria.client import AsyncClient

app = typer.Typer(no_args_is_help=True, help="Who may come in, and what they may do.")

ROLES = "client: ask models. viewer: look, not touch. operator: train, own models. admin: everything."


@app.command(cls=NodeCommand)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what will hold it: `ana`, `till-3`.")],
    role: Annotated[str, typer.Option(metavar="client|viewer|operator|admin", help=ROLES)],
    allow: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Fewer permissions than the role's, of: read,predict,train,catalog,keys,watch,administer.",
        ),
    ] = None,
    days: Annotated[float | None, typer.Option(metavar="N", help="It ends after so many days.")] = None,
) -> None:
    """Make a token, and print it this once.

    Only the token goes to the standard output, so that it can be piped to
    where it is kept. The node keeps no more than a hash. To replace one, make
    another with the same name, put it in place, and revoke the old one.

    \b
    Examples:
        feria tokens create ana --role admin
        feria tokens create till-3 --role client --days 90
        feria tokens create backup --role operator --allow read
    """

    async def make(client: "AsyncClient") -> "NewToken":
        return await client.create_token(name, role, allow=names_said(allow), days=days)

    made = speak(make)
    screen.say(made.token)
    end = "" if made.expires_at is None else f" until {_day(made.expires_at)}"
    screen.note(f"Token {made.id} of {made.name}, {made.role}{end}. It is not shown again.")


@app.command("list", cls=NodeCommand)
def list_(json: Json = False) -> None:
    """Every token that was not revoked.

    \b
    Example:
        feria tokens list
    """

    async def ask(client: "AsyncClient") -> "tuple[Token, ...]":
        return await client.tokens()

    tokens = speak(ask)
    if json:
        from feria.access.wire import TokenList

        screen.say(TokenList(tokens=tokens).model_dump_json(indent=2))
        return
    if not tokens:
        screen.note("There are no tokens. Make one with `feria tokens create NAME --role admin`.")
        return
    shown = screen.table("id", "name", "role", "may", "made", "last used", "ends")
    for token in tokens:
        shown.add_row(
            token.id,
            token.name,
            token.role,
            " ".join(token.permissions),
            _day(token.created_at),
            _day(token.last_used_at) if token.last_used_at else "never",
            _day(token.expires_at) if token.expires_at else "never",
        )
    screen.show(shown)


@app.command(cls=NodeCommand)
def revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="As `feria tokens list` shows it.")],
    force: Annotated[
        bool, typer.Option("--force", help="Even the last token that administers a locked node.")
    ] = False,
) -> None:
    """End a token, and the browser sessions that were opened with it.

    \b
    Example:
        feria tokens revoke 4f1c0a9b27de
    """

    async def end(client: "AsyncClient") -> None:
        await client.revoke_token(id, force=force)

    speak(end)
    screen.say(f"Token {id} is revoked.")


def _day(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d}"
