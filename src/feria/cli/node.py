"""Commands that run a node."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feria.cli import screen
from feria.cli.finding import home_to_serve, read_settings
from feria.cli.options import HomeCommand
from feria.errors import Invalid

if TYPE_CHECKING:
    from feria.cli.node_lock import Reach
    from feria.cli.serving import Answering
    from feria.settings import Settings

PANEL = "A node"
CLUSTER = "Cluster"

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

GossipPort = Annotated[
    int | None,
    typer.Option(
        envvar="FERIA_CLUSTER__GOSSIP_PORT",
        metavar="N",
        min=0,
        max=65535,
        show_default="alone",
        help="Port for other nodes; 0 takes a free one.",
        rich_help_panel=CLUSTER,
    ),
]
Join = Annotated[
    list[str] | None,
    typer.Option(
        metavar="HOST:PORT",
        help="A node of the cluster; may be repeated. A few will do, this one may be among them.",
        rich_help_panel=CLUSTER,
    ),
]
Advertise = Annotated[
    str | None,
    typer.Option(
        envvar="FERIA_CLUSTER__ADVERTISE",
        metavar="HOST:PORT",
        show_default="what it listens on",
        help="Where other nodes reach this one.",
        rich_help_panel=CLUSTER,
    ),
]
ClusterKey = Annotated[
    Path | None,
    typer.Option(
        envvar="FERIA_CLUSTER__KEY_FILE",
        metavar="FILE",
        help="The cluster's key; `feria cluster key new` makes it.",
        rich_help_panel=CLUSTER,
    ),
]
Replace = Annotated[
    bool,
    typer.Option(
        "--replace", help="Stop a running node of this one's name, elsewhere.", rich_help_panel=CLUSTER
    ),
]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure",
        help="Speak to other machines' nodes without key or TLS.",
        rich_help_panel=CLUSTER,
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
    gossip_port: GossipPort = None,
    join: Join = None,
    advertise: Advertise = None,
    cluster_key: ClusterKey = None,
    replace: Replace = False,
    insecure: Insecure = False,
) -> None:
    """Run a node until Ctrl-C.

    It trains, keeps and serves models over HTTP, all in one folder. Commands
    given elsewhere with the same --home find it by themselves. On an address
    that others reach it asks every caller for a token. With --gossip-port it
    is a member of a cluster, whose nodes hold the same keys.

    \b
    Examples:
        feria serve
        feria serve --home /srv/feria --port 9000
        feria serve --host 0.0.0.0 --tls-cert node.pem --tls-key node.key
        feria serve --home B --port 8002 --gossip-port 7002 --join 127.0.0.1:7001
    """
    settings = read_settings(
        host=host,
        port=port,
        tls_certificate=tls_cert,
        tls_key=tls_key,
        behind_proxy=behind_proxy,
        cluster={
            "gossip_port": gossip_port,
            "join": join,
            "advertise": advertise,
            "key_file": cluster_key,
            "replace": replace or None,
            "insecure": insecure or None,
        },
    )
    if settings.cluster.join and settings.cluster.gossip_port is None:
        raise Invalid("Who joins a cluster needs a port of its own for other nodes: --gossip-port N.")

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
