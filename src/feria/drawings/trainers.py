"""Trainers, low and high."""

from feria.drawings.cloth import Cloth
from feria.drawings.curves import ellipse, fold, path, run
from feria.drawings.footwear import LINING, RUBBER, laces, paired, put_sole
from feria.drawings.look import Look
from feria.drawings.palette import dark, light, luma, mix, rgb
from feria.drawings.sketch import Sketch


def trainers(look: Look) -> Sketch:
    return paired(look, _high_top if look.cut.name == "high-top" else _trainer)


def _trainer(look: Look) -> Sketch:
    cloth = Cloth(look)
    d, draw = cloth.dice, cloth.sketch
    draw.body(path("M50 37C54 28 60 26 64 31L72 41L56 48Z"), mix(cloth.colour, light(cloth.colour), 0.2))
    draw.body(path("M60 36C64 40 78 40 85 33L86 46L60 47Z"), mix(LINING, cloth.deep, 0.35))
    upper = path(
        "M10 68C9 58 18 55 29 52C40 48 46 42 52 36C55 34 57 36 59 40"
        "C64 47 78 46 85 33C89 31 92 35 92 42C91 52 94 58 93.500 68Z"
    )
    cloth.piece(upper, depth=8)
    second = cloth.accent
    with draw.inside(upper):
        draw.fill(
            path("M8 70C8 58 16 54 27 53C23 58 24 64 30 70Z"),
            colour=mix(cloth.colour, second, 0.75),
            opacity=0.9,
        )
        draw.fill(
            path("M80 30H98V70H82C84 58 85 44 80 30Z"), colour=mix(cloth.colour, second, 0.75), opacity=0.9
        )
        which = d.whole(0, 2)
        if which == 0:
            draw.fill(path("M36 64C52 63 64 56 76 45C72 57 60 68 44 69Z"), colour=second)
        elif which == 1:
            for x in (48, 56, 64):
                draw.fill(path(f"M{x} 46L{x + 4.6} 46L{x - 3} 70L{x - 7.6} 70Z"), colour=second)
        else:
            draw.fill(ellipse(62, 57, 6, 6), colour=second)
            draw.fill(ellipse(62, 57, 3, 3), colour=cloth.colour)
        cloth.stitch(
            path("M27 53C23 58 24 64 30 70"),
            path("M80 36C85 46 84 58 82 70"),
            path("M33 54C40 56 50 50 57 42"),
        )
        draw.fill(fold((26, 56), (30, 62), (29, 68), width=2), colour=cloth.deep, opacity=0.3, soft=0.6)
    rim = path("M29 52C40 48 46 42 52 36C55 34 57 36 59 40C64 47 78 46 85 33")
    draw.line(rim, colour=cloth.edge, width=0.8, opacity=0.7)
    laces(cloth, [((36 + 4.2 * n, 54.5 - 3.4 * n), (31.5 + 4.8 * n, 50.6 - 3.3 * n)) for n in range(5)])
    sole = path("M7.500 66C7 74 9 78 15 78H88C95 78 96 71 94.500 65C70 68.500 40 69 7.500 66Z")
    put_sole(cloth, sole, RUBBER if luma(cloth.colour) < 0.85 else rgb("#E4DED0"))
    with draw.inside(sole):
        draw.line(path("M6 71C40 74 70 74 97 70"), colour=second, width=1.3)
        draw.line(
            *[run((x, 75.6), (x + 1.4, 79), steps=1) for x in range(12, 94, 4)],
            colour=dark(RUBBER),
            width=0.8,
            opacity=0.45,
        )
    return draw


def _high_top(look: Look) -> Sketch:
    cloth = Cloth(look)
    draw = cloth.sketch
    draw.body(path("M49 22C54 14 60 16 62 22L66 40L52 44Z"), mix(cloth.colour, light(cloth.colour), 0.15))
    draw.body(path("M58 20C64 25 76 24 82 19L82 40H60Z"), mix(LINING, cloth.deep, 0.3))
    upper = path(
        "M12 68C11 59 20 56 30 53C40 49 46 38 50 22C53 20 56 22 58 25"
        "C66 30 76 28 82 19C84 30 85 44 88 54C89 60 90 64 90 68Z"
    )
    cloth.piece(upper, depth=8)
    with draw.inside(upper):
        draw.fill(ellipse(70, 43, 6.4, 6.4), colour=RUBBER)
        draw.fill(ellipse(70, 43, 4.6, 4.6), colour=cloth.accent)
        draw.fill(ellipse(70, 43, 2, 2), colour=RUBBER)
        cloth.stitch(
            path("M82 30C83 44 85 56 86 68"),
            path("M36 53C46 50 52 38 55 26"),
            path("M52 68C56 60 62 56 88 56"),
        )
    laces(cloth, [((39 + 3.0 * n, 53 - 5.0 * n), (34.5 + 3.1 * n, 50.5 - 5.2 * n)) for n in range(6)])
    toe = path("M10.500 69C9 58 18 55 27 54C31 59 31 64 30 69Z")
    put_sole(cloth, toe, RUBBER)
    sole = path("M9 66C8 74 10 77 15 77H86C92 77 93 71 91.500 65C70 68 40 68 9 66Z")
    put_sole(cloth, sole, RUBBER)
    with draw.inside(sole):
        draw.line(path("M7 70C40 72 70 72 94 69"), colour=cloth.accent, width=1.2)
        draw.line(path("M7 75C40 76 70 76 94 75"), colour=dark(RUBBER), width=0.6, opacity=0.5)
    return draw
