"""Lines over rounds, drawn into a PNG or SVG file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feria.errors import Invalid

FORMS = (".png", ".svg")
SERIES = ("#0E6A4C", "#21509F", "#B94A26", "#936500", "#7B3F78", "#147683", "#6C7530", "#A23B5B")
AXIS, GRID, INK = "#5F6961", "#DFDFD4", "#1C2320"
"""The web app's colours."""
NAMED = len(SERIES)
"""Lines that have a colour and a name; of more, all are thin and grey and the first is drawn above them."""

Points = Sequence[tuple[int, float]]
"""Round and value."""


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    below: str
    """What the rounds are called."""
    beside: str
    """What the values are called."""
    lines: Mapping[str, Points]


def check(file: Path) -> None:
    """Raises `Invalid` for a file of another form."""
    if file.suffix.lower() not in FORMS:
        raise Invalid(f"A chart is a {' or a '.join(FORMS)} file, and '{file.name}' is none.")


def draw(file: Path, panels: Sequence[Panel]) -> None:
    """Side by side, with markers and a grid; the form is told by the file's suffix.

    Raises `Invalid` for another form, and `OSError` where the file cannot be written.
    """
    check(file)
    import matplotlib as mpl  # half a second that only a chart is worth
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    look: dict[Any, Any] = {
        "svg.hashsalt": "feria",  # the same chart is the same file
        "axes.edgecolor": GRID,
        "axes.labelcolor": AXIS,
        "axes.titlecolor": INK,
        "xtick.color": AXIS,
        "ytick.color": AXIS,
        "grid.color": GRID,
        "axes.axisbelow": True,
    }
    with mpl.rc_context(look):
        figure = Figure(figsize=(6.4 * len(panels), 4.4), layout="constrained")
        for panel, axes in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
            many = len(panel.lines) > NAMED
            for n, (name, points) in reversed(list(enumerate(panel.lines.items()))):
                first = n == 0
                axes.plot(
                    [number for number, _ in points],
                    [value for _, value in points],
                    marker="o",
                    markersize=5 if first or not many else 2,
                    linewidth=2.2 if first else 1.0,
                    color=SERIES[n % NAMED] if first or not many else GRID,
                    label=name if first or not many else None,
                )
            axes.set_title(panel.title, loc="left", fontweight="bold")
            axes.set_xlabel(panel.below)
            axes.set_ylabel(panel.beside)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(True)
            axes.spines[["top", "right"]].set_visible(False)
            if len(panel.lines) > 1:
                handles, labels = axes.get_legend_handles_labels()
                axes.legend(handles[::-1], labels[::-1], frameon=False, labelcolor=INK)
        figure.savefig(file, dpi=150, metadata={"Date": None} if file.suffix.lower() == ".svg" else None)
