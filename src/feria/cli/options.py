"""What commands have in common: how they take a node, a model and a number of things."""

import inspect
import re
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

import click
import typer
from typer.core import TyperCommand, TyperOption

from feria.errors import Invalid

URL_HELP = "Speak to the node at this address instead of one on this machine."
SIGN_IN_HELP = "Token for the node at --url, if it is locked; the environment hides it better."
HOME_HELP = "Folder of all that a node keeps."


class HomeCommand(TyperCommand):
    """A command that works on a home: --home may stand after it as well as before."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _restore_help(self)
        self.params.append(_node_option("--home", "DIR", HOME_HELP, Path, show_default="var"))


class NodeCommand(HomeCommand):
    """A command that speaks to a node: takes --url and --token likewise."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(_node_option("--url", "URL", URL_HELP, str))
        self.params.append(_node_option("--token", "TOKEN", SIGN_IN_HELP, str))


def _node_option(name: str, metavar: str, text: str, kind: type, **more: Any) -> TyperOption:
    return TyperOption(
        param_decls=[name],
        type=click.types.FuncParamType(kind),
        metavar=metavar,
        help=text,
        expose_value=False,
        callback=remember,
        rich_help_panel="Node",
        **more,
    )


def remember(context: click.Context, option: Any, value: Any) -> Any:
    """Keeps --url, --token or --home for `finding.speak`, whichever command it stood behind."""
    if value is not None:
        context.meta[f"feria.{option.name}"] = value
    return value


def _restore_help(command: click.Command) -> None:
    """click 8.4 and later forget the help that Typer 0.20 gave an argument; give it back."""
    assert command.callback is not None
    hints = get_type_hints(inspect.unwrap(command.callback), include_extras=True)
    for parameter in command.params:
        if isinstance(parameter, click.Argument) and not getattr(parameter, "help", None):
            (said,) = hints[parameter.name].__metadata__
            parameter.help = said.help  # type: ignore[attr-defined,unused-ignore]


class Reference(NamedTuple):
    """A model, and which version of it; none is the latest."""

    name: str
    version: int | None


def reference(text: str) -> Reference:
    matched = re.fullmatch(r"([^@]+)(?:@v?([0-9]{1,9}))?", text)
    if matched is None:
        raise typer.BadParameter(f"'{text}' is no model; write NAME or NAME@VERSION, like heart@2.")
    return Reference(matched[1], int(matched[2]) if matched[2] else None)


ModelArgument = Annotated[
    Reference,
    typer.Argument(
        metavar="MODEL",
        help="NAME, or NAME@VERSION: `heart`, or `heart@2`.",
        parser=reference,
    ),
]
Features = Annotated[
    str | None,
    typer.Option(metavar="A,B,…", help="Columns to learn from.", show_default="all but the target"),
]
Holdout = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        min=0,
        max=0.9,
        help="Share of the rows kept aside to measure on.",
        show_default="0.2",
    ),
]
Seed = Annotated[
    int | None, typer.Option(metavar="N", help="Of the split and of all chance.", show_default="0")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting of what is trained; may be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
OfCategory = Annotated[
    str | None, typer.Option(metavar="PATH", help="Only of this category, with those below it.")
]
OfBrands = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Only of this brand; may be repeated.")
]
MinPrice = Annotated[float | None, typer.Option(metavar="N", min=0, help="Lowest price.")]
MaxPrice = Annotated[float | None, typer.Option(metavar="N", min=0, help="Highest price.")]


def model_name(file: str) -> str:
    """A name for a model from the name of a file. May be empty."""
    stem = re.split(r"[\\/]", file)[-1]
    while re.search(r"\.(csv|tsv|parquet|onnx|gz|txt)$", stem, re.IGNORECASE):
        stem = stem.rpartition(".")[0]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64]


def names_said(text: str | None) -> list[str] | None:
    """Of `A,B,…`."""
    return None if text is None else [name.strip() for name in text.split(",")]


def settings_said(texts: list[str] | None) -> dict[str, Any]:
    """Of `NAME=VALUE` each; a value is JSON, and text where it is none."""
    return dict(_setting(text) for text in texts or [])


def _setting(text: str) -> tuple[str, Any]:
    import json

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"--set takes NAME=VALUE, like max_depth=3: '{text}' is none.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Invalid(f"Cannot read {file}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Invalid(f"{file} is not UTF-8 text.") from None
