"""T-shirts and long-sleeved jerseys, laid flat."""

from feria.drawings.cloth import Cloth
from feria.drawings.curves import (
    corners,
    ellipse,
    joined,
    mirrored,
    moved,
    outline,
    reflected,
    run,
    turned,
)
from feria.drawings.look import Look
from feria.drawings.palette import mix
from feria.drawings.sketch import Sketch
from feria.drawings.torso import Torso, armholes, collar_band, creases, hollow, pocket


def tshirt(look: Look) -> Sketch:
    cloth = Cloth(look)
    d = cloth.dice
    v = look.cut.name == "v-neck"
    fitted = look.cut.name == "fitted"
    torso = Torso(
        neck=d.between(8, 10.5) + 2 * fitted,
        deep=d.between(10, 13) if v else d.between(6, 8) + 2.5 * fitted,
        pointed=v,
        waist=d.between(16.5, 17.5) if fitted else d.between(19.5, 21),
        hem=((68.5 if fitted else 71.5) + d.between(-1, 1), d.between(82, 87)),
        shoulder=(69.5 if fitted else 72, 21.5),
        armpit=(68.5 if fitted else 71.0, 40),
    )
    angle, length, width = (
        d.between(36, 46),
        d.between(18, 22) - 5 * fitted,
        d.between(13.5, 15.5) - 2 * fitted,
    )
    hollow(cloth, torso)
    sleeve = torso.sleeve(length, angle, width)
    raglan = cloth.weave.name == "blocks"
    cloth.pair(sleeve, turn=angle - 90, depth=5, plain=cloth.accent if raglan else None)
    for side in (sleeve, reflected(sleeve)):
        with cloth.sketch.inside(side):
            band = torso.cuff(length, angle, width, 2.0)
            hem = band if side is sleeve else reflected(band)
            cloth.sketch.fill(hem, colour=cloth.edge, opacity=0.16)
    front = torso.front()
    cloth.piece(front)
    creases(cloth, torso, front)
    armholes(cloth, torso)
    with cloth.sketch.inside(front):
        y = torso.hem[1] - 2.2
        cloth.stitch(run((28, y), (50, y + 1.7), (72, y)))
        if cloth.weave.name == "plain" and d.chance(0.55):
            _print(cloth)
        elif cloth.weave.name == "plain" and d.chance(0.5):
            pocket(cloth, 56, 40)
    collar_band(cloth, torso)
    return cloth.sketch


def _print(cloth: Cloth) -> None:
    """Something simple on the breast."""
    d, ink = cloth.dice, cloth.accent
    which = d.whole(0, 3)
    draw = cloth.sketch
    if which == 0:  # a sun over waves
        draw.fill(ellipse(50, 44, 9, 9), colour=ink)
        for row in range(3):
            wave = run(
                *[(37 + 3.25 * n, 50 + 4.2 * row + (0.9 if n % 2 else -0.9)) for n in range(9)], steps=5
            )
            draw.line(wave, colour=cloth.colour, width=2.6)
            draw.line(wave, colour=ink, width=1.3)
    elif which == 1:  # bars across the breast
        for row, tall in enumerate((3.4, 1.6, 0.9)):
            y = 40 + row * 5
            draw.fill(corners((20, y), (80, y), (80, y + tall), (20, y + tall)), colour=ink)
    elif which == 2:  # a mountain
        draw.fill(corners((36, 56), (46, 40), (51, 47), (55, 42), (64, 56)), colour=ink)
        draw.fill(ellipse(60, 38, 2.6, 2.6), colour=ink)
    else:  # a leaf
        leaf = joined(run((50, 60), (40, 50), (50, 34)), run((50, 34), (60, 50), (50, 60)))
        draw.fill(leaf, colour=ink)
        draw.line(run((50, 63), (50, 38), steps=4), colour=cloth.colour, width=0.8)
        ribs = [run((50, y), (50 + s * 6, y - 5), steps=3) for y in (46, 51, 56) for s in (-1, 1)]
        draw.line(*ribs, colour=cloth.colour, width=0.6)


def longsleeve(look: Look) -> Sketch:
    cloth = Cloth(look)
    d = cloth.dice
    rolled = look.cut.name == "turtleneck"
    v = look.cut.name == "v-neck"
    torso = Torso(
        neck=d.between(8, 9.5),
        deep=d.between(10, 13) if v else d.between(5, 7),
        pointed=v,
        waist=d.between(18.5, 20.5),
        hem=(70 + d.between(-1, 1.5), d.between(80, 85)),
    )
    angle, length, width = d.between(66, 75), d.between(50, 56), d.between(9, 11)
    if not rolled:
        hollow(cloth, torso)
    sleeve = torso.sleeve(length, angle, width, puff=d.between(0.5, 2))
    blocks = cloth.weave.name == "blocks"
    cloth.pair(sleeve, turn=angle - 90, depth=5, plain=cloth.accent if blocks else None)
    elbow = moved(
        turned(outline([(length * 0.42, 2), (length * 0.48, 6), (length * 0.44, 10)]), angle), *torso.shoulder
    )
    bend = tuple((float(x), float(y)) for x, y in elbow)
    cloth.folds(sleeve, bend, tuple((x + 1, y + 5) for x, y in bend), width=1.7)
    cloth.folds(
        reflected(sleeve),
        tuple((100 - x, y) for x, y in bend),
        tuple((99 - x, y + 5) for x, y in bend),
        width=1.7,
    )
    front = torso.front()
    cloth.piece(front)
    creases(cloth, torso, front)
    armholes(cloth, torso)
    band = torso.cuff(length, angle, width, 4.2, over=0.1)
    tone = mix(cloth.accent if blocks else cloth.colour, cloth.edge, 0.2)
    for cuff in (band, reflected(band)):
        cloth.sketch.body(cuff, tone)
        cloth.round(cuff, depth=3)
    y = torso.hem[1]
    hem = mirrored(
        joined(
            run((50, y - 2.9), (62, y - 3.2), (torso.hem[0] - 0.2, y - 4.6)),
            run((torso.hem[0] - 0.2, y - 4.6), torso.hem),
            run(torso.hem, (62, y + 1.5), (50, y + 1.8)),
        )
    )
    cloth.sketch.body(hem, tone)
    cloth.round(hem, depth=3)
    cloth.ribs(hem, (100 - torso.hem[0], y - 5), (torso.hem[0], y - 5), 26, 8)
    if rolled:
        roll = mirrored(
            joined(
                run((50, torso.top - 6.5), (50 + torso.neck - 1, torso.top - 6)),
                run((50 + torso.neck - 1, torso.top - 6), (50 + torso.neck + 1, torso.top + 1)),
                run((50 + torso.neck + 1, torso.top + 1), (55, torso.top + 5.5), (50, torso.top + 6)),
            )
        )
        cloth.sketch.fill(moved(roll, 0, 1), colour=cloth.deep, opacity=0.35, soft=0.7)
        cloth.sketch.body(roll, mix(cloth.colour, cloth.edge, 0.1))
        cloth.round(roll, depth=4)
        cloth.ribs(roll, (50 - torso.neck, torso.top - 8), (50 + torso.neck, torso.top - 8), 14, 16)
    else:
        collar_band(cloth, torso, 2.8)
    return cloth.sketch
