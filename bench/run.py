"""How long and how often this run measures, and where it says what it is doing."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console


@dataclass(frozen=True)
class Run:
    scratch: Path
    """A folder of its own, gone afterwards."""
    quick: bool
    tell: Callable[[str], object]

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 5

    @property
    def seconds(self) -> float:
        """Measured time of one turn."""
        return 0.2 if self.quick else 1.5

    def pick(self, connections: Sequence[int], promised: int) -> Sequence[int]:
        return [promised] if self.quick else connections


@contextmanager
def open_run(quick: bool, console: Console) -> Iterator[Run]:
    with (
        tempfile.TemporaryDirectory(prefix="feria-bench-") as scratch,
        console.status("") as status,
    ):
        yield Run(Path(scratch), quick, status.update)
