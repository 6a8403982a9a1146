"""Commands that run a node."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from feria.cli import screen
from feria.cli.finding import home_to_serve, read_settings
from feria.cli.options import HomeCommand

if TYPE_CHECKING:
    from feria.cli.serving import Answering
    from feria.settings import Settings

PANEL = "A node"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}

Host = Annotated[
    str | None,
    typer.Option(
        envvar="FERIA_WEB__HOST", metavar="H", show_default="127.0.0.1", help="Address to listen on."
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        envvar="FERIA_WEB__PORT",
        metavar="N",
        min=0,
        max=65535,
        show_default="8000",
        help="Port; 0 takes a free one.",
    ),
]

app = typer.Typer()


@app.command(cls=HomeCommand, rich_help_panel=PANEL)
def serve(host: Host = None, port: Port = None) -> None:
    """Run a node until Ctrl-C.

    It trains, keeps and serves models over HTTP, all in one folder. Commands
    given elsewhere with the same --home find it by themselves.

    \b
    Examples:
        feria serve
        feria serve --home /srv/feria --port 9000
    """
    settings = read_settings(host=host, port=port)

    async def greet(url: str) -> None:
        _banner(settings, url)

    _serve(settings, greet)


@app.command(cls=HomeCommand, rich_help_panel=PANEL)
def up(host: Host = None, port: Port = None) -> None:
    """Run a node with something on it to try.

    As `feria serve`; and where the shelf is still empty, a first model is
    trained, on breast cancer records that come with scikit-learn. Prints a
    line to ask it with.

    \b
    Example:
        feria up
    """
    settings = read_settings(host=host, port=port)

    async def show(url: str) -> None:
        from feria.cli.demo import show_round

        _banner(settings, url)
        await show_round(url)

    _serve(settings, show)


@app.command(cls=HomeCommand, rich_help_panel=PANEL)
def migrate() -> None:
    """Bring the database's schema up to date.

    A node on SQLite does so itself when it starts. On PostgreSQL and MariaDB
    run this once after an upgrade, before the nodes start. Running it again
    changes nothing.

    \b
    Examples:
        feria migrate
        FERIA_STORAGE__URL=postgresql://… feria migrate
    """
    settings = read_settings()
    revision = asyncio.run(_migrate(settings))
    screen.say(f"The database is at schema {revision}, the newest.")


async def _migrate(settings: "Settings") -> str:
    from feria.migrations.schema import upgrade
    from feria.storage.database import open_database

    settings.home.mkdir(parents=True, exist_ok=True)
    async with open_database(settings.storage, settings.home) as database:
        return await upgrade(database)


def _serve(settings: "Settings", answering: "Answering") -> None:
    with home_to_serve(settings.home) as lock:
        from feria.cli.serving import serve

        serve(settings, lock, answering)


def _banner(settings: "Settings", url: str) -> None:
    from feria import __version__

    screen.say(f"feria {__version__} answers at {url}", style="bold green")
    screen.say(f"Its data are in {settings.home.resolve()}. Ctrl-C stops it.")
    if settings.web.host not in LOOPBACK:
        screen.warn(f"It listens on {settings.web.host}: whoever reaches that address can use and change it.")
