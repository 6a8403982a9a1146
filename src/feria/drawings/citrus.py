"""Oranges, lemons and limes."""

import math

from feria.drawings.curves import (
    Outline,
    ellipse,
    loop,
    run,
    turned,
)
from feria.drawings.look import Look
from feria.drawings.palette import dark, light
from feria.drawings.produce import Produce
from feria.drawings.sketch import Sketch


def _citrus(p: Produce, shape: Outline, depth: float = 17) -> None:
    p.body(shape, depth=depth)
    p.specks(shape, 110, dark(p.colour, 0.35), 0.5, 0.22)
    p.specks(shape, 60, light(p.colour, 0.7), 0.4, 0.3)


def orange(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    shape = loop((50, 22), (68, 28), (77, 47), (72, 66), (52, 77), (31, 68), (23, 49), (31, 29))
    _citrus(p, shape)
    navel = (p.dice.between(47, 55), p.dice.between(27, 31))
    p.sketch.fill(ellipse(*navel, 3.4, 2.6), colour=dark(p.colour, 0.45), opacity=0.5, soft=0.8)
    star = [
        run(navel, (navel[0] + 2.6 * math.cos(t), navel[1] + 2 * math.sin(t)), steps=1)
        for t in (0.3, 1.6, 2.8, 4.1, 5.3)
    ]
    p.sketch.line(*star, colour=(92, 120, 60), width=1.2)
    if number == 0 and p.dice.chance(0.5):
        p.leaf(*navel, 19, p.dice.between(-30, 0))
    p.shine(37, 38, 5.4, 8.4, turn=35, opacity=0.42)
    return p.sketch


def lemon(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    shape = loop(
        (14, 50),
        (20, 46),
        (29, 34),
        (48, 27),
        (68, 33),
        (79, 45),
        (87, 50),
        (79, 56),
        (68, 68),
        (48, 73),
        (29, 66),
        (20, 54),
    )
    shape = turned(shape, p.dice.between(-28, -8), 50, 50)
    _citrus(p, shape)
    p.shine(40, 40, 9, 3.8, turn=-22, opacity=0.5)
    return p.sketch


def lime(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    shape = loop(
        (20, 50),
        (26, 42),
        (36, 31),
        (52, 27),
        (68, 34),
        (77, 45),
        (81, 51),
        (76, 57),
        (66, 69),
        (49, 73),
        (32, 66),
        (25, 56),
    )
    shape = turned(shape, p.dice.between(-25, 15), 50, 50)
    _citrus(p, shape)
    p.shine(40, 40, 8, 3.8, turn=-25, opacity=0.45)
    return p.sketch
