"""Commands about expressions."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import Json, NodeCommand

if TYPE_CHECKING:
    from feria.client import AsyncClient
    from feria.emotions.wire import EmotionStatistics, Expressions

app = typer.Typer(no_args_is_help=True, help="Expressions of faces: read one, see what was counted.")


@app.command(cls=NodeCommand)
def read(
    picture: Annotated[Path, typer.Argument(metavar="FILE", help="A picture: JPEG, PNG or WebP.")],
    detect: Annotated[
        bool, typer.Option("--detect", help="Look for faces; else the picture is one, cut out.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what expression a picture shows. Nothing of it is kept.

    \b
    Example:
        feria emotions read photo.jpg --detect
    """

    async def ask(client: "AsyncClient") -> "Expressions":
        return await client.read_expression(picture, detect=detect)

    found = speak(ask)
    if json:
        screen.say(found.model_dump_json(indent=2, exclude_none=True))
        return
    shown = screen.table("expression", "confidence", "left", "top", right=("confidence", "left", "top"))
    for face in found.faces:
        place = ("", "") if face.box is None else (f"{face.box.left:.0%}", f"{face.box.top:.0%}")
        unsure = "?" if face.unsure else ""
        shown.add_row(f"{face.emotion_name}{unsure}", f"{face.confidence:.1%}", *place)
    screen.show(shown)


@app.command(cls=NodeCommand)
def statistics(
    days: Annotated[float, typer.Option(metavar="N", min=0.001, help="Of so many days up to now.")] = 1.0,
    step: Annotated[
        Literal["minute", "hour", "day"], typer.Option(metavar="STEP", help="minute, hour or day.")
    ] = "hour",
    json: Json = False,
) -> None:
    """Show how often each expression was seen, of those who allowed it to be
    counted.

    \b
    Examples:
        feria emotions statistics
        feria emotions statistics --days 30 --step day --json
    """
    from feria.clock import SystemClock

    now = SystemClock().now()

    async def ask(client: "AsyncClient") -> "EmotionStatistics":
        return await client.emotion_statistics(now - timedelta(days=days), step=step)

    found = speak(ask)
    if json:
        screen.say(found.model_dump_json(indent=2))
        return
    if not found.total:
        screen.note("Nothing was counted in this time. Labels are kept only of who allows it.")
        return
    shown = screen.table("expression", "count", "share", right=("count", "share"))
    for one in sorted(found.classes, key=lambda one: -one.count):
        shown.add_row(one.name, f"{one.count:,}", f"{one.share:.1%}")
    screen.show(shown)
