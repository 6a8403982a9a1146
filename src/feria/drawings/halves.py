"""Fruit shown whole and cut."""

import math

from feria.drawings.curves import by, ellipse, joined, mirrored, outline, run, turned
from feria.drawings.fruit import avocado, kiwi, watermelon
from feria.drawings.look import Look
from feria.drawings.palette import dark, rgb
from feria.drawings.produce import Produce
from feria.drawings.sketch import Sketch


def avocado_pair(look: Look) -> Sketch:
    """A whole one behind a half with its stone."""
    whole = avocado(look).bent(lambda line: turned(line, -14, 50, 50) + by(-17, -3))
    p = Produce(look, 1)
    skin = mirrored(run((50, 17), (58, 19.5), (64, 31), (70, 46), (74, 60), (69, 75), (50, 82.5)))
    p.body(skin, dark(p.colour, 0.1), depth=8)
    rim = (skin - [50, 50]) * 0.93 + by(50, 50.2)
    flesh = (skin - [50, 50]) * 0.83 + by(50, 50.6)
    p.sketch.fill(rim, colour=rgb("#A9B85A"))
    p.sketch.fill(flesh, colour=rgb("#E6DE9A"), soft=1)
    p.sketch.fill(ellipse(50, 61, 13.4, 14), colour=rgb("#B9A860"), opacity=0.6, soft=1)
    p.body(ellipse(49.6, 60.5, 12, 12.8), rgb("#7C4F2C"), depth=9)
    p.shine(45, 55, 2.6, 4, turn=25, opacity=0.5)
    whole.add(p.sketch.bent(lambda line: turned(line, 9, 50, 50) + by(15, 3)))
    return whole


def kiwi_pair(look: Look) -> Sketch:
    whole = kiwi(look).bent(lambda line: line + by(-17, 4))
    p = Produce(look, 1)
    face = ellipse(64, 60, 25, 24)
    p.body(ellipse(65, 61.2, 25.6, 24.6), p.colour, depth=6)
    p.sketch.fill(face, colour=rgb("#86B83C"))
    p.sketch.model(face, colour=rgb("#5E9227"), depth=6, opacity=0.6)
    beams = [
        outline(
            [(64 + 8 * math.cos(t), 60 + 7.5 * math.sin(t)), (64 + 22 * math.cos(t), 60 + 21 * math.sin(t))]
        )
        for t in (0.209 * n for n in range(30))
    ]
    p.sketch.line(*beams, colour=rgb("#C6E08A"), width=0.8, opacity=0.55)
    p.sketch.fill(ellipse(64, 60, 8.4, 7.6), colour=rgb("#EEF0C4"), soft=0.6)
    seeds = [
        ellipse(64 + r * math.cos(t), 60 + r * 0.95 * math.sin(t), 1.3, 0.62, turn=math.degrees(t), points=10)
        for t, r in ((0.262 * n, 11.4 + 1.7 * (n % 2)) for n in range(24))
    ]
    p.sketch.fill(*seeds, colour=rgb("#2B2419"))
    whole.add(p.sketch)
    return whole


def watermelon_pair(look: Look) -> Sketch:
    """The whole fruit and a wedge of it."""
    whole = watermelon(look).bent(lambda line: (line - 50) * 1.05 + by(42, 48))
    p = Produce(look, 1)
    wedge = joined(run((42, 62), (64, 58), (96, 62)), run((96, 62), (88, 82), (69, 89), (50, 82), (42, 62)))
    p.body(wedge, look.colour, depth=4)
    pale = joined(
        run((44.4, 62.4), (64, 59), (93.6, 62.4)),
        run((93.6, 62.4), (86, 79.6), (69, 86), (52, 79.6), (44.4, 62.4)),
    )
    red = joined(
        run((47, 62.2), (64, 59.4), (91, 62.2)), run((91, 62.2), (84, 77), (69, 82.6), (54, 77), (47, 62.2))
    )
    p.sketch.fill(pale, colour=rgb("#E8EDC8"))
    p.sketch.fill(red, colour=rgb("#DC4A4A"))
    p.sketch.model(red, colour=rgb("#A62B35"), depth=5, opacity=0.5)
    seeds = [
        ellipse(x, y, 0.9, 1.5, points=10)
        for x, y in ((56, 66), (63, 69), (70, 66.5), (77, 69), (83, 66), (60, 74), (69, 75), (78, 74.5))
    ]
    p.sketch.fill(*seeds, colour=rgb("#2A1F1C"))
    whole.add(p.sketch)
    return whole
