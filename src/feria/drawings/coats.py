"""Coats and cardigans."""

from feria.drawings.cloth import Cloth
from feria.drawings.curves import by, corners, joined, mirrored, reflected, run
from feria.drawings.look import Look
from feria.drawings.outwear import closed, cuffs, sleeves
from feria.drawings.palette import dark, light, luma, mix
from feria.drawings.sketch import Sketch
from feria.drawings.torso import Torso, armholes, creases, pocket


def coat(look: Look) -> Sketch:
    cloth = Cloth(look)
    d = cloth.dice
    torso = Torso(
        neck=8,
        deep=22,
        pointed=True,
        top=10,
        shoulder=(68, 14.5),
        armpit=(67.5, 31),
        waist=17,
        hem=(71.5 + d.between(-1.5, 2), d.between(90, 94)),
    )
    angle, length, width = d.between(76, 81), d.between(49, 53), d.between(9, 10.5)
    cloth.sketch.body(torso.back(), mix(cloth.colour, cloth.deep, 0.6))
    scarf = mirrored(run((50, 40), (53, 30), (57, 12), (50, 10)))
    cloth.sketch.body(scarf, light(cloth.accent, 0.15))
    cloth.sketch.model(scarf, colour=dark(cloth.accent), depth=4)
    sleeves(cloth, torso, angle, length, width)
    cuffs(cloth, torso, length, angle, width, 4.5)
    front = torso.front()
    cloth.piece(front, depth=8)
    creases(cloth, torso, front)
    armholes(cloth, torso)
    bottom = torso.hem[1] + 1.6
    opening = run((50, 32), (50.6, 60), (50.2, bottom), steps=8)
    cloth.sketch.line(opening + by(0.7, 0), colour=cloth.deep, width=1.6, opacity=0.35, soft=0.5)
    cloth.seam(opening, width=0.6)
    if look.cut.name == "belted":
        belt = corners((30, 50.5), (70, 50.5), (70.4, 55), (29.6, 55))
        tail = joined(
            run((52, 54), (56, 62), (57.5, 70)),
            run((57.5, 70), (54.2, 70.6)),
            run((54.2, 70.6), (53, 62), (49, 55)),
        )
        tone = mix(cloth.colour, cloth.edge, 0.28)
        with cloth.sketch.inside(front):
            cloth.sketch.fill(belt + by(0, 0.9), colour=cloth.deep, opacity=0.4, soft=0.6)
            cloth.sketch.fill(belt, colour=tone)
        cloth.sketch.fill(tail + by(0.5, 0.6), colour=cloth.deep, opacity=0.4, soft=0.5)
        cloth.sketch.fill(tail, colour=tone)
        buckle = corners((48, 50), (53, 50), (53, 55.6), (48, 55.6))
        cloth.sketch.line(closed(buckle), colour=(201, 170, 104), width=0.9)
    else:
        cloth.buttons(
            *[(x, y) for y in (42, 52, 62) for x in (46.4, 54)],
            radius=1.35,
            colour=dark(cloth.colour, 0.55) if luma(cloth.colour) > 0.4 else (206, 180, 130),
        )
    flaps = corners((57, 62), (66, 60.6), (66.6, 64.4), (57.4, 65.8))
    for flap in (flaps, reflected(flaps)):
        cloth.sketch.fill(flap + by(0, 0.8), colour=cloth.deep, opacity=0.35, soft=0.5)
        cloth.sketch.fill(flap, colour=cloth.colour)
        cloth.seam(closed(flap))
    lapel = joined(
        run((50, 34), (55, 24), (58.5, 10.5)),
        run((58.5, 10.5), (61, 14), (62.5, 18)),
        run((62.5, 18), (58.8, 19.4)),
        run((58.8, 19.4), (62.6, 22)),
        run((62.6, 22), (57, 29), (50, 36)),
    )
    for part in (reflected(lapel), lapel):
        cloth.sketch.fill(part + by(0.5, 0.9), colour=cloth.deep, opacity=0.4, soft=0.7)
        cloth.sketch.body(part, light(cloth.colour, 0.06))
        cloth.round(part, depth=3)
        cloth.seam(part, width=0.45)
    return cloth.sketch


def cardigan(look: Look) -> Sketch:
    cloth = Cloth(look)
    d = cloth.dice
    torso = Torso(
        neck=8.5,
        deep=d.between(24, 30),
        pointed=True,
        waist=20.5,
        hem=(71 + d.between(-1, 1), d.between(82, 88)),
    )
    angle, length, width = d.between(68, 75), d.between(51, 55), d.between(10, 11.5)
    cloth.sketch.body(torso.back(), mix(cloth.colour, cloth.deep, 0.6))
    vest = mirrored(run((50, 46), (55, 34), (57, 20), (50, 19)))
    cloth.sketch.body(vest, light(cloth.accent, 0.1))
    cloth.sketch.model(vest, colour=dark(cloth.accent), depth=5)
    sleeves(cloth, torso, angle, length, width)
    cuffs(cloth, torso, length, angle, width, 5)
    front = torso.front()
    cloth.piece(front)
    creases(cloth, torso, front)
    armholes(cloth, torso)
    hem = torso.hem[1]
    tone = mix(cloth.colour, cloth.edge, 0.25)
    band = mirrored(
        joined(
            run((50, hem - 3.4), (torso.hem[0], hem - 5)),
            run((torso.hem[0], hem - 5), torso.hem),
            run(torso.hem, (62, hem + 1.4), (50, hem + 1.7)),
        )
    )
    cloth.sketch.body(band, tone)
    cloth.round(band, depth=3)
    cloth.ribs(band, (100 - torso.hem[0], hem - 5), (torso.hem[0], hem - 5), 28, 8)
    neckline = torso.neckline()
    edging = joined(reflected(neckline)[::-1], neckline)
    cloth.sketch.line(edging + by(0, 0.6), colour=cloth.deep, width=4.2, opacity=0.3, soft=0.5)
    cloth.sketch.line(edging, colour=tone, width=3.4)
    first = torso.top + torso.deep
    strip = corners((47.8, first - 1), (52.2, first - 1), (52.2, hem + 1.6), (47.8, hem + 1.6))
    cloth.sketch.fill(strip + by(0.6, 0), colour=cloth.deep, opacity=0.35, soft=0.5)
    cloth.sketch.fill(strip, colour=tone)
    count = d.whole(3, 5)
    cloth.buttons(*[(50, first + 3 + n * (hem - first - 6) / (count - 1)) for n in range(count)], radius=1.3)
    if d.chance(0.6):
        pocket(cloth, 57, 64, wide=10, tall=12)
        pocket(cloth, 33, 64, wide=10, tall=12)
    return cloth.sketch
