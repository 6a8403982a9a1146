"""Vegetables."""

import math

from feria.drawings.curves import by, ellipse, joined, loop, mirrored, ribbon, run, turned
from feria.drawings.look import Look
from feria.drawings.palette import dark, light, mix, rgb
from feria.drawings.produce import LEAF, Produce
from feria.drawings.sketch import Sketch


def tomato(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    d = p.dice
    shape = mirrored(run((50, 29), (58, 26), (70, 29), (80, 42), (79, 57), (69, 70), (57, 74.5), (50, 74)))
    p.body(shape, gloss=0.4)
    with p.sketch.inside(shape):
        lobes = [run((50 + n * 5, 29), (50 + n * 17, 42), (50 + n * 14, 70)) for n in (-1.5, -0.6, 0.7, 1.5)]
        p.sketch.line(*lobes, colour=dark(p.colour, 0.5), width=1.6, opacity=0.25, soft=0.8)
        p.sketch.fill(ellipse(50, 31, 12, 5), colour=dark(p.colour, 0.6), opacity=0.45, soft=1.5)
    lean = d.between(0, 40)
    for n in range(5):
        angle = lean + n * 72
        tip = (50 + 15 * math.cos(math.radians(angle)), 30.5 + 7 * math.sin(math.radians(angle)))
        sepal = ribbon(
            run((50, 30), ((50 + tip[0]) / 2, (30 + tip[1]) / 2 - 2), tip, steps=6),
            [4.2 * (1 - t / 12) for t in range(13)],
        )
        p.sketch.body(sepal, mix(LEAF, (40, 80, 40), 0.15 * (n % 2)))
        p.sketch.model(sepal, colour=dark(LEAF), depth=1.5)
    p.sketch.body(ribbon(run((50, 30.5), (50.6, 25), (52, 21)), 2.2), dark(LEAF, 0.2))
    p.shine(35, 42, 4.6, 8, turn=30, opacity=0.65)
    p.shine(41, 34.5, 1.6, 1.3, opacity=0.55)
    return p.sketch


def pepper(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    d = p.dice
    shape = mirrored(
        run(
            (50, 29),
            (58, 25),
            (69, 27),
            (76, 37),
            (75, 52),
            (69, 66),
            (64, 77),
            (58, 79.5),
            (54, 76.5),
            (50, 78),
        )
    )
    p.body(shape, gloss=0.42)
    with p.sketch.inside(shape):
        grooves = [run((50 + n, 29), (50 + 2.4 * n, 44), (50 + 1.5 * n, 78)) for n in (-6.5, 6.5)]
        p.sketch.line(*grooves, colour=dark(p.colour, 0.62), width=2.8, opacity=0.4, soft=1)
        p.sketch.line(
            *[g + by(2.4, 0) for g in grooves], colour=light(p.colour, 0.6), width=2, opacity=0.35, soft=1
        )
        p.sketch.fill(ellipse(50, 29.5, 11, 4), colour=dark(p.colour, 0.7), opacity=0.5, soft=1.2)
    cap = loop((41, 29), (45, 26.5), (50, 26), (55, 26.5), (59, 29), (54, 31), (50, 30), (46, 31))
    p.body(cap, LEAF, depth=3)
    stalk = run((50, 28), (50.5, 20), (55 + d.between(-3, 2), 13))
    p.body(ribbon(stalk, [5.2 - 0.1 * n for n in range(len(stalk))]), mix(LEAF, (90, 150, 60), 0.4), depth=3)
    p.shine(34, 43, 2.8, 10, turn=8, opacity=0.6)
    p.shine(50, 42, 1.8, 7, turn=2, opacity=0.35)
    return p.sketch


def carrot(look: Look, number: int = 0) -> Sketch:
    """Three in a bunch."""
    p = Produce(look, number)
    d = p.dice
    green = rgb("#5B9440")
    for turn in (-34, -17, 3, 20, 37):
        frond = turned(run((50, 34), (49, 22), (50, 6 + abs(turn) * 0.12)), turn, 50, 34)
        p.sketch.bar(frond, dark(green, 0.15), 1.4)
        for n in range(3, len(frond) - 1, 2):
            for side in (-1, 1):
                leaf = ellipse(4.2, 0, 4.4, 1.5, points=12)
                placed = turned(leaf, turn - 90 + side * 48) + frond[n]
                p.sketch.body(placed, mix(green, light(green), d.between(0, 0.25)))
    for turn, order in ((15, 0), (-14, 1), (1, 2)):
        _root(p, turn, order)
    return p.sketch


def loose_carrot(look: Look) -> Sketch:
    """One root without its leaves, lying."""
    p = Produce(look)
    _root(p, -62, 1)
    return p.sketch


def _root(p: Produce, turn: float, order: int) -> None:
    d = p.dice
    one = mirrored(run((50, 31), (54, 31.5), (58.6, 35), (58, 46), (55, 66), (52, 84), (50, 91)))
    figure = turned(one, turn, 50, 30)
    tone = mix(p.colour, light(p.colour), 0.06 * order)
    p.sketch.fill(figure + by(1.3, 1), colour=dark(p.colour, 0.7), opacity=0.35, soft=1)
    p.body(figure, tone, depth=7)
    rings = []
    for _ in range(9):
        y, x = d.between(38, 82), d.between(-0.6, 0.6)
        half = (9 * (91 - y) / 58) * 0.5
        rings.append(
            turned(
                run(
                    (50 + x * half * 2 - half, y),
                    (50 + x * half * 2, y + 0.7),
                    (50 + x * half * 2 + half, y),
                ),
                turn,
                50,
                30,
            )
        )
    with p.sketch.inside(figure):
        p.sketch.line(*rings, colour=dark(tone, 0.5), width=0.7, opacity=0.5)
        p.sketch.line(
            turned(run((46.5, 37), (47.4, 60), (48.8, 80)), turn, 50, 30),
            colour=light(tone, 0.8),
            width=1.6,
            opacity=0.4,
            soft=0.6,
        )


def aubergine(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    shape = run(
        (44, 26),
        (56, 27),
        (63, 40),
        (70, 56),
        (68, 74),
        (54, 85),
        (39, 80),
        (33, 65),
        (36, 48),
        (41, 36),
        (44, 26),
    )
    p.body(shape, gloss=0.5)
    with p.sketch.inside(shape):
        p.sketch.line(
            run((43, 42), (39, 58), (41, 72)), colour=(255, 255, 255), width=3, opacity=0.55, soft=1
        )
        p.sketch.line(
            run((62, 52), (64.5, 63), (62, 73)), colour=light(p.colour, 0.8), width=2, opacity=0.3, soft=1
        )
    cap = joined(
        run((41, 28), (46, 20), (54, 20), (60, 29)),
        run((60, 29), (62, 40), (55, 33)),
        run((55, 33), (51, 42), (47, 33)),
        run((47, 33), (40, 41), (41, 28)),
    )
    p.body(cap, rgb("#6E9A4A"), depth=4)
    p.body(ribbon(run((50, 22), (51, 15), (57, 9)), 4.6), rgb("#7FA552"), depth=2.5)
    return p.sketch


def onion(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    shape = mirrored(
        run((50, 17), (52.5, 20), (54, 27), (64, 33), (75, 45), (75, 60), (65, 73), (53, 78), (50, 79))
    )
    p.body(shape, gloss=0.35)
    with p.sketch.inside(shape):
        lines = [
            run((50 + n, 24), (50 + 8.5 * n, 50), (50 + n * 1.2, 78))
            for n in (-2.7, -1.9, -1.1, -0.3, 0.5, 1.3, 2.1, 2.8)
        ]
        p.sketch.line(*lines, colour=dark(p.colour, 0.45), width=0.8, opacity=0.4)
        p.sketch.line(
            *[line + by(1.2, 0) for line in lines], colour=light(p.colour, 0.7), width=0.7, opacity=0.3
        )
    roots = [run((50, 78), (50 + n, 80), (50 + 1.8 * n, 83), steps=3) for n in (-2.4, -1.2, 0, 1.1, 2.3)]
    p.sketch.line(*roots, colour=rgb("#CDB48A"), width=0.7)
    p.shine(38, 46, 3.4, 8, turn=20, opacity=0.45)
    return p.sketch


def cucumber(look: Look, number: int = 0) -> Sketch:
    p = Produce(look, number)
    figure = turned(
        ribbon(
            run((14, 50), (34, 46), (64, 47), (88, 53), steps=8),
            [
                6,
                11,
                14.5,
                16.4,
                17.4,
                18,
                18.2,
                18.4,
                18.4,
                18.4,
                18.4,
                18.4,
                18.4,
                18.4,
                18.4,
                18.4,
                18.2,
                18,
                17.6,
                17,
                16,
                14.5,
                12.4,
                9.4,
                5,
            ],
        ),
        p.dice.between(-10, 2),
        50,
        50,
    )
    p.body(figure, depth=10)
    p.specks(figure, 50, light(p.colour, 0.45), 0.7, 0.5)
    low, high = figure.min(axis=0), figure.max(axis=0)
    with p.sketch.inside(figure):
        a, b = (float(low[0]) + 8, float(high[1]) - 14), (float(high[0]) - 12, float(low[1]) + 8)
        p.sketch.line(
            run(a, ((a[0] + b[0]) / 2 - 2, (a[1] + b[1]) / 2 - 4), b),
            colour=light(p.colour, 0.8),
            width=2,
            opacity=0.35,
            soft=0.8,
        )
    return p.sketch
