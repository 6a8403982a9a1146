"""Shirts with collar and buttons."""

from feria.drawings.cloth import Cloth
from feria.drawings.curves import corners, joined, mirrored, moved, reflected, run
from feria.drawings.look import Look
from feria.drawings.palette import light, luma, mix
from feria.drawings.sketch import Sketch
from feria.drawings.torso import Torso, armholes, creases, pocket


def shirt(look: Look) -> Sketch:
    cloth = Cloth(look, scale=0.8)
    d = cloth.dice
    short = look.cut.name == "short-sleeved"
    torso = Torso(
        neck=8.5,
        deep=9,
        pointed=True,
        waist=d.between(18.5, 20.5),
        hem=(70.5 + d.between(-1, 1), d.between(83, 87)),
    )
    angle = d.between(38, 46) if short else d.between(66, 74)
    length = d.between(19, 23) if short else d.between(54, 58)
    width = d.between(14, 15.5) if short else d.between(9.5, 11)
    cloth.sketch.body(torso.back(), mix(cloth.colour, cloth.deep, 0.5))
    sleeve = torso.sleeve(length, angle, width, puff=0.8)
    cloth.pair(sleeve, turn=angle - 90, depth=5)
    front = torso.front()
    cloth.piece(front)
    creases(cloth, torso, front)
    armholes(cloth, torso)
    band = torso.cuff(length, angle, width, 2.4 if short else 5.5, over=0.1)
    for cuff in (band, reflected(band)):
        cloth.sketch.body(
            cuff, cloth.colour if luma(cloth.colour) < 0.3 else mix(cloth.colour, cloth.edge, 0.07)
        )
        cloth.round(cuff, depth=3)
        cloth.seam(cuff, width=0.4, opacity=0.4)
    hem = torso.hem[1] + 1.7
    strip = corners((47.4, torso.top + 8), (52.6, torso.top + 8), (52.6, hem), (47.4, hem))
    with cloth.sketch.inside(front):
        cloth.sketch.fill(moved(strip, 0.7, 0), colour=cloth.deep, opacity=0.28, soft=0.5)
        cloth.sketch.fill(strip, colour=cloth.colour, opacity=0.55)
    cloth.stitch(*[run((x, torso.top + 10), (x, hem - 1), steps=4) for x in (47.9, 52.1)])
    count = 7
    cloth.buttons(*[(50, torso.top + 12 + n * (hem - torso.top - 18) / (count - 1)) for n in range(count)])
    if d.chance(0.75):
        with cloth.sketch.inside(front):
            pocket(cloth, 57, 38)
            if d.chance(0.4):
                pocket(cloth, 34, 38)
    collar(cloth, torso)
    return cloth.sketch


def collar(cloth: Cloth, torso: Torso, *, tip: float = 8.5) -> None:
    """Two points of a shirt's collar over its stand."""
    top, neck = torso.top, torso.neck
    stand = mirrored(
        joined(
            run((50, top - 1.2), (55, top - 2), (50 + neck, top - 1)),
            run((50 + neck, top - 1), (50 + neck, top + 2)),
            run((50 + neck, top + 2), (55, top + 1.2), (50, top + 1.6)),
        )
    )
    cloth.sketch.body(stand, mix(cloth.colour, cloth.deep, 0.35))
    point = joined(
        run((50.2, top + 7.5), (54, top + 3.4), (50 + neck - 1.5, top - 1.8)),
        run((50 + neck - 1.5, top - 1.8), (50 + neck + 1.6, top + 1.2)),
        run((50 + neck + 1.6, top + 1.2), (57, top + tip + 3.4)),
        run((57, top + tip + 3.4), (50.2, top + 7.5)),
    )
    for part in (reflected(point), point):
        cloth.sketch.fill(moved(part, 0.3, 1.0), colour=cloth.deep, opacity=0.35, soft=0.7)
        cloth.sketch.body(
            part, cloth.colour if cloth.weave.name == "plain" else mix(cloth.colour, light(cloth.colour), 0.3)
        )
        cloth.round(part, depth=3)
        cloth.seam(part, width=0.4, opacity=0.55)
