"""One piece of fruit or vegetable: a round body, lit from the upper left."""

from feria.drawings.curves import Outline, by, ellipse, joined, run, turned
from feria.drawings.dice import Dice
from feria.drawings.look import Look
from feria.drawings.palette import Rgb, dark, light, mix, rgb
from feria.drawings.sketch import Sketch

LEAF, STEM = rgb("#4F8A3C"), rgb("#6B4A2B")


class Produce:
    """One piece being drawn, about 60 units tall around (50, 50)."""

    def __init__(self, look: Look, number: int = 0) -> None:
        self.sketch = Sketch()
        self.dice = Dice(f"{look.kind} piece", look.seed, number)
        self.colour = mix(look.colour, light(look.colour), self.dice.between(0, 0.1))
        self.accent = look.accent

    def body(
        self, figure: Outline, colour: Rgb | None = None, *, depth: float = 18, gloss: float = 0.3
    ) -> None:
        tone = colour or self.colour
        self.sketch.body(figure, tone)
        self.sketch.model(figure, colour=dark(tone, 0.62), depth=depth, opacity=0.62)
        self.sketch.glow(figure, colour=light(tone, 0.6), depth=depth * 0.6, opacity=gloss)

    def shine(
        self, x: float, y: float, rx: float, ry: float, turn: float = -35, opacity: float = 0.5
    ) -> None:
        self.sketch.fill(
            ellipse(x, y, rx, ry, turn=turn, points=24), colour=(255, 255, 255), opacity=opacity, soft=0.8
        )

    def leaf(self, x: float, y: float, long: float, turn: float, colour: Rgb = LEAF) -> None:
        blade = joined(
            run((0, 0), (long * 0.45, -long * 0.24), (long, 0)),
            run((long, 0), (long * 0.5, long * 0.2), (0, 0)),
        )
        placed = turned(blade, turn) + by(x, y)
        self.sketch.body(placed, colour)
        self.sketch.model(placed, colour=dark(colour), depth=3)
        self.sketch.line(
            turned(run((0, 0), (long * 0.5, -long * 0.03), (long * 0.92, 0)), turn) + by(x, y),
            colour=light(colour),
            width=0.7,
            opacity=0.6,
        )

    def specks(self, within: Outline, count: int, colour: Rgb, size: float, opacity: float) -> None:
        low, high = within.min(axis=0), within.max(axis=0)
        d = self.dice
        spots = [
            ellipse(
                d.between(float(low[0]), float(high[0])),
                d.between(float(low[1]), float(high[1])),
                size * d.between(0.6, 1.4),
                size * d.between(0.6, 1.2),
                points=8,
            )
            for _ in range(count)
        ]
        with self.sketch.inside(within):
            self.sketch.fill(*spots, colour=colour, opacity=opacity)
