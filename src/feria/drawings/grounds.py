"""What a product lies or stands on: soft things worked out small, sharp ones drawn."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from feria.drawings.canvas import Canvas
from feria.drawings.curves import corners, ellipse, fold, run
from feria.drawings.dice import Dice
from feria.drawings.palette import CLOTHS, Rgb, apart, dark, light, mix, rgb
from feria.drawings.sketch import Sketch

WALLS = (rgb("#F1EEE6"), rgb("#E9EAE8"), rgb("#EEE6DA"), rgb("#E3E7E6"))
WOODS = (rgb("#C79A68"), rgb("#B08560"), rgb("#D3B48C"), rgb("#8C6A50"), rgb("#A9A096"))
SHEETS = (
    rgb("#E8E4DA"),
    rgb("#CBD6DE"),
    rgb("#DDBFC0"),
    rgb("#A53B45"),
    rgb("#3F6E86"),
    rgb("#D9C9A2"),
    rgb("#B4C3AC"),
)
TILES = (rgb("#E6E1D6"), rgb("#D8DDDD"), rgb("#DDD0BE"))


def farthest(among: Sequence[Rgb], colours: Sequence[Rgb], dice: Dice, keep: int = 3) -> Rgb:
    """One of the `keep` that stand out best from the product's colours."""
    ranked = sorted(among, key=lambda ground: -min(apart(ground, colour) for colour in colours))
    return dice.choose(ranked[:keep])


def slope(size: int, light_at: Rgb, dark_at: Rgb, dice: Dice) -> Image.Image:
    """A plain ground that is lit from the upper left: four by four values, enlarged."""
    steps = np.linspace(0, 1, 4)
    share = (steps[:, None] * 0.6 + steps[None, :] * dice.between(0.2, 0.5)) / 1.1
    field = np.array(light_at) * (1 - share[..., None]) + np.array(dark_at) * share[..., None]
    small = Image.fromarray(np.rint(field).astype(np.uint8))
    return small.resize((size, size), Image.Resampling.BICUBIC)


def cloth(size: int, colours: Sequence[Rgb], dice: Dice) -> Image.Image:
    tone = farthest(tuple(CLOTHS.values()), colours, dice, 4)
    return slope(size, light(tone, 0.25), mix(tone, dark(tone), 0.05), dice)


def wall(size: int, colours: Sequence[Rgb], dice: Dice) -> Image.Image:
    tone = farthest(WALLS, colours, dice, 3)
    return slope(size, light(tone, 0.4), mix(tone, dark(tone), 0.1), dice)


def planks(size: int, colours: Sequence[Rgb], dice: Dice) -> Image.Image:
    """Floor boards with their grain."""
    tone = farthest(WOODS, colours, dice, 3)
    canvas = Canvas(slope(size, light(tone, 0.1), mix(tone, dark(tone), 0.12), dice))
    canvas.paint(_boards(tone, dice, 0, 100, dice.between(15, 21)))
    return canvas.picture


def _boards(tone: Rgb, dice: Dice, top: float, bottom: float, tall: float) -> Sketch:
    sketch = Sketch()
    y = top
    while y < bottom:
        x = -dice.between(0, 50)
        while x < 100:
            wide = dice.between(55, 85)
            board = corners((x, y), (x + wide, y), (x + wide, y + tall), (x, y + tall))
            shade = dice.between(-0.16, 0.16)
            sketch.fill(board, colour=light(tone) if shade > 0 else dark(tone), opacity=abs(shade))
            grain = []
            for _ in range(4):
                at, sway = y + dice.between(0.12, 0.88) * tall, dice.between(-1.2, 1.2)
                grain.append(
                    run((x + 1, at), (x + wide * 0.4, at + sway), (x + wide - 1, at - sway * 0.4), steps=5)
                )
            sketch.line(*grain, colour=dark(tone), width=0.35, opacity=0.2)
            sketch.line(run((x, y), (x, y + tall), steps=1), colour=dark(tone, 0.6), width=0.5, opacity=0.5)
            x += wide
        sketch.line(run((0, y), (100, y), steps=1), colour=dark(tone, 0.6), width=0.55, opacity=0.5)
        sketch.line(run((0, y + 0.6), (100, y + 0.6), steps=1), colour=light(tone), width=0.35, opacity=0.3)
        y += tall
    return sketch


def sheet(size: int, colours: Sequence[Rgb], dice: Dice) -> Image.Image:
    """A bed sheet with a few long, soft wrinkles."""
    tone = farthest(SHEETS, colours, dice, 3)
    canvas = Canvas(slope(size, light(tone, 0.14), mix(tone, dark(tone), 0.12), dice))
    sketch = Sketch()
    dips, ridges = [], []
    for _ in range(7):
        x, y, lean = dice.between(0, 100), dice.between(0, 100), dice.between(-26, 26)
        long, bow = dice.between(26, 50), dice.between(-7, 7)
        if dice.chance(0.5):
            line = ((x - long, y - lean), (x, y + bow), (x + long, y + lean))
        else:
            line = ((x - lean, y - long), (x + bow, y), (x + lean, y + long))
        wide = dice.between(2, 4.5)
        dips.append(fold(*line, width=wide))
        ridges.append(fold(*[(a - wide * 0.6, b - wide * 0.6) for a, b in line], width=wide * 0.8))
    sketch.fill(*dips, colour=dark(tone), opacity=0.2, soft=1.1)
    sketch.fill(*ridges, colour=light(tone, 0.8), opacity=0.3, soft=1.1)
    canvas.paint(sketch)
    return canvas.picture


def tiles(size: int, colours: Sequence[Rgb], dice: Dice) -> Image.Image:
    """Floor tiles, seen from above."""
    tone = farthest(TILES, colours, dice, 2)
    canvas = Canvas(slope(size, light(tone, 0.2), mix(tone, dark(tone), 0.1), dice))
    sketch = Sketch()
    step, shift = dice.between(30, 38), dice.between(0, 30)
    lines = [run((shift + n * step, -2), (shift + n * step, 102), steps=1) for n in range(-1, 4)]
    lines += [run((-2, shift * 0.7 + n * step), (102, shift * 0.7 + n * step), steps=1) for n in range(-1, 4)]
    sketch.line(*[line + 0.5 for line in lines], colour=light(tone, 0.8), width=0.7, opacity=0.7)
    sketch.line(*lines, colour=dark(tone), width=0.9, opacity=0.4)
    canvas.paint(sketch)
    return canvas.picture


def room(size: int, colours: Sequence[Rgb], dice: Dice, edge: float) -> Image.Image:
    """A wall behind, a wooden table in front; `edge` is how high the table's far side lies."""
    back = farthest((*WALLS, *CLOTHS.values()), colours, dice, 4)
    tone = farthest(WOODS[:4], colours, dice, 2)
    canvas = Canvas(slope(size, light(back, 0.3), mix(back, dark(back), 0.12), dice))
    canvas.paint(_table(tone, edge))
    return canvas.picture


def _table(tone: Rgb, edge: float) -> Sketch:
    sketch = Sketch()
    top = corners((-1, edge), (101, edge), (101, 101), (-1, 101))
    sketch.fill(top, colour=tone)
    front = corners((-1, 92), (101, 92), (101, 101), (-1, 101))
    sketch.fill(front, colour=dark(tone), opacity=0.35)
    grain = [run((-1, y), (40, y + 0.5), (101, y - 0.4), steps=4) for y in np.linspace(edge + 3, 90, 6)]
    sketch.line(*grain, colour=dark(tone), width=0.4, opacity=0.22)
    sketch.line(run((-1, edge), (101, edge), steps=1), colour=light(tone), width=0.8, opacity=0.45)
    sketch.line(run((-1, 92), (101, 92), steps=1), colour=light(tone), width=0.5, opacity=0.4)
    return sketch


def azulejos(size: int, colours: Sequence[Rgb], dice: Dice, edge: float) -> Image.Image:
    """A wall of painted tiles over a table."""
    ink = farthest((rgb("#2F5F9E"), rgb("#3E7F68"), rgb("#C98A2B")), colours, dice, 2)
    back = rgb("#EFEBDF")
    canvas = Canvas(slope(size, light(back, 0.2), mix(back, dark(back), 0.12), dice))
    sketch = Sketch()
    step = 20.0
    shift = dice.between(0, 20)
    stars, dots, rounds = [], [], []
    for row in range(int(edge // step) + 1):
        for column in range(-1, 6):
            x, y = shift + column * step, edge - row * step - step
            middle = (x + step / 2, y + step / 2)
            for quarter in range(4):
                turn = 45 + 90 * quarter
                petal = ellipse(0, -3.7, 1.7, 3.3, points=14)
                c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
                stars.append(petal @ np.array([[c, s], [-s, c]]) + middle)
            dots.append(ellipse(*middle, 1.2, 1.2, points=10))
            rounds.append(ellipse(x, y, 4, 4, points=20))
    sketch.fill(*stars, colour=ink, opacity=0.34)
    sketch.line(*[np.vstack([ring, ring[:1]]) for ring in rounds], colour=ink, width=0.8, opacity=0.32)
    sketch.fill(*dots, colour=rgb("#D8A23A"), opacity=0.5)
    grout = [run((shift + n * step, -1), (shift + n * step, edge), steps=1) for n in range(-1, 6)]
    grout += [run((-1, edge - n * step), (101, edge - n * step), steps=1) for n in range(6)]
    sketch.line(*grout, colour=dark(back), width=0.5, opacity=0.22)
    sketch.add(_table(farthest(WOODS[:4], colours, dice, 2), edge))
    canvas.paint(sketch)
    return canvas.picture


def tablecloth(size: int, colours: Sequence[Rgb], dice: Dice, edge: float) -> Image.Image:
    """A plain wall over a checked tablecloth."""
    ink = farthest((rgb("#B5443A"), rgb("#3F6FA8"), rgb("#4C8763"), rgb("#D09A34")), colours, dice, 2)
    back = farthest((*CLOTHS.values(), *WALLS), colours, dice, 4)
    canvas = Canvas(slope(size, light(back, 0.3), mix(back, dark(back), 0.1), dice))
    sketch = Sketch()
    linen = rgb("#F2EDE2")
    top = corners((-1, edge), (101, edge), (101, 101), (-1, 101))
    sketch.fill(top, colour=linen)
    across, down = [], []
    y, tall = edge, 3.0
    while y < 101:
        across.append(corners((-1, y), (101, y), (101, y + tall), (-1, y + tall)))
        y, tall = y + tall * 2.2, tall * 1.16
    for n in range(-9, 10):
        a, b = 50 + n * 11.0, 50 + n * 15.0
        down.append(corners((a, edge), (a + 5.5, edge), (b + 7.5, 101), (b, 101)))
    with sketch.inside(top):
        sketch.fill(*across, colour=ink, opacity=0.42)
        sketch.fill(*down, colour=ink, opacity=0.42)
    sketch.line(run((-1, edge), (101, edge), steps=1), colour=dark(linen), width=0.5, opacity=0.3)
    canvas.paint(sketch)
    return canvas.picture


def crate(size: int, colours: Sequence[Rgb], dice: Dice) -> Image.Image:
    """The dark inside of a market crate."""
    tone = farthest((rgb("#5A4636"), rgb("#3E4A44"), rgb("#7A5E45"), rgb("#4A3B44")), colours, dice, 3)
    canvas = Canvas(slope(size, tone, dark(tone, 0.4), dice))
    canvas.paint(_boards(tone, dice, -4, 104, 30))
    return canvas.picture
