"""Commands that run a node."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feria.cli import screen
from feria.cli.finding import home_to_serve, read_settings
from feria.cli.options import HomeCommand

if TYPE_CHECKING:
    from feria.cli.node_lock import Reach
    from feria.cli.serving import Answering
    from feria.settings import Settings

PANEL = "A node"

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
TlsCert = Annotated[
    Path | None,
    typer.Option(
        envvar="FERIA_WEB__TLS_CERTIFICATE",
        metavar="FILE",
        help="Speak TLS with this certificate chain (PEM).",
    ),
]
TlsKey = Annotated[
    Path | None,
    typer.Option(envvar="FERIA_WEB__TLS_KEY", metavar="FILE", help="The certificate's private key (PEM)."),
]
BehindProxy = Annotated[
    bool | None,
    typer.Option(
        "--behind-proxy",
        envvar="FERIA_WEB__BEHIND_PROXY",
        help="A proxy in front ends TLS and says who calls.",
    ),
]

app = typer.Typer()


@app.command(cls=HomeCommand, rich_help_panel=PANEL)
def serve(
    host: Host = None,
    port: Port = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    behind_proxy: BehindProxy = None,
) -> None:
    """Run a node until Ctrl-C.

    It trains, keeps and serves models over HTTP, all in one folder. Commands
    given elsewhere with the same --home find it by themselves. On an address
    that others reach it asks every caller for a token.

    \b
    Examples:
        feria serve
        feria serve --home /srv/feria --port 9000
        feria serve --host 0.0.0.0 --tls-cert node.pem --tls-key node.key
    """
    settings = read_settings(
        host=host, port=port, tls_certificate=tls_cert, tls_key=tls_key, behind_proxy=behind_proxy
    )

    async def greet(reach: "Reach") -> None:
        _banner(settings, reach)

    _serve(settings, greet)


@app.command(cls=HomeCommand, rich_help_panel=PANEL)
def up(
    host: Host = None,
    port: Port = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    behind_proxy: BehindProxy = None,
) -> None:
    """Run a node with something on it to try.

    As `feria serve`; and where nobody has put a model on the shelf yet, a
    first one is trained, on breast cancer records that come with
    scikit-learn. Prints a line to ask it with. Where nothing is sold yet,
    the demo fair is opened, as `feria catalog demo` does.

    \b
    Example:
        feria up
    """
    settings = read_settings(
        host=host, port=port, tls_certificate=tls_cert, tls_key=tls_key, behind_proxy=behind_proxy
    )

    async def show(reach: "Reach") -> None:
        from feria.cli.demo import show_round

        _banner(settings, reach)
        await show_round(reach, settings)

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

    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with open_database(settings.storage, settings.home) as database:
        return await upgrade(database)


def _serve(settings: "Settings", answering: "Answering") -> None:
    with home_to_serve(settings.home) as lock:
        from feria.cli.serving import serve

        serve(settings, lock, answering)


def _banner(settings: "Settings", reach: "Reach") -> None:
    from feria import __version__

    screen.say(f"feria {__version__} answers at {reach.url}", style="bold green")
    if reach.token:
        screen.say("It asks every caller for a token; commands on its home need none.")
    screen.say(f"Its data are in {settings.home.resolve()}. Ctrl-C stops it.")
