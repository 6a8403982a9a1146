"""Cutting and sewing: what all garments share."""

from feria.drawings import patterns
from feria.drawings.curves import Outline, Point, dashes, ellipse, fold, reflected, run
from feria.drawings.dice import Dice
from feria.drawings.look import Look
from feria.drawings.palette import Rgb, dark, light, luma
from feria.drawings.patterns import Weave
from feria.drawings.sketch import Sketch


class Cloth:
    """The cloth of one garment, and the sketch that is being made of it."""

    def __init__(self, look: Look, *, scale: float = 1) -> None:
        self.sketch = Sketch()
        self.colour = look.colour
        self.accent = look.accent
        self.weave = Weave.of(look.pattern.name, look.colour, look.accent, look.seed, scale)
        self.dice = Dice(f"{look.kind} cut", look.seed)
        self.deep = dark(self.colour, 0.62)
        self.pale = light(self.colour, 0.55)
        self.edge = dark(self.colour, 0.5) if luma(self.colour) > 0.27 else light(self.colour, 0.3)
        """Seams and borders: always to be seen against the cloth."""

    def piece(self, figure: Outline, *, turn: float = 0, depth: float = 7, plain: Rgb | None = None) -> None:
        """One piece of cloth with its pattern and the roundness of what it has been worn over."""
        self.sketch.body(figure, plain or self.colour)
        if plain is None:
            patterns.lay(self.sketch, figure, self.weave, turn)
        self.round(figure, depth=depth, tone=plain)

    def pair(self, figure: Outline, *, turn: float = 0, depth: float = 7, plain: Rgb | None = None) -> None:
        """A piece and its mirror image."""
        self.piece(reflected(figure), turn=-turn, depth=depth, plain=plain)
        self.piece(figure, turn=turn, depth=depth, plain=plain)

    def round(self, figure: Outline, *, depth: float = 7, tone: Rgb | None = None) -> None:
        tone = tone or self.colour
        self.sketch.model(figure, colour=dark(tone, 0.62), depth=depth, opacity=0.5)
        if luma(tone) < 0.75:
            self.sketch.glow(figure, colour=light(tone, 0.55), depth=depth * 0.7, opacity=0.3)

    def folds(self, within: Outline, *creases: tuple[Point, ...], width: float = 2.4) -> None:
        with self.sketch.inside(within):
            dips = [fold(*crease, width=width) for crease in creases]
            self.sketch.fill(*dips, colour=self.deep, opacity=0.36, soft=0.55)
            ridges = [
                fold(*[(x - width * 0.62, y - 0.3) for x, y in crease], width=width * 0.6)
                for crease in creases
            ]
            self.sketch.fill(*ridges, colour=self.pale, opacity=0.26, soft=0.5)

    def seam(self, *lines: Outline, width: float = 0.5, opacity: float = 0.6) -> None:
        self.sketch.line(*lines, colour=self.edge, width=width, opacity=opacity)

    def stitch(self, *lines: Outline, colour: Rgb | None = None) -> None:
        pieces = [piece for line in lines for piece in dashes(line)]
        self.sketch.line(*pieces, colour=colour or self.edge, width=0.4, opacity=0.75)

    def buttons(self, *at: Point, radius: float = 1.05, colour: Rgb | None = None) -> None:
        tone = colour or (light(self.colour, 0.75) if luma(self.colour) < 0.6 else dark(self.colour, 0.45))
        self.sketch.fill(
            *[ellipse(x + 0.2, y + 0.3, radius, radius, points=16) for x, y in at],
            colour=self.deep,
            opacity=0.45,
        )
        self.sketch.fill(*[ellipse(x, y, radius, radius, points=16) for x, y in at], colour=tone)
        holes = [
            ellipse(x + s * radius * 0.3, y, radius * 0.14, radius * 0.14, points=6)
            for x, y in at
            for s in (-1, 1)
        ]
        self.sketch.fill(*holes, colour=dark(tone, 0.6))

    def ribs(self, within: Outline, start: Point, end: Point, count: int, tall: float) -> None:
        """Fine vertical lines of an elastic border, from `start` to `end`, each `tall` long."""
        lines = []
        for n in range(count + 1):
            share = n / count
            x, y = start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
            lines.append(run((x, y), (x, y + tall), steps=2))
        with self.sketch.inside(within):
            self.sketch.line(*lines, colour=self.edge, width=0.4, opacity=0.45)
