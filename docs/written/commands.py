"""The commands, from the objects that parse them."""

import inspect
from collections.abc import Iterator

import click
import typer.main

from feria.cli import app
from written import row, table

SOURCE = "`feria.cli`"
INTRODUCTION = """# Command line

Every command explains itself with `--help`. Commands that speak to a node take `--url`, `--token` and
`--home` too, before or behind their name. Answers go to the standard output, everything else to the
standard error, and a command that failed says why in one sentence and exits with 1.
"""


def page() -> str:
    root = typer.main.get_command(app)
    lines = [INTRODUCTION]
    for path, command in _walk("feria", root):
        lines += _section(path, command)
    return "\n".join(lines)


def _walk(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            if not child.hidden:
                yield from _walk(f"{path} {name}", child)


def _section(path: str, command: click.Command) -> list[str]:
    depth = min(len(path.split()) + 1, 3)
    parameters = [p for p in command.params if not getattr(p, "hidden", False)]
    arguments = [p for p in parameters if isinstance(p, click.Argument)]
    options = [p for p in parameters if isinstance(p, click.Option) and not _said_once(path, p)]
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    lines = [f"{'#' * depth} `{path}`", "", _text(command), "", "```", usage, "```", ""]
    if arguments or options:
        lines += table("", "", "default")
        lines += [_argument(argument, context) for argument in arguments]
        lines += [_option(option, context) for option in options]
        lines.append("")
    return lines


def _said_once(path: str, option: click.Option) -> bool:
    """Whether every command has it, so that the introduction or `feria` itself says enough."""
    return "--help" in option.opts or (" " in path and not option.expose_value)


def _text(command: click.Command) -> str:
    """The command's help; what it keeps unwrapped (after `\\b`), as code."""
    if not command.help:
        raise ValueError(f"The command {command.name} has no help.")
    paragraphs = inspect.cleandoc(command.help).split("\n\n")
    return "\n\n".join(
        _code(paragraph[2:]) if paragraph.startswith("\b\n") else paragraph for paragraph in paragraphs
    )


def _code(paragraph: str) -> str:
    head, *lines = paragraph.splitlines()
    return "\n".join([head, "", "```console", *(line.removeprefix("    ") for line in lines), "```"])


def _argument(argument: click.Argument, context: click.Context) -> str:
    said = getattr(argument, "help", None)
    if not said:
        raise ValueError(f"{context.info_name}: the argument {argument.name} has no help.")
    return row(f"`{argument.make_metavar(context)}`", said, "")


def _option(option: click.Option, context: click.Context) -> str:
    if not option.help:
        raise ValueError(f"{context.info_name}: the option {option.opts[0]} has no help.")
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    variable = f" (`{option.envvar}`)" if option.envvar else ""
    return row(f"{names}{value}", option.help + variable, _default(option))


def _default(option: click.Option) -> str:
    shown = option.show_default
    if isinstance(shown, str):
        return shown
    if option.required:
        return "required"
    if option.default in (None, "", ()) or option.is_flag or callable(option.default):
        return ""
    return f"`{option.default}`"
