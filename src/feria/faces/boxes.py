"""Where a face is, and how it is cut out."""

from dataclasses import dataclass

import numpy as np

from feria.pixels import Pixels

MARGIN = 0.05
"""Of the box's side, added on each of the four: what the networks that read faces were shown."""


@dataclass(frozen=True, slots=True)
class Box:
    """A square around a face, from the brow to the chin, in pixels of its frame.

    `left` and `top` may be negative and the square may end beyond the frame: a face at its edge is still
    in the middle of its box. `side` is 1 at least.
    """

    left: int
    top: int
    side: int

    def grown(self, margin: float) -> "Box":
        """The same middle, and so much of the side more (or, below 0, less) on each of the four."""
        side = max(1, round(self.side * (1 + 2 * margin)))
        more = (side - self.side) // 2
        return Box(self.left - more, self.top - more, side)

    def holds(self, other: "Box") -> bool:
        """Whether the other's middle lies within."""
        x, y = other.left + other.side / 2, other.top + other.side / 2
        return self.left <= x < self.left + self.side and self.top <= y < self.top + self.side


def around(middle: tuple[float, float], side: float) -> Box:
    """The box with its middle there, x before y."""
    whole = max(1, round(side))
    return Box(round(middle[0] - whole / 2), round(middle[1] - whole / 2), whole)


def whole(frame: Pixels) -> Box:
    """The square around all of a frame, for a picture that shows a face and nothing else."""
    height, width = frame.shape[:2]
    return around((width / 2, height / 2), max(width, height))


def crop(frame: Pixels, box: Box, *, margin: float = MARGIN) -> Pixels:
    """What the box and its margin hold: uint8 `[side, side]` of a grey frame, `[side, side, 3]` of RGB.

    Where it leaves the frame the frame's edge is repeated, for a plain border would be a feature of its own.
    """
    square = box.grown(margin)
    height, width = frame.shape[:2]
    rows = slice(square.top, square.top + square.side)
    columns = slice(square.left, square.left + square.side)
    if rows.start >= 0 and columns.start >= 0 and rows.stop <= height and columns.stop <= width:
        return frame[rows, columns]
    nearest_row = np.clip(np.arange(rows.start, rows.stop), 0, height - 1)
    nearest_column = np.clip(np.arange(columns.start, columns.stop), 0, width - 1)
    return frame[np.ix_(nearest_row, nearest_column)]
