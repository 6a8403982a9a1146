"""Boots, ballet flats, sandals and high heels from the side, toes to the left, mostly in pairs."""

from collections.abc import Callable

from feria.drawings.cloth import Cloth
from feria.drawings.curves import Outline, by, dashes, ellipse, joined, loop, moved, path, ribbon, run
from feria.drawings.look import Look
from feria.drawings.palette import Rgb, dark, light, luma, mix, rgb
from feria.drawings.sketch import Sketch

RUBBER = rgb("#F2EFE6")
LEATHER = rgb("#8A5A36")
LINING = rgb("#E5D9C3")


def paired(look: Look, one: Callable[[Look], Sketch], dx: float = 9, dy: float = -15) -> Sketch:
    """The second shoe stands behind the first, a little smaller and in its shade."""
    behind, front = one(look), one(look)
    if Cloth(look).dice.chance(0.18):
        return front
    pair = behind.bent(lambda line: (line - 50) * 0.96 + by(50 + dx, 50 + dy), 0.96)
    left, _, right, bottom = front.extent()
    pair.fill(
        ellipse((left + right) / 2 + 4, bottom - 7, (right - left) * 0.46, 5),
        colour=(40, 34, 52),
        opacity=0.28,
        soft=2,
    )
    pair.add(front)
    return pair


def put_sole(cloth: Cloth, figure: Outline, colour: Rgb) -> None:
    cloth.sketch.body(figure, colour)
    cloth.sketch.model(figure, colour=dark(colour, 0.5), depth=4, opacity=0.5)


def laces(cloth: Cloth, ties: list[tuple[tuple[float, float], tuple[float, float]]]) -> None:
    colour = RUBBER if luma(cloth.colour) < 0.75 else mix(cloth.accent, RUBBER, 0.25)
    lines = [run(a, ((a[0] + b[0]) / 2 + 0.6, (a[1] + b[1]) / 2 - 0.8), b, steps=4) for a, b in ties]
    cloth.sketch.line(*[line + by(0.3, 0.6) for line in lines], colour=cloth.deep, width=1.9, opacity=0.4)
    cloth.sketch.line(*lines, colour=colour, width=1.7)


def boots(look: Look) -> Sketch:
    return paired(look, _boot, 15, -8)


def _boot(look: Look) -> Sketch:
    cloth = Cloth(look)
    draw, cut = cloth.sketch, look.cut.name
    top = {"tall": 4, "chelsea": 32, "laced": 20}[cut]
    draw.body(ellipse(60.5, top + 0.8, 15, 2.6), mix(cloth.deep, LINING, 0.25))
    upper = path(
        f"M13 74C12 65 20 62 32 60C42 57 46 50 46 42L45.600 {top}"
        f"C52 {top + 3} 68 {top + 3} 75.600 {top}L76 40C77 52 83 58 83.500 66L84 76H14Z"
    )
    cloth.piece(upper, depth=9)
    cloth.folds(
        upper,
        ((46, 46), (56, 50), (66, 47)),
        ((44, 53), (54, 57), (64, 54)),
        ((30, 61), (36, 66), (35, 72)),
        ((78, 50), (72, 53), (66, 52)),
        width=2.2,
    )
    with draw.inside(upper):
        if cut == "chelsea":
            panel = path(f"M53 {top}H69L65 56H57Z")
            draw.fill(panel, colour=mix(cloth.colour, (30, 28, 34), 0.55))
            draw.line(
                *[run((54 + 1.8 * n, top), (57.4 + n * 0.9, 56), steps=3) for n in range(9)],
                colour=light(cloth.colour, 0.3),
                width=0.4,
                opacity=0.5,
            )
        elif cut == "tall":
            draw.line(run((72, top), (72, 62), steps=6), colour=rgb("#C9A968"), width=0.9, opacity=0.8)
            draw.line(path("M40 44C52 47 68 47 80 44"), colour=cloth.edge, width=1.6, opacity=0.8)
            draw.fill(ellipse(55, 46.6, 1.8, 1.8), colour=rgb("#D6B56A"))
        else:
            cloth.stitch(path(f"M56 {top}C56 40 54 54 44 60"), path("M14 68C24 62 34 64 40 74"))
            draw.line(run((44, top + 4), (78, top + 4), steps=4), colour=cloth.edge, width=2.4, opacity=0.4)
    if cut == "laced":
        laces(
            cloth,
            [
                (
                    (52 - 0.2 * n - 0.15 * n * n, top + 5 + 5.6 * n),
                    (46.6 - 0.2 * n - 0.17 * n * n, top + 4 + 5.8 * n),
                )
                for n in range(6)
            ],
        )
    dark_sole = rgb("#3A2E28") if luma(cloth.colour) > 0.2 else rgb("#5A4234")
    put_sole(
        cloth,
        path("M12 73C11 79 13 80 18 80L52 79.500L56 80L57 85H85C86 80 86 76 85 73C60 76 36 76 12 73Z")
        if cut != "laced"
        else path("M11 72C10 81 13 84 19 84L50 83L54 81L57 84.500H85C87 80 87 76 86 72C60 75 36 75 11 72Z"),
        dark_sole,
    )
    draw.line(
        *dashes(path("M13 74.600C36 77 60 77 85 74.600")), colour=rgb("#D8B36A"), width=0.45, opacity=0.8
    )
    return draw


def ballerinas(look: Look) -> Sketch:
    return paired(look, _ballerina, 11, -14)


def _ballerina(look: Look) -> Sketch:
    cloth = Cloth(look)
    draw = cloth.sketch
    draw.body(path("M26 58C40 48 70 46 88 50L90 58C72 70 44 72 26 58Z"), LINING)
    draw.fill(path("M30 59C44 52 70 50 88 54C74 66 46 69 30 59Z"), colour=mix(LINING, LEATHER, 0.45))
    upper = path(
        "M7 67C8 57 18 53 28 55C34 64 60 67 76 58C82 54 87 49 90 49C93 54 93.500 62 92 70C60 74 30 74 8 71Z"
    )
    cloth.piece(upper, depth=7)
    draw.line(path("M28 55C34 64 60 67 76 58C82 54 87 49 90 49"), colour=cloth.edge, width=1.3, opacity=0.75)
    tie = cloth.accent if cloth.dice.chance(0.5) else mix(cloth.colour, cloth.edge, 0.4)
    knot = (27.0, 57.6)
    for turn in (
        path("M27 57.600C22 50 16 51 17 56C18 60 23 60 27 57.600Z"),
        path("M27 57.600C33 50 39 53 37 57C35 61 30 60 27 57.600Z"),
    ):
        draw.body(turn, tie)
        draw.model(turn, colour=dark(tie), depth=2)
    draw.fill(ellipse(*knot, 1.8, 1.6), colour=dark(tie, 0.2))
    put_sole(
        cloth,
        path(
            "M8 69.500C30 73 60 73 92.600 68.500C93 72 92 73.500 90 73.500"
            "L78 75H12C8 74.500 7.500 72 8 69.500Z"
        ),
        LEATHER,
    )
    return draw


def sandals(look: Look) -> Sketch:
    return paired(look, _sandal, 10, -16)


def _sandal(look: Look) -> Sketch:
    cloth = Cloth(look)
    draw = cloth.sketch
    wedge = look.cut.name == "wedge"
    rise = 14 if wedge else 3
    heel = 70 - rise
    bed = path(
        f"M8 69C24 66 40 {68 - rise * 0.5} 60 {heel}"
        f"C74 {heel - 4} 88 {heel - 4} 93 {heel - 1}L93 {heel + 4}C70 {heel + 4} 40 74 9 73Z"
    )
    back = ribbon(run((62, heel - 1), (73, heel - 15), (88, heel - 18), (92, heel - 2)), 3.2)
    insole = loop(
        (7, 68.5),
        (16, 62.5),
        (34, 60),
        (56, heel - 6),
        (76, heel - 8),
        (91, heel - 6),
        (94, heel),
        (80, heel + 2),
        (56, heel + 3),
        (30, 70),
    )
    draw.body(insole, mix(LEATHER, LINING, 0.45))
    draw.model(insole, colour=dark(LEATHER), depth=3, opacity=0.4)
    strap = joined(
        run((17, 71), (18, 63), (24, 57), (33, 56)),
        run((33, 56), (43, 54)),
        run((43, 54), (38, 60), (37, 71)),
    )
    second = joined(
        run((45, 70), (45, 62), (50, 54), (57, heel - 11)),
        run((57, heel - 11), (64, heel - 12)),
        run((64, heel - 12), (58, heel - 5), (56, heel + 3)),
    )
    for part in (back, second, strap):
        draw.fill(moved(part, 0.6, 1.2), colour=cloth.deep, opacity=0.35, soft=0.6)
        cloth.piece(part, depth=3)
    draw.body(bed, LEATHER)
    draw.model(bed, colour=dark(LEATHER), depth=3)
    draw.fill(ellipse(66, heel - 9, 1.7, 1.9), colour=rgb("#D6B56A"))
    cork = rgb("#C69C68")
    sole = path(f"M9 72C40 73 70 {heel + 5} 93 {heel + 3}L92 78H12C8 78 8 75 9 72Z")
    put_sole(cloth, sole, cork)
    if wedge:
        with draw.inside(sole):
            draw.line(
                *[run((8, y), (95, y - 0.6), steps=2) for y in (66, 69, 72, 75)],
                colour=dark(cork),
                width=0.6,
                opacity=0.45,
            )
    put_sole(cloth, path("M9 77H92.500V79.600H12C9.500 79.600 9 78.500 9 77Z"), rgb("#4A382C"))
    return draw


def heels(look: Look) -> Sketch:
    return paired(look, _heel, 10, -13)


def _heel(look: Look) -> Sketch:
    cloth = Cloth(look)
    draw = cloth.sketch
    draw.body(path("M76 40C82 32 90 30 93 36C95 46 92 60 90 79H86.500C87 66 84 56 78 52Z"), cloth.colour)
    draw.model(
        path("M76 40C82 32 90 30 93 36C95 46 92 60 90 79H86.500C87 66 84 56 78 52Z"),
        colour=cloth.deep,
        depth=4,
    )
    draw.body(path("M28 64C44 56 64 36 88 29L90 40C70 56 50 70 28 68Z"), mix(LINING, LEATHER, 0.3))
    upper = path(
        "M5 76C8 67 18 62 28 62C38 68 54 60 66 48C74 40 82 30 90 28"
        "C94 34 94.500 42 91 48C80 48 70 56 58 67C50 75 40 79 30 79H8C5 79 4 78 5 76Z"
    )
    cloth.piece(upper, depth=7)
    draw.line(path("M28 62C38 68 54 60 66 48C74 40 82 30 90 28"), colour=cloth.edge, width=1.1, opacity=0.7)
    draw.line(
        path("M8 79H30C42 79 52 74 60 66C70 56 80 49 90 48.500"), colour=dark(cloth.colour, 0.65), width=1.5
    )
    return draw
