"""Jackets: bombers, quilted, hooded and denim ones."""

from feria.drawings.cloth import Cloth
from feria.drawings.curves import (
    Outline,
    by,
    corners,
    joined,
    mirrored,
    moved,
    outline,
    reflected,
    run,
    turned,
)
from feria.drawings.look import Look
from feria.drawings.palette import dark, light, luma, mix
from feria.drawings.shirts import collar
from feria.drawings.sketch import Sketch
from feria.drawings.torso import Torso, armholes, creases, pocket


def sleeves(cloth: Cloth, torso: Torso, angle: float, length: float, width: float) -> Outline:
    sleeve = torso.sleeve(length, angle, width, puff=1.5)
    cloth.pair(sleeve, turn=angle - 90, depth=5.5)
    crease = moved(
        turned(outline([(length * 0.4, 2), (length * 0.47, 6), (length * 0.42, 11)]), angle), *torso.shoulder
    )
    line = tuple((float(x), float(y)) for x, y in crease)
    cloth.folds(sleeve, line, tuple((x + 1, y + 6) for x, y in line), width=1.9)
    cloth.folds(reflected(sleeve), tuple((100 - x, y) for x, y in line), width=1.9)
    return sleeve


def cuffs(cloth: Cloth, torso: Torso, length: float, angle: float, width: float, tall: float) -> None:
    band = torso.cuff(length, angle, width, tall, over=0.1)
    for cuff in (band, reflected(band)):
        cloth.sketch.body(cuff, mix(cloth.colour, cloth.edge, 0.25))
        cloth.round(cuff, depth=3)


def jacket(look: Look) -> Sketch:
    """Bomber, puffer, hooded or denim: all short, with a front that closes."""
    cloth = Cloth(look)
    d, cut = cloth.dice, look.cut.name
    torso = Torso(
        neck=9.5,
        deep=6.5,
        shoulder=(73.5, 22.5),
        armpit=(73, 42),
        waist=22,
        hem=(72 + d.between(0, 1.5), d.between(80, 84)),
    )
    angle, length, width = d.between(68, 74), d.between(50, 54), d.between(11.5, 13)
    if cut == "hooded":
        _hood(cloth, torso)
    else:
        cloth.sketch.body(torso.back(), mix(cloth.colour, cloth.deep, 0.55))
    sleeve = sleeves(cloth, torso, angle, length, width)
    front = torso.front()
    cloth.piece(front, depth=8)
    hem = torso.hem[1]
    if cut == "puffer":
        _quilts(cloth, front, sleeve, torso, angle, length)
    else:
        creases(cloth, torso, front)
    armholes(cloth, torso)
    if cut in ("bomber", "hooded"):
        cuffs(cloth, torso, length, angle, width, 5)
        band = mirrored(
            joined(
                run((50, hem - 4.6), (torso.hem[0], hem - 6)),
                run((torso.hem[0], hem - 6), torso.hem),
                run(torso.hem, (62, hem + 1.4), (50, hem + 1.7)),
            )
        )
        cloth.sketch.body(band, mix(cloth.colour, cloth.edge, 0.25))
        cloth.round(band, depth=3)
        cloth.ribs(band, (100 - torso.hem[0], hem - 6), (torso.hem[0], hem - 6), 28, 9)
    if cut == "denim":
        cuffs(cloth, torso, length, angle, width, 4)
        _denim_front(cloth, torso, front)
        collar(cloth, torso, tip=9)
        return cloth.sketch
    _zip(cloth, torso.top + torso.deep, hem + 1.2)
    slits = [run((64, 63), (61, 74), steps=5), run((36, 63), (39, 74), steps=5)]
    cloth.sketch.line(*slits, colour=cloth.deep, width=1.3, opacity=0.45, soft=0.3)
    cloth.seam(*slits, width=0.6, opacity=0.8)
    if cut != "hooded":
        top = torso.top
        neck = mirrored(
            joined(
                run((50, top - 3.6), (56, top - 4.4), (50 + torso.neck, top - 2.8)),
                run((50 + torso.neck, top - 2.8), (50 + torso.neck + 1, top + 1.6)),
                run((50 + torso.neck + 1, top + 1.6), (56, top + 5.4), (50, top + 7.4)),
            )
        )
        cloth.sketch.body(neck, mix(cloth.colour, cloth.edge, 0.22))
        cloth.round(neck, depth=3.5)
        cloth.ribs(neck, (40, top - 5), (60, top - 5), 16, 14)
        _zip(cloth, top - 1, top + 8)
    else:
        cords = [
            run((46.5, torso.top + 5), (46, torso.top + 14), (46.6, torso.top + 20)),
            run((53.5, torso.top + 5), (54, torso.top + 12), (53.6, torso.top + 18)),
        ]
        cloth.sketch.line(*cords, colour=light(cloth.colour, 0.75), width=0.9)
    return cloth.sketch


def _hood(cloth: Cloth, torso: Torso) -> None:
    top = torso.top
    hood = mirrored(
        joined(
            run((50, top - 11), (57, top - 10), (63, top - 4), (62.5, top + 4), (58, top + 9)),
            run((58, top + 9), (50, top + 10)),
        )
    )
    cloth.piece(hood, depth=5)
    mouth = mirrored(
        joined(run((50, top - 6.5), (55.5, top - 5.4), (58.2, top), (56.5, top + 5), (50, top + 9)))
    )
    cloth.sketch.fill(mouth, colour=mix(cloth.colour, cloth.deep, 0.75))
    cloth.seam(closed(mouth), width=0.7)


def closed(figure: Outline) -> Outline:
    return joined(figure, figure[:1])


def _zip(cloth: Cloth, top: float, bottom: float) -> None:
    line = run((50, top), (50, bottom), steps=8)
    cloth.sketch.line(line, colour=cloth.deep, width=2.6, opacity=0.35, soft=0.5)
    cloth.sketch.line(
        line,
        colour=dark(cloth.colour, 0.55) if luma(cloth.colour) > 0.3 else light(cloth.colour, 0.2),
        width=1.5,
    )
    teeth = [
        run((49.6, y), (50.4, y), steps=1)
        for y in [top + 0.9 * n for n in range(1, int((bottom - top) / 0.9))]
    ]
    cloth.sketch.line(*teeth, colour=(206, 204, 198), width=0.35)
    cloth.sketch.fill(
        corners((49.3, top + 1), (50.7, top + 1), (50.4, top + 4.6), (49.6, top + 4.6)),
        colour=(214, 211, 203),
    )


def _quilts(cloth: Cloth, front: Outline, sleeve: Outline, torso: Torso, angle: float, length: float) -> None:
    step = cloth.dice.between(7.5, 9.5)
    lines = []
    y = torso.top + 9
    while y < torso.hem[1] - 2:
        lines.append(run((24, y), (38, y + 1), (50, y + 0.2), (62, y + 1), (76, y)))
        y += step
    with cloth.sketch.inside(front):
        _seams(cloth, lines)
    rings = [
        moved(turned(run((at, -6), (at + 0.7, 6), (at, 22)), angle), *torso.shoulder)
        for at in [step * 0.8 * n for n in range(1, int(length / step / 0.8) + 1)]
    ]
    with cloth.sketch.inside(sleeve):
        _seams(cloth, rings)
    with cloth.sketch.inside(reflected(sleeve)):
        _seams(cloth, [reflected(ring) for ring in rings])


def _seams(cloth: Cloth, lines: list[Outline]) -> None:
    cloth.sketch.line(
        *[line - [0, 1.0] for line in lines], colour=cloth.deep, width=2.4, opacity=0.36, soft=0.8
    )
    cloth.sketch.line(
        *[line + by(0, 1.7) for line in lines], colour=cloth.pale, width=1.8, opacity=0.34, soft=0.7
    )
    cloth.seam(*lines, width=0.5, opacity=0.8)


def _denim_front(cloth: Cloth, torso: Torso, front: Outline) -> None:
    thread = (214, 150, 78)
    hem = torso.hem[1]
    with cloth.sketch.inside(front):
        yoke = run((24, 37), (50, 38.4), (76, 37))
        darts = [run((62, 38), (58, hem - 4), steps=6), run((38, 38), (42, hem - 4), steps=6)]
        cloth.seam(yoke, *darts, width=0.6)
        cloth.stitch(yoke + by(0, 0.9), *[line + by(0.9, 0) for line in darts], colour=thread)
        band = run((24, hem - 4), (50, hem - 2.4), (76, hem - 4))
        cloth.seam(band)
        cloth.stitch(band + by(0, 0.8), colour=thread)
        for x in (57, 34):
            pocket(cloth, x, 39.5, wide=9, tall=10)
            cloth.buttons((x + 4.5, 42), radius=0.7, colour=(196, 160, 110))
    strip = run((50, torso.top + 8), (50, hem + 1), steps=6)
    cloth.sketch.line(strip + by(2.2, 0), colour=cloth.deep, width=1.2, opacity=0.3, soft=0.4)
    cloth.stitch(strip - [2, 0], strip + by(2, 0), colour=thread)
    cloth.buttons(
        *[(50, torso.top + 13 + n * (hem - torso.top - 15) / 4) for n in range(5)], colour=(196, 160, 110)
    )
