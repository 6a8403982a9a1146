"""The command of a SuperLink that runs by itself, for a node elsewhere or one that comes and goes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feria.cli import screen
from feria.cli.finding import read_settings
from feria.cli.options import HomeCommand

if TYPE_CHECKING:
    from feria.superlink.process import SuperLink

app = typer.Typer(no_args_is_help=True, help="Where stores come in: Flower's SuperLink, run by itself.")


@app.command(cls=HomeCommand)
def up(
    host: Annotated[
        str | None, typer.Option(metavar="H", show_default="127.0.0.1", help="Address to listen on.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=65535, show_default="9092", help="Port, TLS always.")
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Host name or address by which stores call it; more than once."),
    ] = None,
) -> None:
    """Run a SuperLink until Ctrl-C, and keep it running.

    A node with FERIA_SUPERLINK__ENABLED=true has one of its own, and needs
    none of this. One that runs by itself goes on with its jobs while the node
    is away. It makes its CA, its certificate and its secret in its home, and
    prints what the node is to be told.

    \b
    Example:
        feria superlink up --host 0.0.0.0 --name hub.example
    """
    import asyncio

    from feria.storage.blobs import disk_errors

    settings = read_settings()
    ours = settings.superlink
    with disk_errors():
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    asyncio.run(_run(settings.home, host or ours.host, port or ours.port, tuple(name or ours.names)))


async def _run(home: Path, host: str, port: int, names: tuple[str, ...]) -> None:
    import asyncio
    import logging
    import signal

    from feria.superlink.process import open_superlink

    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    ended = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, ended.set)
    async with open_superlink(
        home / "superlink", host=host, port=port, names=names, keep_secret=True
    ) as superlink:
        _say(superlink, names[0] if names else superlink.host)
        await ended.wait()
    screen.note("The SuperLink has gone.")


def _say(superlink: "SuperLink", name: str) -> None:
    screen.note("The SuperLink is up. Ctrl-C ends it. A node takes it as its own with:")
    screen.say("FERIA_SUPERLINK__ENABLED=true")
    screen.say(f"FERIA_SUPERLINK__ADDRESS={name}:{superlink.port}")
    screen.say(f"FERIA_SUPERLINK__CA={superlink.ca}")
    screen.say(f"FERIA_SUPERLINK__SECRET=$(cat {superlink.secret_file})")
