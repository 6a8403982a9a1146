"""What is woven into or printed on cloth, laid over one piece of it at a time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from feria.drawings.curves import Outline, corners, ellipse, moved, run, turned
from feria.drawings.dice import Dice
from feria.drawings.look import Pattern
from feria.drawings.palette import Rgb, dark, light, luma, mix
from feria.drawings.sketch import Sketch

PATTERNS: Mapping[str, Pattern] = {
    pattern.name: pattern
    for pattern in (
        Pattern("", "", "plain"),
        Pattern("de rayas", "striped", "stripes"),
        Pattern("de raya fina", "pinstriped", "pinstripes"),
        Pattern("de lunares", "polka-dot", "dots"),
        Pattern("de cuadros", "checked", "checks"),
        Pattern("de flores", "floral", "floral"),
        Pattern("en dos colores", "two-tone", "blocks"),
        Pattern("", "", "denim"),
        Pattern("de punto", "knitted", "knit"),
    )
}


@dataclass(frozen=True, slots=True)
class Weave:
    """One cloth: the same on every piece that is cut from it."""

    name: str
    ground: Rgb
    ink: Rgb
    step: float
    """Distance between two stripes, dots or flowers."""
    fill: float
    """How much of a step the ink takes."""
    seed: int

    @classmethod
    def of(cls, name: str, ground: Rgb, ink: Rgb, seed: int, scale: float = 1) -> "Weave":
        dice = Dice(f"weave {name}", seed)
        low, high = {"pinstripes": (3.4, 4.6), "dots": (5, 8), "floral": (9.5, 13), "checks": (6, 11)}.get(
            name, (6, 11)
        )
        return cls(name, ground, ink, scale * dice.between(low, high), dice.between(0.26, 0.46), seed)


def lay(sketch: Sketch, figure: Outline, weave: Weave, turn: float = 0) -> None:
    """Draw the pattern on one piece; `turn` is how the piece hangs, in degrees."""
    draw = _DRAWN.get(weave.name)
    if draw is None:
        return
    low, high = figure.min(axis=0), figure.max(axis=0)
    middle = (low + high) / 2
    reach = float(max(high - low)) / 2 * (1.0 if turn == 0 else 1.3) + 1
    with sketch.inside(figure):
        draw(sketch, weave, float(middle[0]), float(middle[1]), reach, turn)


def _bars(weave: Weave, x: float, y: float, reach: float, turn: float, fill: float) -> list[Outline]:
    """Bars across the piece, at heights that are the same for every piece at that height."""
    first = math.floor((y - reach) / weave.step) * weave.step
    count = int(2 * reach / weave.step) + 2
    thick = weave.step * fill
    return [
        turned(
            corners((x - reach, at), (x + reach, at), (x + reach, at + thick), (x - reach, at + thick)),
            turn,
            x,
            y,
        )
        for at in (first + weave.step * n for n in range(count))
    ]


def _stripes(sketch: Sketch, weave: Weave, x: float, y: float, reach: float, turn: float) -> None:
    sketch.fill(*_bars(weave, x, y, reach, turn, weave.fill), colour=weave.ink)


def _pinstripes(sketch: Sketch, weave: Weave, x: float, y: float, reach: float, turn: float) -> None:
    count = int(reach / weave.step) + 1
    lines = [
        turned(run((x + n * weave.step, y - reach), (x + n * weave.step, y + reach), steps=12), turn, x, y)
        for n in range(-count, count + 1)
    ]
    sketch.line(*lines, colour=weave.ink, width=0.75, opacity=0.9)


def _checks(sketch: Sketch, weave: Weave, x: float, y: float, reach: float, turn: float) -> None:
    across = _bars(weave, x, y, reach, turn, 0.42)
    down = _bars(weave, x, y, reach, turn + 90, 0.42)
    sketch.fill(*across, colour=weave.ink, opacity=0.52)
    sketch.fill(*down, colour=weave.ink, opacity=0.52)
    thin = light(weave.ink, 0.7) if luma(weave.ground) < 0.55 else dark(weave.ink, 0.3)
    lift = turned(moved(run((0, 0), (0, 1), steps=1), 0, weave.step * 0.71), turn)[0]
    across_lines = [bar[:7] + lift for bar in across]
    sketch.line(*across_lines, colour=thin, width=0.4, opacity=0.55)
    sketch.line(
        *[bar[:7] + turned(lift[None, :], 90)[0] for bar in down], colour=thin, width=0.4, opacity=0.55
    )


def _grid(weave: Weave, x: float, y: float, reach: float, turn: float) -> list[tuple[float, float]]:
    """Places in staggered rows."""
    step, rows = weave.step, int(reach / weave.step * 1.16) + 1
    at = []
    for row in range(-rows, rows + 1):
        shift = step / 2 if row % 2 else 0.0
        at += [(column * step + shift, row * step * 0.866) for column in range(-rows, rows + 1)]
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    near = (reach + step) ** 2 * 1.5
    return [(x + a * c - b * s, y + a * s + b * c) for a, b in at if a * a + b * b < near]


def _dots(sketch: Sketch, weave: Weave, x: float, y: float, reach: float, turn: float) -> None:
    radius = weave.step * (0.16 + 0.2 * weave.fill)
    dots = [ellipse(a, b, radius, radius, points=18) for a, b in _grid(weave, x, y, reach, turn)]
    sketch.fill(*dots, colour=weave.ink)


def _floral(sketch: Sketch, weave: Weave, x: float, y: float, reach: float, turn: float) -> None:
    dice = Dice("floral", weave.seed)
    petals, hearts, leaves, buds = [], [], [], []
    size = weave.step * 0.19
    for a, b in _grid(weave, x, y, reach, turn):
        at, lean = (a + dice.between(-1, 1) * size, b + dice.between(-1, 1) * size), dice.between(0, 72)
        big = dice.between(0.8, 1.2) * size
        for petal in range(5):
            angle = math.radians(lean + petal * 72)
            cx, cy = at[0] + math.cos(angle) * big, at[1] + math.sin(angle) * big
            petals.append(ellipse(cx, cy, big * 0.82, big * 0.62, turn=lean + petal * 72, points=12))
        hearts.append(ellipse(*at, big * 0.5, big * 0.5, points=10))
        for side in (-1, 1):
            angle = math.radians(lean + 36 + side * 72)
            cx, cy = at[0] + math.cos(angle) * big * 2.3, at[1] + math.sin(angle) * big * 2.3
            leaves.append(ellipse(cx, cy, big * 0.75, big * 0.3, turn=lean + 36 + side * 72, points=10))
        angle = math.radians(lean + 110)
        buds.append(
            ellipse(
                at[0] + math.cos(angle) * 3.1 * big,
                at[1] + math.sin(angle) * 3.1 * big,
                0.42 * big,
                0.42 * big,
                points=10,
            )
        )
    green = mix((92, 132, 92), weave.ground, 0.15) if luma(weave.ground) > 0.4 else (150, 186, 146)
    sketch.fill(*leaves, colour=green)
    sketch.fill(*petals, *buds, colour=weave.ink)
    sketch.fill(*hearts, colour=(236, 190, 72) if luma(weave.ink) < 0.8 else (214, 150, 60))


def _denim(sketch: Sketch, weave: Weave, x: float, y: float, reach: float, turn: float) -> None:
    lines = [
        turned(run((x + n, y - reach * 1.3), (x + n, y + reach * 1.3), steps=8), turn + 28, x, y)
        for n in range(-int(reach * 1.4), int(reach * 1.4) + 1, 2)
    ]
    sketch.line(*lines, colour=light(weave.ground, 0.5), width=0.5, opacity=0.2)


def _knit(sketch: Sketch, weave: Weave, x: float, y: float, reach: float, turn: float) -> None:
    step = 3.4
    count = int(reach / step) + 1
    lines = []
    for column in range(-count, count + 1):
        zigzag = [
            (x + column * step + (0.55 if row % 2 else -0.55), y - reach + row * 1.7)
            for row in range(int(2 * reach / 1.7) + 2)
        ]
        lines.append(turned(run(*zigzag, steps=1), turn, x, y))
    tone = dark(weave.ground, 0.45) if luma(weave.ground) > 0.22 else light(weave.ground, 0.35)
    sketch.line(*lines, colour=tone, width=0.6, opacity=0.34)


_DRAWN = {
    "stripes": _stripes,
    "pinstripes": _pinstripes,
    "checks": _checks,
    "dots": _dots,
    "floral": _floral,
    "denim": _denim,
    "knit": _knit,
}
