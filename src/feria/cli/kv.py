"""Commands for keys and their values, which every node of a cluster holds."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import Json, NodeCommand

if TYPE_CHECKING:
    from feria.client import AsyncClient
    from feria.cluster.kv.wire import Change, Conflicts, KeyList, Listed, Value, WrittenKey

app = typer.Typer(no_args_is_help=True, help="Keys that every node of the cluster holds: read, write, watch.")

Key = Annotated[str, typer.Argument(metavar="KEY", help="A name, as `prices/mug`; slashes are part of it.")]
Prefix = Annotated[str, typer.Option(metavar="TEXT", help="Only keys that begin so.")]
IfVersion = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=0, help="Only if the key is at this version on the node; 0: if it is not there."
    ),
]
READ_AT_ONCE = 2**18


@app.command(cls=NodeCommand)
def get(
    key: Key,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Where the value goes.", show_default="stdout"),
    ] = None,
    beyond: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Wait until its version is greater than this one."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(metavar="S", min=0, max=60, help="With --beyond: how long to wait.")
    ] = 30.0,
    min_version: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="No older version than this one, which was seen elsewhere."),
    ] = None,
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Show the values that lost against it instead.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the value of a key, byte for byte, or save it as a file.

    What is saved or printed is whole and verified, or nothing is.

    \b
    Examples:
        feria kv get prices/mug
        feria kv get models/heart.onnx --out heart.onnx
        feria kv get prices/mug --beyond 3 --seconds 60
    """
    if conflicts:
        _show_conflicts(key, json)
        return
    if beyond is not None:
        _await(key, beyond, seconds)
    if json:

        async def ask(client: "AsyncClient") -> "Value":
            return await client.kv.get(key, min_version=min_version)

        screen.say(speak(ask).model_dump_json(indent=2))
        return
    with _landing(out) as file:

        async def save(client: "AsyncClient") -> "WrittenKey":
            with screen.progress() as report:
                return await client.kv.save(key, file, min_version=min_version, on_progress=report)

        written = speak(save)
        if out is None:
            _print(file)
        else:
            screen.say(f"{out} holds {_size(out.stat().st_size)}: {key} at version {written.version}.")


@app.command(cls=NodeCommand)
def put(
    key: Key,
    value: Annotated[
        str | None,
        typer.Argument(metavar="[VALUE]", help="A text; `-`, or neither it nor --file, reads stdin."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="What a file holds.")
    ] = None,
    if_version: IfVersion = None,
    json: Json = False,
) -> None:
    """Write a key.

    It is durable on the node when the command ends, and on its way to the others.

    \b
    Examples:
        feria kv put prices/mug 12.50
        feria kv put prices/mug 13.00 --if-version 1
        feria kv put models/heart.onnx --file heart.onnx
        date | feria kv put last-backup
    """
    from feria.errors import Invalid

    if value is not None and file is not None:
        raise Invalid("A value, or --file: not both.")
    with _content(value, file) as content:

        async def write(client: "AsyncClient") -> "WrittenKey":
            with screen.progress() as report:
                return await client.kv.put(key, content, if_version=if_version, on_progress=report)

        _tell(speak(write), "is at version", json)


@app.command(cls=NodeCommand)
def rm(key: Key, if_version: IfVersion = None, json: Json = False) -> None:
    """Delete a key, on all nodes in the end.

    \b
    Example:
        feria kv rm prices/mug
    """

    async def delete(client: "AsyncClient") -> "WrittenKey":
        return await client.kv.delete(key, if_version=if_version)

    _tell(speak(delete), "is deleted; that is version", json)


@app.command(cls=NodeCommand)
def ls(
    prefix: Prefix = "",
    after: Annotated[str | None, typer.Option(metavar="KEY", help="Only keys behind this one.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many.")] = 1000,
    json: Json = False,
) -> None:
    """List keys in their order, with version and size.

    \b
    Examples:
        feria kv ls
        feria kv ls --prefix prices/ --json
    """

    async def ask(client: "AsyncClient") -> "KeyList":
        from feria.cluster.kv.wire import MOST_LISTED, KeyList

        found: list[Listed] = []
        go_on = after
        while True:
            page = await client.kv.list(prefix, after=go_on, limit=min(MOST_LISTED, limit - len(found)))
            found += page.keys
            go_on = page.next
            if go_on is None or len(found) >= limit:
                return KeyList(keys=tuple(found), next=go_on)

    listed = speak(ask)
    if json:
        screen.say(listed.model_dump_json(indent=2))
        return
    if not listed.keys:
        screen.note("There are no such keys. `feria kv put KEY VALUE` writes one.")
        return
    shown = screen.table("key", "version", "size", right=("version", "size"))
    for one in listed.keys:
        shown.add_row(one.key, str(one.version), _size(one.size))
    screen.show(shown)
    if listed.next is not None:
        screen.note(f"There are more: feria kv ls --after '{listed.next}'")


@app.command(cls=NodeCommand)
def watch(
    prefix: Prefix = "",
    since: Annotated[
        int | None,
        typer.Option(
            metavar="PLACE",
            min=0,
            help="From this place on, as --json tells it; 0: all there is, then what comes.",
            show_default="now",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Tell of each key that changes, on whichever node, until Ctrl-C.

    With --json a line for each, its value in Base64. Goes on over a node's
    restart.

    \b
    Examples:
        feria kv watch --prefix prices/
        feria kv watch --since 0 --json
    """

    async def follow(client: "AsyncClient") -> None:
        async for change in client.kv.watch(prefix, since=since):
            screen.say(change.model_dump_json(exclude_none=True) if json else _line(change))

    speak(follow)


# ------------------------------------------------------------------------------- in and out
@contextlib.contextmanager
def _content(value: str | None, file: Path | None) -> "Iterator[str | bytes | Path]":
    """What is to be written; a long standard input goes through a file, for its length must be known."""
    import tempfile

    if file is not None or value not in {None, "-"}:
        yield file or value or ""
        return
    start = sys.stdin.buffer.read(READ_AT_ONCE)
    if len(start) < READ_AT_ONCE:
        yield start
        return
    with tempfile.NamedTemporaryFile() as whole:
        _copy(start, sys.stdin.buffer, whole)
        yield Path(whole.name)


def _copy(start: bytes, rest: IO[bytes], to: IO[bytes]) -> None:
    import shutil

    to.write(start)
    shutil.copyfileobj(rest, to, READ_AT_ONCE)
    to.flush()


@contextlib.contextmanager
def _landing(out: Path | None) -> Iterator[Path]:
    """Where a value is saved; for the standard output, a file that is gone afterwards."""
    import tempfile

    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "value"


def _print(file: Path) -> None:
    from feria.errors import Invalid

    out = sys.stdout.buffer
    with file.open("rb") as value:
        if not sys.stdout.isatty():
            _copy(b"", value, out)
            return
        content = value.read()
    try:
        content.decode()
    except UnicodeDecodeError:
        raise Invalid(f"The value is {_size(len(content))} that are no text; save it with --out.") from None
    out.write(content if content.endswith(b"\n") else content + b"\n")
    out.flush()


def _await(key: str, beyond: int, seconds: float) -> None:
    from feria.errors import Expired

    async def ask(client: "AsyncClient") -> "Value | None":
        return await client.kv.wait(key, beyond=beyond, seconds=seconds)

    if speak(ask) is None:
        raise Expired(f"{key} was not written within {seconds:g} s.")


def _show_conflicts(key: str, json: bool) -> None:
    async def ask(client: "AsyncClient") -> "Conflicts":
        return await client.kv.conflicts(key)

    found = speak(ask)
    if json:
        screen.say(found.model_dump_json(indent=2))
        return
    if not found.conflicts:
        screen.note(f"No value of {key} lost against another.")
        return
    shown = screen.table("version", "written", "member", "value", right=("version",))
    for one in found.conflicts:
        shown.add_row(
            str(one.version),
            f"{one.at.astimezone():%Y-%m-%d %H:%M:%S}",
            one.member or "",
            "deleted" if one.deleted else _short(one.value, one.size),
        )
    screen.show(shown)


# -------------------------------------------------------------------------------- in words
def _tell(written: "WrittenKey", what: str, json: bool) -> None:
    screen.say(written.model_dump_json() if json else f"{written.key} {what} {written.version}.")


def _line(change: "Change") -> str:
    what = "deleted" if change.deleted else _short(change.value, change.size)
    return f"{change.key}  v{change.version}  {what}"


def _short(value: bytes | None, size: int) -> str:
    """A value on one line, where it is a text that fits."""
    try:
        text = None if value is None else value.decode()
    except UnicodeDecodeError:
        text = None
    return text if text is not None and len(text) <= 60 and text.isprintable() else _size(size)


def _size(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
