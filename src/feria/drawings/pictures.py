"""From a kind and a number to a picture."""

import math

import numpy as np
from PIL import Image

from feria.drawings import grounds
from feria.drawings.canvas import Canvas
from feria.drawings.curves import Outline, by, ellipse
from feria.drawings.dice import Dice
from feria.drawings.kind import Kind
from feria.drawings.kinds import KINDS
from feria.drawings.look import NO_CUT, Look
from feria.drawings.palette import HUES, Hue, Rgb, apart, rgb
from feria.drawings.patterns import PATTERNS
from feria.drawings.sketch import Sketch
from feria.errors import Invalid

VIEWS = 4
SMALLEST, LARGEST = 16, 2048
"""Side of a picture in pixels."""

SHADE = rgb("#2A2233")


def look(kind: str, seed: int) -> Look:
    """The facts of one product. Raises `Invalid` for a kind that is not drawn."""
    how = _kind(kind, seed)
    dice = Dice(f"look {kind}", seed)
    cut = dice.choose(how.cuts) if how.cuts else NO_CUT
    pattern = PATTERNS[dice.choose(cut.patterns or how.patterns)]
    hue = HUES[dice.choose(cut.hues or how.hues)]
    second = _second(hue, dice) if not how.accents else HUES[dice.choose(how.accents)]
    return Look(kind, seed, cut.noun or how.noun, hue, second, pattern, cut, how.says_hue)


def _second(hue: Hue, dice: Dice) -> Hue:
    """A colour that goes with the first: most often a light one on a dark one, or the other way round."""
    calm = [HUES[name] for name in ("white", "cream", "navy", "black", "beige")]
    bright = [
        HUES[name]
        for name in ("mustard", "red", "terracotta", "light blue", "pink", "green", "turquoise", "yellow")
    ]
    among = [other for other in (calm if dice.chance(0.65) else bright) if apart(other.rgb, hue.rgb) > 0.32]
    return dice.choose(among or calm)


def draw(kind: str, seed: int, size: int = 512, view: int = 0) -> Image.Image:
    """One product as an RGB picture; the same arguments give the same pixels everywhere.

    `view` (0 to 3) changes pose, ground and light, never the product. Raises `Invalid`.
    """
    return _Scene(kind, seed, size, view).painted()


def silhouette(kind: str, seed: int, size: int = 512, view: int = 0) -> Image.Image:
    """Where in `draw`'s picture the product is: a mask (mode L) with soft edges. Raises `Invalid`."""
    scene = _Scene(kind, seed, size, view)
    return Canvas(Image.new("RGB", (size, size))).silhouette(scene.sketch)


def _kind(kind: str, seed: int) -> Kind:
    if kind not in KINDS:
        raise Invalid(f"no drawing is called {kind!r}; there are: {', '.join(KINDS)}", kinds=list(KINDS))
    if seed < 0:
        raise Invalid(f"a seed is 0 or more, not {seed}")
    return KINDS[kind]


class _Scene:
    """A product in its pose, and what is around it."""

    def __init__(self, kind: str, seed: int, size: int, view: int) -> None:
        self.how = _kind(kind, seed)
        if not SMALLEST <= size <= LARGEST:
            raise Invalid(f"a picture has from {SMALLEST} to {LARGEST} pixels a side, not {size}")
        if not 0 <= view < VIEWS:
            raise Invalid(f"a view is from 0 to {VIEWS - 1}, not {view}")
        self.size, self.view = size, view
        self.look = look(kind, seed)
        self.dice = Dice(f"view {kind}", seed, view)
        self.edge = self.dice.between(52, 62)
        thing = self.how.paint(self.look)
        self.lies = (
            self.how.setting == "flat"
            or (self.how.setting == "worn" and view > 0)
            or (self.how.setting == "heaped" and view == 3)
        )
        if self.lies and self.how.setting != "heaped":
            self.sketch = self._laid(thing)
        elif self.lies:
            self.sketch = self._heap(thing)
        else:
            self.sketch = self._stood(thing)

    def painted(self) -> Image.Image:
        colours: list[Rgb] = [self.look.colour]
        if self.look.pattern.name not in ("plain", "denim", "knit"):
            colours.append(self.look.accent)
        canvas = Canvas(self._ground(colours), crowded=self.lies and self.how.setting == "heaped")
        if self.lies:
            whole = canvas.silhouette(self.sketch)
            canvas.shadow(whole, SHADE, dx=1.0, dy=1.5, soft=1.6, opacity=0.42)
        else:
            canvas.paint(self._contact())
        canvas.paint(self.sketch)
        return canvas.picture

    def _ground(self, colours: list[Rgb]) -> Image.Image:
        size, dice = self.size, Dice("ground", self.look.seed, self.view)
        if self.view == 0:
            return grounds.cloth(size, colours, dice)
        if self.how.setting in ("flat", "worn"):
            if self.view == 1:
                return grounds.wall(size, colours, dice)
            if self.view == 2:
                return (grounds.planks if dice.chance(0.7) else grounds.tiles)(size, colours, dice)
            return grounds.sheet(size, colours, dice)
        if self.view == 1:
            return grounds.room(size, colours, dice, self.edge)
        if self.view == 2:
            return grounds.azulejos(size, colours, dice, self.edge)
        if self.how.setting == "heaped":
            return grounds.crate(size, colours, dice)
        return grounds.tablecloth(size, colours, dice, self.edge)

    def _laid(self, thing: Sketch) -> Sketch:
        """On its back on the floor: turned a little, and never quite straight."""
        dice, calm = self.dice, self.view <= 1
        turn = dice.between(-2, 2) if calm else dice.between(-11, 11)
        sway = 0.45 if calm else 1.1
        return _posed(
            thing,
            turn=turn,
            fill=dice.between(84, 88) if self.view == 0 else dice.between(76, 90),
            shift=(0, 0) if self.view == 0 else (dice.between(-3, 3), dice.between(-3, 3)),
            sway=sway,
            phase=dice.between(0, 6.28),
        )

    def _stood(self, thing: Sketch) -> Sketch:
        """Upright; in the plain view in the middle, else on the table."""
        dice = self.dice
        if self.view == 0:
            return _posed(thing, fill=dice.between(70, 74) + 6 * (self.how.setting == "worn"), shift=(0, 0))
        stood = _posed(thing, fill=dice.between(56, 68), shift=(dice.between(-7, 7), 0))
        drop = dice.between(78, 87) - stood.extent()[3]
        return stood.bent(lambda line: line + by(0, drop))

    def _heap(self, thing: Sketch) -> Sketch:
        """A crate full of them. So small, specks are not seen: they are left out, which halves the work."""
        whole, dice = Sketch(), self.dice
        unit = self.how.unit(self.look) if self.how.unit else thing
        unit.marks = [mark for mark in unit.marks if len(mark.figures) <= 30]
        side = dice.between(55, 61)
        columns, rows = 3, 4
        for n in range(columns * rows):
            row, column = divmod(n, columns)
            x = (column + (0.5 if row % 2 else 0)) * side * 0.7 + dice.between(-3, 3) - 4
            y = row * side * 0.52 + dice.between(-3, 3) - 2
            turn, scale = dice.between(-40, 40), dice.between(0.92, 1.08)
            one = _posed(unit, turn=turn, fill=side * scale, shift=(x - 50, y - 50))
            left, top, right, bottom = one.extent()
            if left > 100 or top > 100 or right < 0 or bottom < 0:
                continue
            pool = ellipse(
                (left + right) / 2 + 1, (top + bottom) / 2 + 2, (right - left) / 2, (bottom - top) / 2
            )
            whole.fill(pool, colour=SHADE, opacity=0.55, soft=1.8)
            whole.add(one)
        return whole

    def _contact(self) -> Sketch:
        """The shadow under what stands: a flat, soft oval, longer to the right."""
        left, _, right, bottom = self.sketch.extent()
        wide = (right - left) / 2 * self.how.foot
        middle = (left + right) / 2 + (self.how.middle - 50) * (right - left) / 100
        sketch = Sketch()
        sketch.fill(
            ellipse(middle + wide * 0.12, bottom - 0.5, wide * 1.06, max(2.4, wide * 0.13)),
            colour=SHADE,
            opacity=0.26,
            soft=1.0,
        )
        sketch.fill(
            ellipse(middle, bottom - 0.4, wide * 0.84, max(1.3, wide * 0.07)),
            colour=SHADE,
            opacity=0.3,
            soft=0.6,
        )
        return sketch


def _posed(
    thing: Sketch,
    *,
    turn: float = 0,
    fill: float,
    shift: tuple[float, float],
    sway: float = 0,
    phase: float = 0,
) -> Sketch:
    """Put a thing in the middle of the frame, its longer side `fill`; then turn, move and bend it."""
    left, top, right, bottom = thing.extent()
    scale = fill / max(right - left, bottom - top)
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    c, s = math.cos(math.radians(turn)) * scale, math.sin(math.radians(turn)) * scale
    spin = np.array([[c, s], [-s, c]])
    to = np.array([50 + shift[0], 50 + shift[1]])

    def bend(line: Outline) -> Outline:
        placed = (line - middle) @ spin
        if sway:
            x, y = placed[:, 0].copy(), placed[:, 1].copy()
            placed[:, 0] += sway * (np.sin(y / 13 + phase) + 0.5 * np.sin(y / 5.5 + x / 17 + 2 * phase))
            placed[:, 1] += sway * (np.sin(x / 15 + 1.7 * phase) + 0.4 * np.sin(x / 6 + y / 19 + phase))
        return np.asarray(placed + to, dtype=np.float64)

    return thing.bent(bend, scale)
