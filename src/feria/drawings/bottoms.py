"""Trousers and shorts."""

from feria.drawings.cloth import Cloth
from feria.drawings.curves import Outline, Point, by, corners, joined, mirrored, reflected, run
from feria.drawings.look import Look
from feria.drawings.palette import dark, luma, mix
from feria.drawings.sketch import Sketch

THREAD = (214, 150, 78)
"""The seams of jeans."""


def _leg(top: Point, hip: Point, knee: Point, cuff: Point, inner: float, crotch: float) -> Outline:
    """The right leg from waist to ankle and back up to where the legs meet."""
    return joined(
        run((50, top[1]), top),
        run(top, hip, knee, cuff),
        run(cuff, ((cuff[0] + inner) / 2, cuff[1] + 0.7), (inner, cuff[1] + 0.4)),
        run((inner, cuff[1] + 0.4), ((inner + 50.6) / 2 + 0.6, (cuff[1] + crotch) / 2), (50.3, crotch)),
        run((50.3, crotch), (50, crotch - 3), steps=2),
    )


def waistband(cloth: Cloth, half: float, top: float, tall: float, sag: float = 1.2) -> Outline:
    band = mirrored(
        joined(
            run((50, top + sag), (50 + half, top)),
            run((50 + half, top), (50 + half + 0.5, top + tall)),
            run((50 + half + 0.5, top + tall), (50, top + tall + sag)),
        )
    )
    inside = mirrored(
        joined(run((50, top - 0.6), (50 + half, top)), run((50 + half, top), (50, top + sag + 1)))
    )
    cloth.sketch.body(inside, mix(cloth.colour, cloth.deep, 0.6))
    cloth.sketch.body(band, mix(cloth.colour, cloth.edge, 0.13))
    cloth.round(band, depth=3.5)
    cloth.seam(joined(band, band[:1]), width=0.4, opacity=0.5)
    return band


def jeans_details(cloth: Cloth, half: float, top: float, crotch: float, thread: tuple[int, int, int]) -> None:
    fly = run((54.6, top + 5), (54.4, crotch - 9), (50.4, crotch - 3))
    middle = run((50, top + 5), (50, crotch), steps=5)
    scoop = run((50 + half * 0.42, top + 5.6), (50 + half * 0.55, top + 11), (50 + half + 1.4, top + 13.5))
    cloth.seam(middle, scoop, reflected(scoop), width=0.6)
    cloth.stitch(fly, scoop + by(-0.9, 0.7), reflected(scoop + by(-0.9, 0.7)), colour=thread)
    loops = [
        corners((x - 0.8, top - 0.6), (x + 0.8, top - 0.6), (x + 0.8, top + 5.6), (x - 0.8, top + 5.6))
        for x in (50 - half * 0.62, 50 + half * 0.62)
    ]
    cloth.sketch.fill(*[loop + by(0.5, 0.3) for loop in loops], colour=cloth.deep, opacity=0.4)
    cloth.sketch.fill(*loops, colour=mix(cloth.colour, cloth.edge, 0.2))
    cloth.buttons((50, top + 3.4), radius=1.2, colour=(196, 160, 110))


def pants(look: Look) -> Sketch:
    cloth = Cloth(look)
    d, cut = cloth.dice, look.cut.name
    half, top = d.between(14.5, 16.5), 8.0
    wide = {
        "jeans": (19.5, 16.5, 16.0),
        "slim": (18.5, 14.8, 12.6),
        "wide": (20.5, 20.5, 23.5),
        "jogger": (20, 18.5, 14.5),
        "chino": (19.5, 17, 14.5),
    }[cut]
    bottom, crotch = d.between(91, 94), d.between(37, 40)
    inner = {"wide": 54.5, "jogger": 55.0}.get(cut, 53.5)
    out = 50 + wide[2] + (2 if cut != "wide" else 1)
    leg = _leg((50 + half, top + 2), (50 + wide[0], 31), (50 + wide[1] + 1, 62), (out, bottom), inner, crotch)
    for side in (reflected(leg), leg):
        cloth.piece(side, turn=0, depth=7)
    knee = 58 + d.between(-3, 3)
    for flip in (False, True):
        marks: list[tuple[Point, ...]] = [
            ((50.8, crotch), (57, crotch + 3), (63, crotch + 2)),
            ((51, crotch + 3), (56, crotch + 8), (60, crotch + 9)),
            ((out - 3, knee), (60, knee + 2.5), (55, knee)),
            ((55.5, knee + 7), (60, knee + 8), (out - 2, knee + 5)),
            ((58, bottom - 14), (60, bottom - 9), (out - 1, bottom - 8)),
        ]
        side = reflected(leg) if flip else leg
        cloth.folds(
            side, *[tuple((100 - x, y) for x, y in mark) if flip else mark for mark in marks], width=1.9
        )
        with cloth.sketch.inside(side):
            axis = run((59.5, top + 14), (60, 60), (57 + wide[2] / 4, bottom), steps=8)
            line = reflected(axis) if flip else axis
            if cut in ("jeans", "slim"):
                cloth.sketch.line(line, colour=cloth.pale, width=7, opacity=0.3, soft=2.4)
            elif cut in ("chino", "wide"):
                cloth.sketch.line(line, colour=cloth.pale, width=0.9, opacity=0.4, soft=0.3)
    cloth.sketch.line(
        run((50, crotch - 2), (50, crotch + 10), steps=4), colour=cloth.deep, width=2, opacity=0.3, soft=0.8
    )
    if cut == "jogger":
        _cuff_ribs(cloth, out, inner, bottom)
        waistband(cloth, half, top, 5.5)
        cloth.ribs(
            mirrored(
                joined(
                    run((50, top), (50 + half, top)),
                    run((50 + half, top), (50 + half, top + 6)),
                    run((50 + half, top + 6), (50, top + 7)),
                )
            ),
            (50 - half, top),
            (50 + half, top),
            22,
            7,
        )
        cords = [
            run((48.6, top + 4), (46.5, top + 10), (47.5, top + 15)),
            run((51.4, top + 4), (53, top + 9), (52, top + 17)),
        ]
        cloth.sketch.line(*cords, colour=(238, 234, 224), width=0.9)
        slit = run((50 + half * 0.75, top + 8), (50 + wide[0] - 0.5, top + 18), steps=5)
        cloth.seam(slit, reflected(slit), width=0.7)
        return cloth.sketch
    waistband(cloth, half, top, 4.6)
    thread = THREAD if cut == "jeans" else cloth.edge
    jeans_details(cloth, half, top, crotch, thread)
    hems = run((inner, bottom - 2.6), (out, bottom - 2.8), steps=4)
    cloth.stitch(hems, reflected(hems), colour=thread)
    return cloth.sketch


def _cuff_ribs(cloth: Cloth, out: float, inner: float, bottom: float) -> None:
    cuff = corners(
        (inner + 0.2, bottom - 4),
        (out + 0.1, bottom - 4.4),
        (out - 0.8, bottom + 1),
        (inner + 0.6, bottom + 1),
    )
    for side in (cuff, reflected(cuff)):
        cloth.sketch.body(side, mix(cloth.colour, cloth.edge, 0.25))
        cloth.round(side, depth=3)
    cloth.ribs(cuff, (inner, bottom - 5), (out, bottom - 5), 9, 8)
    cloth.ribs(reflected(cuff), (100 - out, bottom - 5), (100 - inner, bottom - 5), 9, 8)


def shorts(look: Look) -> Sketch:
    cloth = Cloth(look)
    d, cut = cloth.dice, look.cut.name
    sport = cut == "sport"
    half, top = d.between(21, 23), 24.0
    bottom, crotch = (d.between(66, 70) if sport else d.between(71, 77)), d.between(54, 57)
    out = 50 + d.between(31, 34) + (2 if sport else 0)
    leg = _leg((50 + half, top + 2), (50 + half + 6, 45), (out - 1, 60), (out, bottom), 52.4, crotch)
    for side in (reflected(leg), leg):
        cloth.piece(side, depth=8)
    for flip in (False, True):
        marks: list[tuple[Point, ...]] = [
            ((51, crotch), (58, crotch + 3), (66, crotch + 1)),
            ((51, crotch - 4), (58, crotch - 7), (64, crotch - 8)),
            ((62, bottom), (64, bottom - 8), (62, bottom - 15)),
            ((74, bottom), (73, bottom - 10), (70, bottom - 20)),
        ]
        side = reflected(leg) if flip else leg
        cloth.folds(
            side, *[tuple((100 - x, y) for x, y in mark) if flip else mark for mark in marks], width=2.4
        )
        if sport:
            stripe = run(
                (50 + half + 1.5, top + 6), (50 + half + 4.4, 45), (out - 3.2, 61), (out - 2.6, bottom + 2)
            )
            with cloth.sketch.inside(side):
                line = reflected(stripe) if flip else stripe
                cloth.sketch.line(line, colour=cloth.accent, width=2.6)
    cloth.sketch.line(
        run((50, crotch - 2), (50, bottom - 1), steps=4), colour=cloth.deep, width=1.6, opacity=0.3, soft=0.6
    )
    waistband(cloth, half, top, 6.4)
    if sport:
        ribbed = mirrored(
            joined(
                run((50, top), (50 + half, top)),
                run((50 + half, top), (50 + half, top + 8)),
                run((50 + half, top + 8), (50, top + 9)),
            )
        )
        cloth.ribs(ribbed, (50 - half, top + 0.6), (50 + half, top + 0.6), 30, 6.4)
        cords = [
            run((48.4, top + 5), (45.5, top + 12), (46.5, top + 19)),
            run((51.6, top + 5), (54, top + 12), (52.6, top + 20)),
        ]
        cloth.sketch.line(
            *cords, colour=(240, 236, 226) if luma(cloth.colour) < 0.7 else dark(cloth.colour), width=1.1
        )
        return cloth.sketch
    jeans_details(cloth, half, top, crotch, THREAD if cut == "denim" else cloth.edge)
    if cut == "denim":
        roll = corners(
            (52.3, bottom - 5), (out + 0.6, bottom - 5.6), (out + 0.9, bottom + 0.6), (52.2, bottom + 1)
        )
        for side in (roll, reflected(roll)):
            cloth.sketch.body(side, mix(cloth.colour, (232, 236, 240), 0.4))
            cloth.round(side, depth=3)
    else:
        hems = run((52.6, bottom - 2.8), (out - 0.4, bottom - 3), steps=5)
        cloth.stitch(hems, reflected(hems))
    return cloth.sketch
