"""Cartons of milk, juice and yoghurt, from a little to the left and above."""

import math

import numpy as np

from feria.drawings import citrus, fruit, vegetables
from feria.drawings.curves import Outline, by, corners, ellipse, joined, loop, path, run
from feria.drawings.dice import Dice
from feria.drawings.look import Look
from feria.drawings.palette import HUES, Rgb, dark, light, luma, rgb
from feria.drawings.sketch import Sketch

LEFT, EDGE, RIGHT = 26.0, 60.0, 77.0


class Carton:
    """A box with a gable; `front` is the face to print on."""

    def __init__(self, colour: Rgb, accent: Rgb, top: float, *, cap: Rgb | None = None) -> None:
        self.sketch = Sketch()
        self.top = top
        draw, rise = self.sketch, top - 15
        ridge, back = (EDGE + RIGHT) / 2 - 0.5, top - 3
        self.front = corners((LEFT, top), (EDGE, top), (EDGE, 90), (LEFT, 90))
        self.side = corners((EDGE, top), (RIGHT, back), (RIGHT, 85), (EDGE, 90))
        roof = corners((LEFT, top), (EDGE, top), (ridge, rise), (LEFT + ridge - EDGE, rise))
        gable = corners((EDGE, top), (RIGHT, back), (ridge, rise))
        fin = corners(
            (LEFT + ridge - EDGE, rise), (ridge, rise), (ridge, rise - 6.5), (LEFT + ridge - EDGE, rise - 6.5)
        )
        draw.body(self.side, dark(colour, 0.2))
        draw.body(gable, dark(accent, 0.42))
        draw.fill(
            joined(run((EDGE, top), (ridge - 1, rise)), run((ridge - 1, rise), (ridge + 3, top - 2))),
            colour=dark(accent),
            opacity=0.4,
        )
        draw.body(self.front, colour)
        draw.body(roof, accent)
        draw.body(fin, light(accent, 0.12))
        draw.model(roof, colour=dark(accent), depth=6, opacity=0.3)
        draw.line(
            run((LEFT + ridge - EDGE, rise - 2), (ridge, rise - 2), steps=3),
            colour=dark(accent),
            width=0.5,
            opacity=0.5,
        )
        if cap is not None:
            x, y = (LEFT + ridge) / 2 - 1, (top + rise) / 2
            draw.body(ellipse(x, y + 1.4, 5.4, 3.4), dark(cap, 0.3))
            draw.body(ellipse(x, y - 1.4, 5.4, 3.2), cap)
            draw.fill(
                corners((x - 5.4, y - 1.4), (x + 5.4, y - 1.4), (x + 5.4, y + 1.4), (x - 5.4, y + 1.4)),
                colour=dark(cap, 0.15),
            )
            draw.fill(ellipse(x, y - 1.6, 5.4, 3.0), colour=light(cap, 0.2))

    def round_side(self, line: Outline) -> Outline:
        """What is drawn on the front, carried on around the edge to the side."""
        share = (line[:, 0] - EDGE) / (RIGHT - EDGE)
        return np.column_stack([line[:, 0], line[:, 1] - np.maximum(share, 0) * 4.0])

    def words(self, x: float, y: float, widths: tuple[float, ...], colour: Rgb) -> None:
        """Lines of print too small to read."""
        bars = [
            run((x - wide / 2, y + 2.6 * n), (x + wide / 2, y + 2.6 * n), steps=2)
            for n, wide in enumerate(widths)
        ]
        self.sketch.line(*bars, colour=colour, width=1.1, opacity=0.75)

    def finish(self, colour: Rgb) -> Sketch:
        draw = self.sketch
        draw.fill(self.side, colour=dark(colour, 0.8), opacity=0.2)
        draw.line(
            run((EDGE, self.top), (EDGE, 90), steps=2), colour=light(colour, 0.8), width=0.6, opacity=0.55
        )
        with draw.inside(self.front):
            draw.fill(
                corners((28.5, self.top + 2), (31.5, self.top + 2), (31.5, 88), (28.5, 88)),
                colour=(255, 255, 255),
                opacity=0.22,
                soft=0.8,
            )
        return draw


def milk(look: Look) -> Sketch:
    accent = look.accent
    top = 32.0
    box = Carton(look.colour, accent, top, cap=accent)
    draw, dice = box.sketch, Dice("milk", look.seed)
    front = box.front
    hill = box.round_side(run((LEFT, 74), (36, 69), (48, 73), (60, 70), (70, 73), (RIGHT, 72)))
    ground = joined(hill, run((RIGHT, 95), (LEFT, 95)))
    with draw.inside(front, box.side):
        draw.fill(ground, colour=accent)
        draw.fill(joined(hill + by(0, 6), run((RIGHT, 98), (LEFT, 98))), colour=dark(accent, 0.25))
    with draw.inside(front, box.side):
        if dice.chance(0.6):
            _cow(box)
        else:
            drop = path(
                "M43 42C49 51 52.500 55 52.500 60C52.500 65.500 48 69 43 69"
                "C38 69 33.500 65.500 33.500 60C33.500 55 37 51 43 42Z"
            )
            draw.fill(drop, colour=accent)
            draw.fill(ellipse(39.5, 60, 1.9, 4, turn=10), colour=(255, 255, 255), opacity=0.7)
        spots = [
            loop(
                *[
                    (x + (r + dice.between(-1.2, 1.2)) * math.cos(t), y + (r * 0.9) * math.sin(t))
                    for t in (0, 1.05, 2.1, 3.14, 4.2, 5.2)
                ],
                steps=4,
            )
            for x, y, r in ((66, 44, 4), (73, 54, 3.4), (65.5, 61, 3.0))
        ]
        draw.fill(*spots, colour=rgb("#2F2D35"), opacity=0.85)
    box.words(43, 79.5, (20, 14), (255, 255, 255))
    box.words(43, 36.6, (16,), accent)
    return box.finish(look.colour)


def _cow(box: Carton) -> None:
    draw, ink = box.sketch, rgb("#2F2D35")
    draw.fill(ellipse(34.5, 50, 4.6, 2.3, turn=20), ellipse(51.5, 50, 4.6, 2.3, turn=-20), colour=ink)
    head = loop((43, 44), (49, 46), (50, 54), (48, 63), (43, 67), (38, 63), (36, 54), (37, 46))
    draw.fill(head, colour=(255, 255, 255))
    draw.line(joined(head, head[:1]), colour=ink, width=0.7)
    with draw.inside(head):
        draw.fill(ellipse(38, 49, 5, 6.4), colour=ink)
    draw.fill(ellipse(43, 62.6, 6.6, 4.6), colour=rgb("#EFB3B0"))
    draw.fill(ellipse(40.6, 62.4, 0.9, 1.3), ellipse(45.4, 62.4, 0.9, 1.3), colour=rgb("#A2605F"))
    draw.fill(ellipse(39.4, 53, 1.3, 1.6), colour=(255, 255, 255))
    draw.fill(ellipse(46.8, 53, 1.3, 1.6), ellipse(39.6, 53.2, 0.7, 0.9), colour=ink)


def juice(look: Look) -> Sketch:
    box = Carton(
        look.colour,
        look.accent,
        30.0,
        cap=light(look.colour, 0.1) if luma(look.accent) < 0.7 else dark(look.colour, 0.2),
    )
    draw, cut = box.sketch, look.cut.name
    with draw.inside(box.front, box.side):
        sweep = box.round_side(run((LEFT, 66), (38, 58), (52, 63), (66, 56), (RIGHT, 60)))
        draw.fill(joined(sweep, run((RIGHT, 95), (LEFT, 95))), colour=light(look.colour, 0.82))
        draw.line(sweep, colour=light(look.accent, 0.3), width=1.6)
    paint = {
        "orange": citrus.orange,
        "apple": fruit.apple,
        "peach": fruit.peach,
        "tomato": vegetables.tomato,
    }[cut]
    hue = HUES[{"orange": "orange peel", "apple": "red", "peach": "peach", "tomato": "tomato red"}[cut]]
    told = Look(
        look.kind,
        look.seed,
        look.noun,
        hue,
        HUES["golden" if cut == "apple" else "red"],
        look.pattern,
        look.cut,
    )
    for scale, x, y in ((0.30, 49, 62), (0.40, 38, 68)):
        one = _shrunk(paint(told), scale, x, y)
        with draw.inside(box.front):
            draw.fill(
                ellipse(x, y + scale * 27, scale * 26, scale * 5),
                colour=dark(look.colour),
                opacity=0.3,
                soft=0.8,
            )
        draw.add(one)
    box.words(43, 37, (22, 15), light(look.colour, 0.9))
    box.words(43, 83.5, (18,), dark(look.colour, 0.2))
    return box.finish(look.colour)


def _shrunk(sketch: Sketch, scale: float, x: float, y: float) -> Sketch:
    return sketch.bent(lambda line: (line - 50) * scale + by(x, y), scale)


def yoghurt(look: Look) -> Sketch:
    box = Carton(look.colour, look.accent, 40.0)
    draw = box.sketch
    with draw.inside(box.front, box.side):
        band = box.round_side(run((LEFT, 47), (43, 51), (EDGE, 47), (RIGHT, 49)))
        draw.fill(joined(run((LEFT, 30), (RIGHT, 26)), band[::-1]), colour=look.accent)
        draw.line(band + by(0, 2), colour=light(look.accent), width=0.9)
    with draw.inside(box.front):
        bowl = joined(run((31, 70), (55, 70)), run((55, 70), (53, 80), (43, 83.5), (33, 80), (31, 70)))
        draw.fill(ellipse(43, 84, 11, 2), colour=dark(look.colour), opacity=0.3, soft=0.7)
        cream = loop(
            (32, 70), (35, 66), (39, 66.5), (42, 62), (46, 63), (48, 66.5), (52, 66.6), (54.4, 70), (43, 72)
        )
        draw.fill(cream, colour=(252, 249, 240))
        draw.model(cream, colour=rgb("#C9BDA6"), depth=2.5)
        draw.fill(bowl, colour=look.accent)
        draw.model(bowl, colour=dark(look.accent), depth=4)
    berry = {"strawberry": "red", "blueberry": "navy", "vanilla": "yellow", "plain": ""}[look.cut.name]
    if berry:
        tone = HUES[berry].rgb
        with draw.inside(box.front):
            for x, y, r in ((38, 65, 3.4), (47.5, 64.4, 3.8), (43, 61.4, 3.2)):
                ball = ellipse(x, y, r, r * 1.1)
                draw.fill(ball, colour=tone)
                draw.model(ball, colour=dark(tone), depth=2)
                draw.fill(
                    ellipse(x - r * 0.3, y - r * 0.4, r * 0.25, r * 0.3), colour=(255, 255, 255), opacity=0.6
                )
    box.words(43, 54.6, (20, 13), dark(look.accent, 0.2))
    box.words(43, 42.6, (15,), light(look.accent, 0.85))
    return box.finish(look.colour)
