"""Commands for the shelf of models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import Json, ModelArgument, NodeCommand, Reference

if TYPE_CHECKING:
    from feria.client import AsyncClient
    from feria.registry.wire import Model, ShelvedModel

app = typer.Typer(no_args_is_help=True, help="The shelf of models: add, look, take away.")


@app.command(cls=NodeCommand)
def add(
    source: Annotated[
        str, typer.Argument(metavar="FILE.onnx|URL", help="An ONNX file, here or at https://….")
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its name.", show_default="the file's")
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="Refuse the file when its sha256 is another."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The classes in order: one a line, or a JSON list."),
    ] = None,
    card: Annotated[Path | None, typer.Option(metavar="FILE", help="A model card, in Markdown.")] = None,
    unsure_below: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            min=0,
            max=1,
            help="Say 'unsure' where the best class has less than this probability.",
            rich_help_panel="Pictures",
        ),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N,N]",
            help="Subtracted from pixels of 0 to 255, one number or one a channel.",
            rich_help_panel="Pictures",
        ),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N,N]",
            help="What pixels are then multiplied with.",
            show_default="1/255",
            rich_help_panel="Pictures",
        ),
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(metavar="RGB|BGR|GRAY", help="Order of the channels.", rich_help_panel="Pictures"),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WxH",
            help="Size of the picture the network takes, where the file leaves it open.",
            rich_help_panel="Pictures",
        ),
    ] = None,
) -> None:
    """Put an ONNX file on the shelf, as the next version of its name.

    It is checked in a process of its own and served at once. What pictures a
    network wants is read from the file, as far as it says so.

    \b
    Examples:
        feria models add squeezenet.onnx --labels synset.txt \\
            --channels BGR --mean 104,117,123 --scale 1
        feria models add https://example.org/net.onnx --sha256 9f86d0…
    """
    from feria.cli.adding import Preparation, add_model

    preparation = Preparation(mean=mean, scale=scale, channels=channels, size=size)
    model = add_model(source, name, sha256, labels, card, unsure_below, preparation)
    screen.say(f"{model.reference} is on the shelf: {_what(model)}, sha256 {model.digest}.")


@app.command("list", cls=NodeCommand)
def list_(json: Json = False) -> None:
    """What is on the shelf: the latest version of each model.

    \b
    Examples:
        feria models list
        feria models list --json
    """

    async def ask(client: "AsyncClient") -> "tuple[ShelvedModel, ...]":
        return await client.models()

    models = speak(ask)
    if json:
        from feria.registry.wire import ModelList

        screen.say(ModelList(models=models).model_dump_json(indent=2))
        return
    if not models:
        screen.note("The shelf is empty. Fill it with `feria train` or `feria models add`.")
        return
    shown = screen.table(
        "model", "version", "kind", "answers", "measured", "size", "published",
        right=("version", "size"),
    )  # fmt: skip
    for model in models:
        shown.add_row(
            model.name,
            str(model.version),
            model.kind,
            model.output.task,
            _measured(model),
            _size(model.size) + ("" if model.here == 1 else f", {model.here:.0%} here"),
            f"{model.published_at.astimezone():%Y-%m-%d %H:%M}",
        )
    screen.show(shown)


@app.command(cls=NodeCommand)
def show(model: ModelArgument, json: Json = False) -> None:
    """All that is known of one model: what it takes, what it answers, how good it is, its card.

    \b
    Examples:
        feria models show heart
        feria models show heart@2 --json
    """

    async def ask(client: "AsyncClient") -> "tuple[Model, tuple[Model, ...]]":
        found = await client.model(*model)
        return found, await client.versions(found.name)

    found, versions = speak(ask)
    if json:
        screen.say(found.model_dump_json(indent=2))
        return
    from feria.cli.describing import describe

    describe(found, versions)


@app.command(cls=NodeCommand)
def rm(
    model: ModelArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take a version off the shelf for good; without a version, all of them.

    \b
    Examples:
        feria models rm heart@1
        feria models rm heart --yes
    """

    async def delete(client: "AsyncClient") -> str:
        if model.version is None:
            numbers = [str(one.version) for one in await client.versions(model.name)]
            what = f"{model.name} (version {', '.join(sorted(numbers, key=int))})"
        else:
            what = (await client.model(*model)).reference
        if not yes:
            typer.confirm(f"Delete {what} for good?", abort=True, err=True)
        await client.delete(*model)
        return what

    screen.say(f"Deleted {speak(delete)}.")


@app.command(cls=NodeCommand)
def export(
    model: ModelArgument,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to.", show_default="NAME-VERSION.onnx"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Copy a model's ONNX file off the shelf, verified.

    \b
    Examples:
        feria models export heart
        feria models export heart@2 --out /tmp/heart.onnx
    """

    async def copy(client: "AsyncClient") -> "tuple[Model, Path]":
        from feria.errors import Conflict

        found = await client.model(*model)
        file = f"{found.name}-{found.version}.onnx"
        target = Path(file) if out is None else out / file if out.is_dir() else out
        if target.exists() and not force:
            raise Conflict(f"{target} is there already; --force replaces it.")
        return found, await client.download(found, target)

    found, target = speak(copy)
    screen.say(f"{target} is {found.reference}, {_size(found.size)}, sha256 {found.digest}.")


@app.command(cls=NodeCommand)
def deprecate(
    model: ModelArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for those who look.")] = "",
) -> None:
    """Take a version off `latest`. It still answers those who ask for it by number.

    \b
    Example:
        feria models deprecate heart@3 --reason "trained on a broken export"
    """
    name, version = _exactly(model)

    async def change(client: "AsyncClient") -> "Model":
        return await client.deprecate(name, version, reason)

    screen.say(f"{speak(change).reference} is deprecated.")


@app.command(cls=NodeCommand)
def restore(model: ModelArgument) -> None:
    """Put a deprecated version back.

    \b
    Example:
        feria models restore heart@3
    """
    name, version = _exactly(model)

    async def change(client: "AsyncClient") -> "Model":
        return await client.restore(name, version)

    screen.say(f"{speak(change).reference} is ready.")


def _exactly(model: Reference) -> tuple[str, int]:
    if model.version is None:
        raise typer.BadParameter(f"Say which version: {model.name}@1, for example.")
    return model.name, model.version


def _what(model: "Model") -> str:
    size = _size(model.size)
    match model.input.type:
        case "tabular":
            n = len(model.input.columns)
            return f"{model.output.task} of rows with {n} column{'' if n == 1 else 's'}, {size}"
        case "image":
            input = model.input
            pictures = f"{input.width}×{input.height} {input.channels} pictures"
            return f"{model.output.task} of {pictures}, {size}"
        case _:
            return f"{', '.join(model.input.tensors)} in, {', '.join(model.output.tensors)} out, {size}"


def _measured(model: "Model") -> str:
    """The one figure that says most."""
    for name in ("accuracy", "r2"):
        value: Any = model.metrics.get(name)
        if isinstance(value, int | float):
            return f"{name} {value:.3f}"
    return ""


def _size(n: int) -> str:
    return f"{n / 2**20:.1f} MiB" if n >= 2**20 else f"{n / 2**10:.1f} KiB"
