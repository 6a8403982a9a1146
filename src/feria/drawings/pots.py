"""Glazed clay: what is thrown on the wheel and painted."""

from feria.drawings import patterns
from feria.drawings.curves import Outline, by, ellipse, joined, path, run, turned
from feria.drawings.dice import Dice
from feria.drawings.look import Look
from feria.drawings.palette import Rgb, dark, light, luma, rgb
from feria.drawings.patterns import Weave
from feria.drawings.sketch import Sketch


class Pot:
    """Glazed clay; shapes are drawn on a wheel of 200 units and halved."""

    def __init__(self, look: Look) -> None:
        self.sketch = Sketch()
        self.look = look
        self.dice = Dice(f"{look.kind} pot", look.seed)
        self.colour, self.accent = look.colour, look.accent
        self.deep = dark(self.colour, 0.55)
        self.rim = self.accent if look.pattern.name != "plain" else dark(self.colour, 0.45)

    def body(self, figure: Outline, *, decorated: bool = True, at: float = 56) -> None:
        """The vessel: its glaze, what is painted on it around the height `at`, its shade and its shine."""
        draw = self.sketch
        draw.body(figure, self.colour)
        if decorated:
            self._decorate(figure, at)
        self.shade(figure)

    def shade(self, figure: Outline, strength: float = 0.34) -> None:
        """A hard edge of shade on the right, as in a linocut, under a soft roundness."""
        low, high = figure.min(axis=0), figure.max(axis=0)
        left, top, right, bottom = float(low[0]), float(low[1]), float(high[0]), float(high[1])
        x = left + (right - left) * 0.66
        with self.sketch.inside(figure):
            edge = run((x - 3, top - 2), (x + 4, (top + bottom) / 2), (x - 4, bottom + 2))
            side = joined(edge, run((right + 3, bottom + 2), (right + 3, top - 2)))
            self.sketch.fill(side, colour=self.deep, opacity=strength)
        self.sketch.model(figure, colour=self.deep, depth=10, opacity=0.34)

    def shine(self, *points: tuple[float, float], width: float = 2.4) -> None:
        self.sketch.line(run(*points), colour=(255, 255, 255), width=width, opacity=0.4)

    def handle(self, drawn: str, width: float, colour: Rgb | None = None) -> None:
        line = path(drawn, 0.5)
        tone = colour or self.rim
        self.sketch.bar(line, tone, width)
        self.sketch.line(line + by(-0.5, -0.6), colour=light(tone), width=width * 0.25, opacity=0.4)

    def _decorate(self, figure: Outline, at: float) -> None:
        draw, ink, name = self.sketch, self.accent, self.look.pattern.name
        low, high = figure.min(axis=0), figure.max(axis=0)
        if name in ("dots", "checks"):
            weave = Weave(name, self.colour, ink, self.dice.between(6.5, 8.5), 0.4, self.look.seed)
            patterns.lay(draw, figure, weave)
            return
        with draw.inside(figure):
            if name == "stripes":
                for dy, tall in ((-9, 1.6), (-5, 4.6), (1.5, 1.2), (4.4, 1.2), (8, 4.2)):
                    draw.fill(self._hoop(at + dy, tall), colour=ink)
            elif name == "blocks":
                line = run(
                    *[
                        (10 + 8.0 * n, at - 11 + (3.4 if n % 2 else -2.4) + self.dice.between(-2.5, 2.5))
                        for n in range(11)
                    ]
                )
                draw.fill(joined(line, run((95, -5), (5, -5))), colour=ink)
                draw.line(line + by(0, -0.8), colour=light(ink), width=0.9, opacity=0.5)
            elif name == "floral":
                draw.fill(self._hoop(at - 12, 1.3), self._hoop(at + 11, 1.3), colour=ink)
                middle = float(low[0] + high[0]) / 2
                for x in (middle - 22, middle - 1, middle + 20):
                    self._flower(x, at + abs(x - middle) * -0.05, 5.6)
                    self._leaves(x + 10.5, at)

    @staticmethod
    def _hoop(y: float, tall: float) -> Outline:
        """A band around the vessel, which seen from a little above bends down in the middle."""
        top = run((0, y - 1), (50, y + 1.6), (100, y - 1))
        return joined(top, (top + by(0, tall))[::-1])

    def _flower(self, x: float, y: float, radius: float) -> None:
        petals = [
            turned(ellipse(0, -radius * 0.62, radius * 0.34, radius * 0.46, points=16), 60 * n) + by(x, y)
            for n in range(6)
        ]
        self.sketch.fill(*petals, colour=self.accent)
        self.sketch.fill(ellipse(x, y, radius * 0.3, radius * 0.3, points=14), colour=rgb("#E0A32E"))

    def _leaves(self, x: float, y: float) -> None:
        green = rgb("#4C8763") if luma(self.colour) > 0.45 else rgb("#A6CDA8")
        self.sketch.fill(
            ellipse(x, y - 3.4, 1.5, 3.6, turn=18, points=14),
            ellipse(x, y + 3.4, 1.5, 3.6, turn=-18, points=14),
            colour=green,
        )
