"""Commands for users' own Flower apps."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import Json, NodeCommand
from feria.errors import Invalid, NotFound

if TYPE_CHECKING:
    from feria.client import AsyncClient
    from feria.federation.jobs_wire import App

app = typer.Typer(no_args_is_help=True, help="Flower apps of your own, for jobs to run.")


@app.command(cls=NodeCommand)
def add(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The app's folder, or what `flwr build` made of it.")
    ],
    json: Json = False,
) -> None:
    """Register a Flower app, or put a newer one in its place.

    It runs on the node with all its rights, so the node takes one only where
    it was started with FERIA_FEDERATION__APPS=true, and from who administers
    it.

    \b
    Examples:
        feria apps add examples/digits
        feria apps add me.digits.1-0-0.0a1b2c3d.fab
    """
    bundle = _bundle(path)

    async def register(client: "AsyncClient") -> "App":
        return await client.register_app(bundle)

    made = speak(register)
    if json:
        screen.say(made.model_dump_json(indent=2))
        return
    screen.say(f"{made.name} {made.version} by {made.publisher} is registered.")
    screen.say(f"\nRun it: feria jobs start --app {made.name} --name MODEL")


@app.command("list", cls=NodeCommand)
def list_(json: Json = False) -> None:
    """The registered apps, with their settings.

    \b
    Example:
        feria apps list
    """

    async def ask(client: "AsyncClient") -> "tuple[App, ...]":
        return await client.apps()

    apps = speak(ask)
    if json:
        from feria.federation.jobs_wire import AppList

        screen.say(AppList(apps=apps).model_dump_json(indent=2))
        return
    if not apps:
        screen.note("There are no apps. `feria apps add PATH` registers one.")
        return
    table = screen.table("app", "version", "publisher", "settings", "what it does")
    for one in apps:
        said = ", ".join(f"{name}={value}" for name, value in one.settings.items())
        table.add_row(one.name, one.version, one.publisher, said, one.description)
    screen.show(table)


@app.command(cls=NodeCommand)
def rm(name: Annotated[str, typer.Argument(metavar="NAME", help="Which.")]) -> None:
    """Remove an app; jobs that have begun with it go on.

    \b
    Example:
        feria apps rm digits
    """

    async def remove(client: "AsyncClient") -> None:
        await client.remove_app(name)

    speak(remove)
    screen.say(f"{name} is gone.")


def _bundle(path: Path) -> bytes:
    if not path.exists():
        raise NotFound(f"There is no {path}.")
    if not path.is_dir():
        return path.read_bytes()
    from feria.federation.flower import bundle

    if not (path / "pyproject.toml").is_file():
        raise Invalid(f"{path} is no Flower app: it has no pyproject.toml.")
    try:
        return bundle(path)
    except ValueError as error:
        raise Invalid(f"{path} is no Flower app: {error}") from None
