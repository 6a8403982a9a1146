"""A drawing before it is painted: marks in the order in which they are laid down."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from feria.drawings.curves import Outline
from feria.drawings.palette import Rgb

Bend = Callable[[Outline], Outline]


@dataclass(frozen=True, slots=True)
class Mark:
    """Figures of one colour. All lengths are in hundredths of the frame."""

    figures: tuple[Outline, ...]
    colour: Rgb
    opacity: float = 1.0
    width: float = 0.0
    """More than nothing: the figures are lines, drawn this wide with round ends."""
    soft: float = 0.0
    """How far its edge is blurred."""
    round: float = 0.0
    """More than nothing: shade the figures as bodies lit from `light`, this far in from their edge."""
    light: tuple[float, float] = (-0.5, -0.7)
    within: int | None = None
    """The region (an index into `Sketch.regions`) beyond which nothing is painted."""
    casts: bool = False
    """Part of the thing's silhouette: it throws the shadow."""


@dataclass(slots=True)
class Sketch:
    marks: list[Mark] = field(default_factory=list)
    regions: list[tuple[Outline, ...]] = field(default_factory=list)
    _inside: int | None = None

    def body(self, figure: Outline, colour: Rgb) -> None:
        """A part of the thing itself."""
        self.marks.append(Mark((figure,), colour, casts=True, within=self._inside))

    def bar(self, line: Outline, colour: Rgb, width: float) -> None:
        """A part of the thing that is a line: a handle, a stem."""
        self.marks.append(Mark((line,), colour, width=width, casts=True, within=self._inside))

    def fill(self, *figures: Outline, colour: Rgb, opacity: float = 1, soft: float = 0) -> None:
        if figures:
            self.marks.append(Mark(figures, colour, opacity, soft=soft, within=self._inside))

    def line(self, *lines: Outline, colour: Rgb, width: float, opacity: float = 1, soft: float = 0) -> None:
        if lines:
            self.marks.append(Mark(lines, colour, opacity, width, soft, within=self._inside))

    def model(self, *figures: Outline, colour: Rgb, depth: float = 8, opacity: float = 0.5) -> None:
        """Let the figures look round: the side away from the light goes towards `colour`."""
        self.marks.append(Mark(figures, colour, opacity, round=depth, within=self._inside))

    def glow(self, *figures: Outline, colour: Rgb, depth: float = 6, opacity: float = 0.3) -> None:
        """The same from the other side: what faces the light."""
        self.marks.append(Mark(figures, colour, opacity, round=depth, light=(0.5, 0.7), within=self._inside))

    @contextmanager
    def inside(self, *figures: Outline) -> Iterator[None]:
        """What is drawn meanwhile stays within the figures. Regions do not nest: the innermost counts."""
        before = self._inside
        self.regions.append(figures)
        self._inside = len(self.regions) - 1
        yield
        self._inside = before

    def add(self, other: "Sketch") -> None:
        """Lay another drawing on top."""
        shift = len(self.regions)
        self.regions += other.regions
        self.marks += [
            mark if mark.within is None else replace(mark, within=mark.within + shift) for mark in other.marks
        ]

    def bent(self, bend: Bend, scale: float = 1) -> "Sketch":
        """The same with every point moved by `bend`, and lengths multiplied by `scale`."""
        groups = [*(mark.figures for mark in self.marks), *self.regions]
        flat = [figure for group in groups for figure in group]
        if not flat:
            return Sketch()
        ends = np.cumsum([len(figure) for figure in flat])[:-1]
        pieces = iter(np.split(bend(np.concatenate(flat)), ends))
        moved = [tuple(next(pieces) for _ in group) for group in groups]
        marks = [
            replace(
                mark,
                figures=figures,
                width=mark.width * scale,
                soft=mark.soft * scale,
                round=mark.round * scale,
            )
            for mark, figures in zip(self.marks, moved, strict=False)
        ]
        return Sketch(marks, moved[len(marks) :])

    def extent(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what casts a shadow."""
        boxes = [
            (*(figure.min(axis=0) - mark.width / 2), *(figure.max(axis=0) + mark.width / 2))
            for mark in self.marks
            if mark.casts
            for figure in mark.figures
        ]
        table = np.array(boxes)
        low, high = table[:, :2].min(axis=0), table[:, 2:].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])
