"""Commands for the cluster: who is in it, leaving it, and what makes it safe."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import HomeCommand, Json, NodeCommand

if TYPE_CHECKING:
    from feria.client import AsyncClient
    from feria.cluster.wire import ClusterMember, ClusterStatus, LeftCluster

app = typer.Typer(no_args_is_help=True, help="Nodes that hold the same keys: who is there, and who may come.")
key = typer.Typer(no_args_is_help=True, help="The cluster's key, a file that every node has a copy of.")
app.add_typer(key, name="key")

KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file with the key.")]
STYLES = {"alive": "green", "suspect": "yellow", "dead": "red", "expelled": "red"}


@app.command(cls=NodeCommand)
def status(json: Json = False) -> None:
    """The cluster as one node sees it.

    \b
    Examples:
        feria cluster status
        feria cluster status --url http://shop-2:8000 --json
    """
    found = _ask()
    if json:
        screen.say(found.model_dump_json(indent=2))
        return
    _say_whole(found)
    if found.members:
        screen.say("")
        _show_members(found)


@app.command(cls=NodeCommand)
def members(json: Json = False) -> None:
    """The other members, and how far behind they are.

    \b
    Example:
        feria cluster members
    """
    found = _ask()
    if json:
        from feria.cluster.wire import ClusterMembers

        screen.say(ClusterMembers(members=found.members).model_dump_json(indent=2))
    elif found.members:
        _show_members(found)
    else:
        screen.note("There are no others. `feria serve --gossip-port N --join HOST:PORT` joins some.")


@app.command(cls=NodeCommand)
def leave() -> None:
    """Have the node leave its cluster for good.

    Returns once another member has all that it had; the others no longer
    wait for it. The node goes on alone, so stop it then. Started again it
    joins again.

    \b
    Example:
        feria cluster leave --home /srv/feria
    """

    async def go(client: "AsyncClient") -> "LeftCluster":
        return await client.leave_cluster()

    left = speak(go)
    screen.say(f"{left.id} has left; what it had is with {', '.join(left.handed_over_to)}.")


@app.command(cls=HomeCommand)
def certificates(
    node: Annotated[str, typer.Argument(metavar="NODE", help="The node's name, as `shop-2`.")],
    hosts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[HOST]…", help="Its host names and addresses.", show_default="NODE"),
    ] = None,
    folder: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of the cluster's authority.")
    ] = Path("certificates"),
) -> None:
    """Make a node's certificate, and at the first call the authority that signs all of them.

    The folder's `ca.key` signs new nodes: keep it off the nodes. Each node
    needs its own two files and `ca.pem`.

    \b
    Examples:
        feria cluster certificates shop-1 10.0.0.1
        feria cluster certificates shop-2 shop-2.example 10.0.0.2
    """
    from feria.cluster.certificates import make_certificate

    certificate, private, ca = make_certificate(folder, node, hosts or [], datetime.now(UTC))
    screen.say(f"FERIA_CLUSTER__CERTIFICATE={certificate}")
    screen.say(f"FERIA_CLUSTER__CERTIFICATE_KEY={private}")
    screen.say(f"FERIA_CLUSTER__CA={ca}")
    screen.note(f"These three files are for {node}; say so to it with the lines above.")


@key.command(cls=HomeCommand)
def new(file: KeyFile) -> None:
    """Make a key.

    \b
    Example:
        feria cluster key new cluster.key
    """
    from feria.cluster.keys import make_keys

    make_keys(file)
    screen.say(f"{file} holds a new key. Copy it to every node: feria serve --cluster-key {file} …")


@key.command(cls=HomeCommand)
def rotate(file: KeyFile) -> None:
    """Put a new key into the file, before the one that is there.

    Nodes that have either understand each other, and read the file again by
    themselves. So copy it to one node after another, and then retire the
    older key.

    \b
    Example:
        feria cluster key rotate cluster.key
    """
    from feria.cluster.keys import rotate_keys

    rotate_keys(file)
    screen.say(
        f"{file} holds a new key and the one before. Copy it to every node; then: "
        f"feria cluster key retire {file}"
    )


@key.command(cls=HomeCommand)
def retire(file: KeyFile) -> None:
    """Drop the older of two keys, once every node has the newer one.

    \b
    Example:
        feria cluster key retire cluster.key
    """
    from feria.cluster.keys import retire_keys

    retire_keys(file)
    screen.say(f"{file} holds the newer key alone. Copy it to every node.")


def _ask() -> "ClusterStatus":
    async def ask(client: "AsyncClient") -> "ClusterStatus":
        return await client.cluster()

    return speak(ask)


def _say_whole(found: "ClusterStatus") -> None:
    shown = screen.table("", "")
    rows = {
        "cluster": found.cluster,
        "this node": f"{found.id} at {found.address}" if found.address else found.id,
        "state": f"{found.state}, taking over rows" if found.bootstrapping else found.state,
        "secured by": "nothing" if found.secured == "no" else found.secured,
        "keys": f"{found.keys:,}",
        "deletions remembered": f"{found.tombstones:,}",
        "connections refused": _counts(found.refusals),
        "messages dropped": _counts(found.unread),
    }
    for name, value in rows.items():
        if value:
            shown.add_row(name, value)
    screen.show(shown)


def _show_members(found: "ClusterStatus") -> None:
    from rich.text import Text

    shown = screen.table(
        "member",
        "address",
        "state",
        "heard",
        "behind",
        "in",
        "out",
        "load",
        right=("behind", "in", "out", "load"),
    )
    for member in found.members:
        shown.add_row(
            member.id,
            member.address,
            Text(member.state, STYLES.get(member.state, "")),
            _ago(member),
            "" if member.behind is None else f"{member.behind:,}",
            _bytes(member.bytes_in),
            _bytes(member.bytes_out),
            "" if member.health is None else f"{member.health.load:.0%}",
        )
    screen.show(shown)


def _ago(member: "ClusterMember") -> str:
    if member.heard is None:
        return "never"
    seconds = (datetime.now(UTC) - member.heard).total_seconds()
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {name} ago"
    return f"{max(seconds, 0):.0f} s ago"


def _bytes(count: int) -> str:
    for size, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= size:
            return f"{count / size:.1f} {name}"
    return f"{count} B"


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(found.items()))
