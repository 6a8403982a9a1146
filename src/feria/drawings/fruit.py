"""Fruit and vegetables: round bodies, lit from the upper left, with what makes each one itself."""

import math

from feria.drawings.curves import (
    Point,
    by,
    ellipse,
    joined,
    mirrored,
    outline,
    ribbon,
    run,
    turned,
)
from feria.drawings.look import Look
from feria.drawings.palette import dark, light, mix, rgb
from feria.drawings.produce import STEM, Produce
from feria.drawings.sketch import Sketch


def apple(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    d = p.dice
    wide = d.between(0.975, 1.03)
    shape = mirrored(
        run(
            (50, 28),
            (57, 23.6),
            (67, 24.2),
            (76, 32),
            (79.5 * wide, 46),
            (76, 61),
            (67.5, 73.5),
            (58, 77.4),
            (50, 75),
        )
    )
    p.body(shape)
    with p.sketch.inside(shape):
        if p.accent != look.colour:
            blush = ellipse(d.between(56, 66), d.between(44, 58), 21, 25)
            p.sketch.fill(blush, colour=p.accent, opacity=0.5, soft=6)
        streaks = [
            run((50 + 5 * n, 27), (50 + 9.5 * n, 48), (50 + 6 * n, 74))
            for n in (-2.4, -1.5, -0.7, 0.2, 1.1, 2.0, 2.7)
        ]
        p.sketch.line(*streaks, colour=light(p.colour, 0.7), width=0.9, opacity=0.22, soft=0.4)
        p.sketch.fill(ellipse(50, 27.5, 9, 4.6), colour=dark(p.colour, 0.7), opacity=0.6, soft=1.2)
    p.specks(shape, 34, light(p.colour, 0.8), 0.45, 0.6)
    stalk = run((50, 30), (50.6, 23), (53.5 + d.between(-3, 3), 16.5))
    p.sketch.body(ribbon(stalk, [1.8 + 0.06 * n for n in range(len(stalk))]), STEM)
    if d.chance(0.55):
        p.leaf(51, 23.5, d.between(16, 20), d.between(-32, -12))
    p.shine(36, 40, 4.6, 8, turn=25)
    return p.sketch


def pear(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    d = p.dice
    neck = d.between(8, 11)
    shape = mirrored(
        run((50, 18), (55, 19), (50 + neck, 27), (60.5, 39), (69, 54), (71, 67), (64, 79), (50, 83))
    )
    p.body(shape)
    with p.sketch.inside(shape):
        if p.accent != look.colour:
            p.sketch.fill(ellipse(63, 62, 15, 20), colour=p.accent, opacity=0.42, soft=5)
        p.sketch.fill(ellipse(50, 19, 7, 3.4), colour=STEM, opacity=0.4, soft=1)
    p.specks(shape, 60, dark(p.colour, 0.5), 0.42, 0.4)
    stalk = run((50, 21), (50.4, 14), (53 + d.between(-3, 4), 8))
    p.sketch.body(ribbon(stalk, [1.9 + 0.05 * n for n in range(len(stalk))]), STEM)
    if d.chance(0.4):
        p.leaf(51, 15, 15, d.between(-20, 8))
    p.shine(39, 60, 4.4, 9.5, turn=14, opacity=0.42)
    return p.sketch


def banana(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    for n in range(3):
        turn = -22 + n * 17
        spine = run((24, 24), (27, 46), (44, 68), (74, 76), steps=8)
        widths = [
            3.2,
            4.6,
            7.6,
            10.5,
            12.3,
            13.4,
            14.0,
            14.3,
            14.4,
            14.4,
            14.3,
            14.1,
            13.7,
            13.2,
            12.4,
            11.4,
            10.2,
            8.9,
            7.5,
            6.0,
            4.6,
            3.8,
            3.1,
            2.6,
            2.3,
        ]
        line = turned(spine, turn, 24, 22)
        figure = ribbon(line, widths)
        p.sketch.fill(figure + by(1.2, 1.5), colour=dark(p.colour, 0.7), opacity=0.3, soft=1)
        tone = mix(p.colour, light(p.colour), 0.1 * n)
        p.body(figure, tone, depth=7)
        with p.sketch.inside(figure):
            inner = turned(run((23, 26), (29, 45), (46, 65), (74, 75)), turn, 24, 22)
            p.sketch.line(inner, colour=dark(tone, 0.35), width=0.8, opacity=0.4)
            p.sketch.line(inner + by(2.6, -3.2), colour=light(tone, 0.8), width=2.2, opacity=0.4, soft=0.7)
            p.sketch.line(line[:3], colour=mix(tone, (122, 142, 60), 0.7), width=9, opacity=0.5, soft=1.4)
        tip = line[-3:]
        p.sketch.body(ribbon(tip, [3.4, 2.8, 2.2]), rgb("#4A3A26"))
        p.specks(figure, 5, rgb("#6B4A20"), 0.6, 0.5)
    crown = joined(run((20, 24), (21, 15), (25, 12), (29, 16), (28.5, 26)))
    p.sketch.body(crown, mix(p.colour, rgb("#6B5A2B"), 0.55))
    p.sketch.model(crown, colour=rgb("#3E3018"), depth=3)
    return p.sketch


def avocado(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    shape = mirrored(run((50, 19), (57, 21), (62, 31), (67, 45), (71, 59), (67, 73), (50, 80)))
    p.body(shape, gloss=0.35)
    p.specks(shape, 110, light(p.colour, 0.5), 0.7, 0.25)
    p.specks(shape, 80, dark(p.colour, 0.5), 0.7, 0.35)
    p.sketch.body(ellipse(50, 19.6, 2.4, 1.6), rgb("#8A7A48"))
    p.shine(40, 48, 3.4, 8, turn=14, opacity=0.3)
    return p.sketch


def kiwi(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    d = p.dice
    shape = turned(ellipse(50, 50, 29, 23), d.between(-20, 10), 50, 50)
    p.body(shape)
    hairs = []
    for _ in range(90):
        a, r = d.between(0, 6.28), d.between(0.2, 1.0) ** 0.5
        x, y = 50 + 28 * r * math.cos(a), 50 + 22 * r * math.sin(a)
        hairs.append(outline([(x, y), (x + d.between(-1.5, 1.5), y + d.between(-1.5, 0.4))]))
    with p.sketch.inside(shape):
        p.sketch.line(*hairs, colour=light(p.colour, 0.5), width=0.35, opacity=0.4)
    p.sketch.fill(ellipse(76, 47, 2, 3), colour=dark(p.colour), opacity=0.5, soft=0.5)
    return p.sketch


def watermelon(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    shape = ellipse(50, 50, 34, 30)
    p.body(shape, gloss=0.3)
    with p.sketch.inside(shape):
        for n in (-0.92, -0.62, -0.3, 0.02, 0.34, 0.66, 0.94):
            points: list[Point] = []
            for k in range(13):
                angle = math.radians(-90 + 15 * k)
                points.append(
                    (50 + 34 * n * math.cos(angle) + (1.1 if k % 2 else -1.1), 50 + 30 * math.sin(angle))
                )
            p.sketch.line(run(*points, steps=4), colour=p.accent, width=3.0 * (1 - abs(n) * 0.5), opacity=0.9)
    p.sketch.model(shape, colour=dark(p.colour, 0.8), depth=16, opacity=0.5)
    p.sketch.body(ribbon(run((50, 22), (51, 17), (55, 14)), 2), rgb("#7A8A4A"))
    p.shine(34, 35, 5, 8, turn=40, opacity=0.4)
    return p.sketch


def melon(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    shape = ellipse(50, 50, 33, 30)
    p.body(shape)
    d = p.dice
    angles = [math.radians(-90 + 20 * k) for k in range(10)]
    down = [
        run(*[(50 + 6 * n * math.cos(a) + d.between(-2, 2), 50 + 30 * math.sin(a)) for a in angles], steps=4)
        for n in range(-5, 6)
    ]
    across = [
        run(*[(16 + 7.6 * k, 50 + n * 7 + d.between(-2, 2)) for k in range(10)], steps=4)
        for n in range(-4, 5)
    ]
    with p.sketch.inside(shape):
        p.sketch.line(*down, *across, colour=light(p.colour, 0.75), width=0.7, opacity=0.5)
    p.sketch.model(shape, colour=dark(p.colour, 0.7), depth=14, opacity=0.3)
    p.sketch.body(ribbon(run((50, 22), (51, 17), (55, 15)), 2.6), rgb("#8A8A52"))
    p.shine(36, 36, 5, 7.4, turn=40, opacity=0.4)
    return p.sketch


def peach(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    shape = mirrored(run((50, 26), (60, 23.5), (72, 31), (77, 46), (72, 62), (60, 74), (50, 77)))
    p.body(shape, gloss=0.25)
    with p.sketch.inside(shape):
        p.sketch.fill(ellipse(62, 48, 20, 26), colour=p.accent, opacity=0.55, soft=6)
        p.sketch.line(
            run((50, 26), (44, 42), (43, 58), (49, 77)),
            colour=dark(p.colour, 0.5),
            width=1.8,
            opacity=0.4,
            soft=0.7,
        )
    p.sketch.fill(ellipse(50, 27, 5, 2.4), colour=dark(p.colour, 0.6), opacity=0.6, soft=0.8)
    if p.dice.chance(0.7):
        p.leaf(50, 26, 22, p.dice.between(-30, -8))
    return p.sketch


def plum(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    shape = turned(
        mirrored(run((50, 25), (60, 24.5), (71, 34), (74, 50), (68, 67), (58, 76), (50, 77))),
        p.dice.between(-12, 12),
        50,
        50,
    )
    p.body(shape, gloss=0.4)
    with p.sketch.inside(shape):
        p.sketch.fill(ellipse(40, 42, 12, 16, turn=20), colour=(214, 206, 232), opacity=0.3, soft=4)
        p.sketch.line(
            run((51, 26), (57, 44), (56, 62), (50, 77)),
            colour=dark(p.colour, 0.6),
            width=1.5,
            opacity=0.45,
            soft=0.6,
        )
    p.sketch.body(ribbon(run((50, 28), (50.5, 22), (53, 17)), 1.8), STEM)
    p.shine(38, 38, 3, 5.6, turn=30, opacity=0.5)
    return p.sketch
