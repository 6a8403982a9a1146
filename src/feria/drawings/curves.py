"""Outlines and lines as rows of points.

The frame is 100 × 100, y down. Everything can be bent, so even straight edges carry many points.
"""

import math
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]
Point = tuple[float, float]


def outline(points: Iterable[Point]) -> Outline:
    return np.array(list(points), dtype=np.float64)


def run(*points: Point, steps: int = 8) -> Outline:
    """A smooth line through the points (Catmull-Rom, ends included); two points make a straight one."""
    through = outline(points)
    if len(through) == 2:
        share = np.linspace(0, 1, steps + 1)[:, None]
        straight: Outline = through[0] * (1 - share) + through[1] * share
        return straight
    before = np.vstack([2 * through[0] - through[1], through[:-2]])
    after = np.vstack([through[2:], 2 * through[-1] - through[-2]])
    return _hermite(through[:-1], through[1:], before, after, steps)


def loop(*points: Point, steps: int = 8) -> Outline:
    """A smooth closed line through the points."""
    through = outline(points)
    return _hermite(
        through,
        np.roll(through, -1, axis=0),
        np.roll(through, 1, axis=0),
        np.roll(through, -2, axis=0),
        steps,
    )


def _hermite(start: Outline, end: Outline, before: Outline, after: Outline, steps: int) -> Outline:
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    leave, arrive = ((end - before) / 2)[:, None], ((after - start) / 2)[:, None]
    a, b = start[:, None], end[:, None]
    points = (
        (2 * t**3 - 3 * t**2 + 1) * a
        + (t**3 - 2 * t**2 + t) * leave
        + (3 * t**2 - 2 * t**3) * b
        + (t**3 - t**2) * arrive
    ).reshape(-1, 2)
    return np.vstack([points, end[-1:]])


def joined(*runs: Outline) -> Outline:
    """Runs one after another; where two meet there is a corner."""
    return np.vstack(runs)


def corners(*points: Point) -> Outline:
    """A closed figure with straight edges, fine enough to bend."""
    return joined(*[run(a, b, steps=6) for a, b in zip(points, points[1:] + points[:1], strict=True)])


def mirrored(half: Outline, x: float = 50) -> Outline:
    """The right half, drawn from its top to its bottom on the axis, closed by its own reflection."""
    return np.vstack([half, reflected(half, x)[::-1]])


def reflected(line: Outline, x: float = 50) -> Outline:
    return np.column_stack([2 * x - line[:, 0], line[:, 1]])


def ellipse(x: float, y: float, rx: float, ry: float, *, turn: float = 0, points: int = 40) -> Outline:
    angle = np.linspace(0, 2 * math.pi, points, endpoint=False)
    figure = np.column_stack([rx * np.cos(angle), ry * np.sin(angle)])
    placed: Outline = turned(figure, turn) + by(x, y)
    return placed


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float, points: int = 16) -> Outline:
    """Part of an ellipse, degrees clockwise from the right."""
    angle = np.radians(np.linspace(start, end, points))
    return np.column_stack([x + rx * np.cos(angle), y + ry * np.sin(angle)])


def turned(line: Outline, degrees: float, x: float = 0, y: float = 0) -> Outline:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    spun: Outline = (line - [x, y]) @ np.array([[c, s], [-s, c]]) + by(x, y)
    return spun


def by(dx: float, dy: float) -> Outline:
    """A way to go: `line + by(1, 0)` lies one further right."""
    return np.array([dx, dy], dtype=np.float64)


def moved(line: Outline, dx: float = 0, dy: float = 0, scale: float = 1) -> Outline:
    return line * scale + by(dx, dy)


def ribbon(line: Outline, width: float | Sequence[float] | Outline) -> Outline:
    """A line as a figure, of one width or of one that changes along it."""
    along = np.gradient(line, axis=0)
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
    across = np.column_stack([-along[:, 1], along[:, 0]]) / length[:, None]
    half = (np.broadcast_to(np.asarray(width, dtype=np.float64), len(line)) / 2)[:, None]
    return np.vstack([line + across * half, (line - across * half)[::-1]])


def fold(*points: Point, width: float = 2) -> Outline:
    """A crease in cloth: nothing at its ends, `width` in the middle."""
    line = run(*points, steps=6)
    return ribbon(line, width * np.sin(np.linspace(0.06, math.pi - 0.06, len(line))))


def dashes(line: Outline, dash: float = 1.3, gap: float = 1.0) -> list[Outline]:
    """A seam: short pieces of the line."""
    steps = np.hypot(*np.diff(line, axis=0).T)
    at = np.concatenate([[0.0], np.cumsum(steps)])
    starts = np.arange(0, at[-1] - dash, dash + gap)
    ends = np.column_stack([starts, starts + dash]).ravel()
    x, y = np.interp(ends, at, line[:, 0]), np.interp(ends, at, line[:, 1])
    return list(np.column_stack([x, y]).reshape(-1, 2, 2))


_STEP = re.compile(r"([MLHVCSQZ])([^MLHVCSQZ]*)")
_NUMBER = re.compile(r"-?\d*\.?\d+")


def path(drawn: str, scale: float = 1) -> Outline:
    """One figure in SVG's path language: M, L, H, V, C, S, Q and Z with absolute coordinates."""
    pieces: list[Outline] = []
    pen = last = (0.0, 0.0)
    for step, rest in _STEP.findall(drawn):
        numbers = [float(number) for number in _NUMBER.findall(rest)]
        if step == "M":
            pen, numbers = (numbers[0], numbers[1]), numbers[2:]
            pieces.append(outline([pen]))
            step = "L"
        if step in "HV":
            numbers = [
                n for number in numbers for n in ((number, pen[1]) if step == "H" else (pen[0], number))
            ]
        each = {"C": 6, "S": 4, "Q": 4}.get(step, 2)
        for at in range(0, len(numbers) - each + 1, each):
            held = [pen, *zip(numbers[at : at + each : 2], numbers[at + 1 : at + each : 2], strict=True)]
            if step == "S":
                held.insert(1, (2 * pen[0] - last[0], 2 * pen[1] - last[1]))
            pieces.append(_bezier(held))
            pen, last = held[-1], held[-2]
    return np.vstack(pieces) * scale


def _bezier(held: Sequence[Point]) -> Outline:
    """De Casteljau's way, for any number of handles."""
    t = np.linspace(0, 1, 9 if len(held) == 2 else 15)[1:, None]
    levels = [point * np.ones_like(t) for point in outline(held)]
    while len(levels) > 1:
        levels = [a * (1 - t) + b * t for a, b in pairwise(levels)]
    return np.asarray(levels[0], dtype=np.float64)
