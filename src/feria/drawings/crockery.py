"""The goods of a potter's stall: jugs, cups, plates, bowls, vases, teapots, botijos and casseroles."""

import math

from feria.drawings.curves import by, corners, ellipse, joined, path, run, turned
from feria.drawings.look import Look
from feria.drawings.palette import dark, light, mix, rgb
from feria.drawings.pots import Pot
from feria.drawings.sketch import Sketch


def jug(look: Look) -> Sketch:
    pot = Pot(look)
    pot.handle("M126 64C170 52 184 104 142 130", 5.6)
    belly = pot.dice.between(-4, 5)
    pot.body(
        path(
            f"M80 42H124C124 58 {146 + belly} 78 {146 + belly} 116C{146 + belly} 150 130 170 102 170"
            f"C74 170 {58 - belly} 150 {58 - belly} 116C{58 - belly} 78 80 58 80 42Z",
            0.5,
        ),
        at=57,
    )
    pot.sketch.body(path("M64 39C78 46 124 46 130 38C126 31 84 31 64 39Z", 0.5), dark(pot.rim, 0.25))
    pot.shine((35, 48), (34, 58), (36.5, 68))
    return pot.sketch


def mug(look: Look) -> Sketch:
    pot = Pot(look)
    tall = pot.dice.between(-8, 6)
    pot.handle(f"M132 {88 + tall / 2}C172 80 174 140 130 142", 5.6, mix(pot.colour, pot.deep, 0.25))
    top = 66 - tall
    pot.body(path(f"M54 {top}H136V138C136 158 124 167 96 167S54 158 54 138Z", 0.5), at=57)
    pot.sketch.body(ellipse(47.5, top / 2, 20.5, 4.6), dark(pot.colour, 0.3))
    coffee = rgb("#4B2E1E") if pot.dice.chance(0.6) else rgb("#B98A4E")
    pot.sketch.fill(ellipse(47.5, top / 2 + 1.1, 18, 3.1), colour=coffee)
    pot.sketch.fill(ellipse(44, top / 2 + 0.8, 6, 0.9), colour=light(coffee), opacity=0.5)
    pot.shine((31.5, 42), (31.5, 55), (33, 68))
    return pot.sketch


def plate(look: Look) -> Sketch:
    """From above, leaning on its stand."""
    pot = Pot(look)
    draw, ink = pot.sketch, pot.accent
    disc = ellipse(50, 50, 39, 39, points=80)
    draw.body(disc, pot.colour)
    draw.model(disc, colour=pot.deep, depth=7, opacity=0.4)
    well = ellipse(50, 50, 27, 27, points=60)
    name = look.pattern.name
    ring = joined(ellipse(50, 50, 37.6, 37.6, points=80), ellipse(50, 50, 37.6, 37.6, points=80)[:1])
    if name == "stripes":
        for radius, width in ((36, 2.6), (32.4, 0.9), (22, 2.2), (14, 2.2), (6, 2.2)):
            circle = ellipse(50, 50, radius, radius, points=70)
            draw.line(joined(circle, circle[:1]), colour=ink, width=width)
    elif name == "blocks":
        draw.line(
            joined(ellipse(50, 50, 33.4, 33.4, points=80), ellipse(50, 50, 33.4, 33.4, points=80)[:1]),
            colour=ink,
            width=7.5,
        )
    elif name == "dots":
        draw.fill(
            *[
                ellipse(50 + 33 * math.cos(a), 50 + 33 * math.sin(a), 2.1, 2.1, points=16)
                for a in (n * math.pi / 12 for n in range(24))
            ],
            colour=ink,
        )
        draw.line(ring, colour=ink, width=1.3)
    elif name == "floral":
        draw.line(ring, colour=ink, width=1.5)
        draw.fill(
            *[
                ellipse(50 + 33 * math.cos(a), 50 + 33 * math.sin(a), 1.7, 1.7, points=14)
                for a in (n * math.pi / 12 for n in range(24))
            ],
            colour=ink,
        )
        petal = path("M100 74C108 62 108 54 100 44C92 54 92 62 100 74Z", 0.5)
        second = rgb("#D98B1E")
        draw.fill(*[turned(petal, 90 * n, 50, 50) for n in range(4)], colour=ink)
        draw.fill(*[turned(petal, 90 * n + 45, 50, 50) for n in range(4)], colour=second)
        middle = ellipse(50, 50, 9, 9)
        draw.line(joined(middle, middle[:1]), colour=ink, width=1.5)
        draw.fill(ellipse(50, 50, 3.6, 3.6), colour=second)
    draw.line(joined(well, well[:1]) + by(0.5, 0.6), colour=light(pot.colour, 0.8), width=1.2, opacity=0.7)
    draw.line(joined(well, well[:1]), colour=pot.deep, width=0.9, opacity=0.45)
    with draw.inside(disc):
        draw.fill(ellipse(37, 32, 14, 6, turn=-42), colour=(255, 255, 255), opacity=0.25, soft=2)
    return draw


def bowl(look: Look) -> Sketch:
    pot = Pot(look)
    deep = pot.dice.between(-6, 10)
    foot = path(f"M78 {154 + deep}H122L127 {168 + deep}H73Z", 0.5)
    pot.sketch.body(foot, pot.deep)
    pot.body(
        path(f"M30 84H170C170 {132 + deep} 146 {160 + deep} 100 {160 + deep}S30 {132 + deep} 30 84Z", 0.5),
        at=56 + deep / 4,
    )
    pot.sketch.body(ellipse(50, 42, 35, 7.4, points=50), pot.rim)
    pot.sketch.fill(
        ellipse(50, 43, 32, 5.8, points=50),
        colour=dark(pot.colour, 0.28) if look.pattern.name == "blocks" else dark(pot.colour, 0.12),
    )
    pot.sketch.fill(
        ellipse(50, 45.6, 26, 3.2, points=40), colour=light(pot.colour, 0.35), opacity=0.55, soft=0.8
    )
    pot.shine((21, 52), (24, 60), (29, 67))
    return pot.sketch


def vase(look: Look) -> Sketch:
    pot = Pot(look)
    swell = pot.dice.between(-8, 10)
    pot.body(
        path(
            f"M86 34H116C114 54 112 62 124 78C{144 + swell} 100 {148 + swell} 116 140 138"
            f"C134 156 126 170 101 170S68 156 62 138C{54 - swell} 116 {58 - swell} 100 78 78"
            "C90 62 88 54 86 34Z",
            0.5,
        ),
        at=54,
    )
    pot.sketch.body(ellipse(50.5, 17, 9.6, 2.6), dark(pot.rim, 0.25))
    pot.sketch.fill(ellipse(50.5, 17.3, 6.8, 1.5), colour=dark(pot.colour, 0.8))
    pot.shine((36, 52), (33.5, 59), (35.5, 70))
    return pot.sketch


def teapot(look: Look) -> Sketch:
    pot = Pot(look)
    draw = pot.sketch
    pot.handle("M142 82C184 72 188 132 140 138", 5)
    spout = path("M66 134C40 124 40 92 22 84L33 77C52 84 58 98 72 102Z", 0.5)
    draw.body(spout, mix(pot.colour, pot.deep, 0.12))
    draw.model(spout, colour=pot.deep, depth=4)
    pot.body(
        path("M56 100C56 72 74 62 102 62S148 72 148 100C148 140 134 166 102 166S56 140 56 100Z", 0.5), at=56
    )
    lid = path("M74 65C80 49 124 49 130 65C116 69 88 69 74 65Z", 0.5)
    draw.body(lid, pot.rim)
    draw.model(lid, colour=dark(pot.rim), depth=4)
    knob = ellipse(51, 23.6, 3.8, 3.6)
    draw.body(knob, pot.rim)
    draw.model(knob, colour=dark(pot.rim), depth=2.5)
    pot.shine((34, 46), (32.6, 54), (35, 65))
    return draw


def botijo(look: Look) -> Sketch:
    pot = Pot(look)
    draw = pot.sketch
    ring = path("M72 82C70 30 130 30 128 82", 0.5)
    draw.bar(ring, pot.deep, 6.4)
    draw.bar(ring, pot.colour, 4.2)
    draw.line(ring + by(-0.5, -0.5), colour=light(pot.colour), width=1, opacity=0.6)
    spout = path("M52 94L31 66L42 59L72 82Z", 0.5)
    mouth = path("M140 92L156 60L174 67L158 106Z", 0.5)
    for part in (spout, mouth):
        draw.body(part, pot.colour)
        draw.model(part, colour=pot.deep, depth=4)
    draw.body(ellipse(82.4, 32, 5, 2.1, turn=21), pot.deep)
    draw.body(ellipse(18.4, 31.3, 3.1, 1.4, turn=-32), pot.deep)
    pot.body(
        path("M44 114C44 84 70 72 100 72S156 84 156 114C156 150 132 169 100 169S44 150 44 114Z", 0.5), at=58
    )
    if look.pattern.name == "plain":
        with draw.inside(
            path("M44 114C44 84 70 72 100 72S156 84 156 114C156 150 132 169 100 169S44 150 44 114Z", 0.5)
        ):
            wave = run(*[(20 + 4 * n, 58 + (1.8 if n % 2 else -1.8)) for n in range(16)], steps=5)
            draw.line(
                wave,
                Pot._hoop(51, 0.01)[:17],
                Pot._hoop(64, 0.01)[:17],
                colour=dark(pot.colour, 0.3),
                width=1.2,
                opacity=0.8,
            )
    pot.shine((29, 50), (28, 58), (32, 68))
    return draw


def casserole(look: Look) -> Sketch:
    pot = Pot(look)
    draw = pot.sketch
    ears = "M40 114H26C20 114 20 126 28 126H42"
    left = path(ears, 0.5)
    right = left * [-1, 1] + by(100, 0)
    for ear in (left, right):
        draw.bar(ear, dark(pot.colour, 0.4), 4)
    pot.body(path("M40 106H160V134C160 156 144 166 100 166S40 156 40 134Z", 0.5), at=67)
    lid = path("M38 104C44 74 74 64 100 64S156 74 162 104Z", 0.5)
    draw.body(lid, mix(pot.colour, light(pot.colour), 0.25))
    pot.shade(lid, 0.26)
    draw.body(corners((18.6, 51), (81.4, 51), (81.4, 54.4), (18.6, 54.4)), dark(pot.colour, 0.4))
    knob = path("M86 66C84 48 116 48 114 66Z", 0.5)
    draw.body(knob, dark(pot.colour, 0.4))
    draw.model(knob, colour=dark(pot.colour, 0.8), depth=3)
    pot.shine((27, 46), (32, 39), (39, 36), width=2)
    return draw


def flowerpot(look: Look) -> Sketch:
    """With a plant in it."""
    pot = Pot(look)
    draw = pot.sketch
    leaf = path("M100 100C87 74 90 52 100 32C110 52 113 74 100 100Z", 0.5)
    greens = (rgb("#2F6640"), rgb("#3E7F4F"), rgb("#5B9A62"), rgb("#77B07A"))
    for turn, tone in ((-66, 0), (66, 0), (-44, 1), (46, 1), (-24, 2), (25, 0), (-6, 1), (9, 3)):
        blade = turned((leaf - [50, 50]) * [1, pot.dice.between(0.85, 1.12)] + by(50, 50), turn, 50, 50)
        draw.body(blade, greens[tone])
        draw.model(blade, colour=dark(greens[tone]), depth=3)
        draw.line(
            turned(run((50, 48), (50, 24), steps=3), turn, 50, 50),
            colour=light(greens[tone]),
            width=0.6,
            opacity=0.5,
        )
    pot.body(path("M58 96H142L132 160C131 168 69 168 68 160Z", 0.5), at=65)
    lip = corners((26, 45), (74, 45), (74, 53.4), (26, 53.4))
    draw.body(lip, mix(pot.colour, pot.deep, 0.1))
    pot.shade(lip, 0.3)
    return draw


def oil_jug(look: Look) -> Sketch:
    pot = Pot(look)
    draw = pot.sketch
    pot.handle("M122 94C160 84 162 132 134 140", 4.2, mix(pot.colour, pot.deep, 0.25))
    spout = path("M72 114C52 106 56 76 42 57L51 52C68 72 66 92 86 98Z", 0.5)
    draw.body(spout, mix(pot.colour, pot.deep, 0.1))
    draw.model(spout, colour=pot.deep, depth=3)
    pot.body(
        path(
            "M90 60H112C112 84 136 98 136 132V152C136 164 128 168 101 168"
            "S66 164 66 152V132C66 98 90 84 90 60Z",
            0.5,
        ),
        at=64,
    )
    cork = corners((45, 19), (56, 19), (56, 31), (45, 31))
    draw.body(cork, rgb("#B88B5B"))
    draw.model(cork, colour=rgb("#6A4626"), depth=4)
    pot.shine((38, 62), (37.6, 68), (38, 75))
    return draw
