"""Commands for what a node keeps of a person."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import NodeCommand
from feria.errors import Invalid

if TYPE_CHECKING:
    from feria.access.wire import Erased, PersonalData
    from feria.client import AsyncClient

app = typer.Typer(no_args_is_help=True, help="What the node keeps of a person: take it out, erase it.")

Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="The name that tokens, models and tasks bear.")
]


@app.command(cls=NodeCommand)
def export(
    subject: Subject,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there.")] = None,
) -> None:
    """All that is kept under a name, as JSON.

    \b
    Example:
        feria privacy export ana --out ana.json
    """

    async def ask(client: "AsyncClient") -> "PersonalData":
        return await client.personal_data(subject)

    said = speak(ask).model_dump_json(indent=2)
    if out is None:
        screen.say(said)
        return
    try:
        out.write_text(said + "\n", encoding="utf-8")
    except OSError as error:
        raise Invalid(f"Cannot write {out}: {error.strerror}.") from None
    screen.note(f"All that is kept of {subject} is in {out}.")


@app.command(cls=NodeCommand)
def erase(
    subject: Subject,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Erase what is kept under a name, for good.

    Tokens and sessions end. Models stay, and no longer say whose they are.

    \b
    Example:
        feria privacy erase ana
    """
    if not yes:
        typer.confirm(f"Erase all that is kept of {subject}?", abort=True, err=True)

    async def ask(client: "AsyncClient") -> "Erased":
        return await client.erase_personal_data(subject)

    for room, count in speak(ask).rooms.items():
        screen.say(f"{room}: {count}")
