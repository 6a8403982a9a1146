"""What people see: answers on stdout, everything else on stderr; plain text where no terminal is."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from feria.errors import FeriaError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

WIDE = 10_000
"""Columns of what is no terminal: nothing is folded that another program may read."""

Report = Callable[[str, float], None]


def console(*, stderr: bool = False) -> "Console":
    from rich.console import Console

    # Names of columns and classes are other people's: nothing in them is markup.
    out = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not out.is_terminal:
        out.width = WIDE
    return out


def say(text: str, style: str | None = None) -> None:
    """One line of answer; never folded, for it may be copied."""
    console().print(text, style=style, soft_wrap=True)


def note(text: str) -> None:
    """One line beside the answer."""
    console(stderr=True).print(text, style="dim", soft_wrap=True)


def warn(text: str) -> None:
    console(stderr=True).print(text, style="yellow", soft_wrap=True)


def fail(error: FeriaError) -> None:
    from rich.text import Text

    sentence = Text.assemble((f"{error.code}: ", "bold red"), (error.message, "red"))
    console(stderr=True).print(sentence, soft_wrap=True)


def table(*columns: str, right: tuple[str, ...] = ()) -> "Table":
    """An empty table; the columns named in `right` hold numbers."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def show(*things: Any) -> None:
    out = console()
    with out.capture() as captured:
        for thing in things:
            out.print(thing)
    text = captured.get()
    if not out.is_terminal:  # tables fill their last column with blanks
        text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    out.file.write(text)
    out.file.flush()


@contextlib.contextmanager
def progress() -> Iterator[Report]:
    """A bar on the terminal, gone when done; silence elsewhere."""
    with _bar() as bar:
        task = bar.add_task("", total=1.0)

        def report(doing: str, done: float) -> None:
            bar.update(task, description=doing[:1].upper() + doing[1:], completed=done)

        yield report


def _bar() -> "Progress":
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    out = console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=out,
        transient=True,
        disable=not out.is_terminal,
    )
