"""Dresses: a bodice, a skirt and what holds them up."""

from feria.drawings.cloth import Cloth
from feria.drawings.curves import Outline, by, corners, joined, mirrored, outline, reflected, ribbon, run
from feria.drawings.look import Look
from feria.drawings.palette import mix
from feria.drawings.sketch import Sketch
from feria.drawings.torso import Torso


def dress(look: Look) -> Sketch:
    cloth = Cloth(look)
    d, cut = cloth.dice, look.cut.name
    straps, long = cut == "straps", cut == "long"
    waist_y = d.between(42, 45)
    bottom = (d.between(91, 94) if long else d.between(80, 87)) if cut != "shift" else d.between(82, 86)
    waist = d.between(11.5, 13) if cut != "shift" else 16.5
    flare = {"straps": 27, "long": 26, "sleeves": 25, "short": 27, "shift": 20}[cut] + d.between(-2, 3)
    torso = Torso(
        neck=d.between(8, 10) if not straps else 11,
        deep=d.between(6, 9) if cut != "long" else d.between(9, 12),
        pointed=long and d.chance(0.6),
        top=9.0,
        shoulder=(66, 13) if not straps else (62.5, 11),
        armpit=(65, 27.5) if not straps else (64.5, 26),
    )
    if not straps:
        cloth.sketch.body(torso.back(), mix(cloth.colour, cloth.deep, 0.5))
    if cut in ("sleeves", "short"):
        _sleeves(cloth, torso, cut)
    skirt = _skirt(waist, waist_y, flare, bottom)
    cloth.piece(skirt, depth=8)
    _fall(cloth, skirt, waist, waist_y, flare, bottom)
    bodice = _strapped(cloth, waist, waist_y) if straps else _bodice(torso, waist, waist_y)
    cloth.piece(bodice, depth=6)
    e = d.between(0, 3)
    cloth.folds(
        bodice,
        ((50 + 14, 28), (50 + 10 - e, 34), (50 + 8, waist_y)),
        ((50 - 14, 28), (50 - 10 + e, 34), (50 - 8, waist_y)),
        ((50 + waist - 2, waist_y), (54, waist_y - 4), (51, waist_y - 4)),
        width=1.8,
    )
    if cut != "shift":
        _waist(cloth, waist, waist_y)
    if not straps:
        line = torso.neckline()
        whole = joined(reflected(line)[::-1], line)
        cloth.sketch.fill(ribbon(whole, 1.5), colour=mix(cloth.colour, cloth.edge, 0.3))
    if cut == "shift" and d.chance(0.6):
        for x in (38.0, 55.0):
            box = corners((x, 56), (x + 8, 56), (x + 8, 65), (x, 65))
            cloth.seam(joined(box, box[:1]), width=0.5)
    if cut == "short" and d.chance(0.5):
        cloth.buttons(*[(50, 22 + n * 5.0) for n in range(4)], radius=0.9)
    return cloth.sketch


def _sleeves(cloth: Cloth, torso: Torso, cut: str) -> None:
    d = cloth.dice
    short = cut == "short"
    angle = d.between(40, 48) if short else d.between(70, 76)
    length = d.between(13, 16) if short else d.between(36, 42)
    wide = d.between(11, 13) if short else d.between(8, 10)
    sleeve = torso.sleeve(length, angle, wide, puff=1.8 if short else 1.2)
    cloth.pair(sleeve, turn=angle - 90, depth=5)
    band = torso.cuff(length, angle, wide, 1.8, over=0.1)
    for cuff in (band, reflected(band)):
        cloth.sketch.fill(cuff, colour=mix(cloth.colour, cloth.edge, 0.3))


def _bodice(torso: Torso, waist: float, waist_y: float) -> Outline:
    return mirrored(
        joined(
            torso.neckline(),
            run((50 + torso.neck, torso.top), torso.shoulder),
            run(torso.shoulder, (torso.shoulder[0] - 2.2, 20), torso.armpit),
            run(torso.armpit, (50 + (15 + waist) / 2 + 0.3, 36), (50 + waist, waist_y)),
            run((50 + waist, waist_y), (50, waist_y + 1.5)),
        )
    )


def _strapped(cloth: Cloth, waist: float, waist_y: float) -> Outline:
    """A heart-shaped or straight bodice that hangs from two straps."""
    heart = cloth.dice.chance(0.5)
    wide = cloth.dice.between(1.6, 3.2)
    strap = run((59.5, 24), (59.6, 15), (57.4, 8), steps=6)
    for line in (strap, reflected(strap)):
        cloth.sketch.body(ribbon(line, wide), mix(cloth.colour, cloth.edge, 0.12))
        cloth.round(ribbon(line, wide), depth=2)
    dip = (
        run((50, 25.5), (53, 22.5), (59, 20.5), (64.5, 24.5))
        if heart
        else run((50, 23), (57, 22.4), (64, 22.6))
    )
    side = outline([dip[-1]])
    return mirrored(
        joined(
            dip,
            run((float(side[0, 0]), float(side[0, 1])), (50 + (14 + waist) / 2, 34), (50 + waist, waist_y)),
            run((50 + waist, waist_y), (50, waist_y + 1.5)),
        )
    )


def _skirt(waist: float, waist_y: float, flare: float, bottom: float) -> Outline:
    right = 50 + flare
    points = []
    for n in range(13):
        share = n / 12
        points.append(
            (right + (50 - right) * share, bottom + 3.0 * (1 - (1 - share) ** 2) + (0.7 if n % 2 else -0.2))
        )
    middle = (waist_y + bottom) / 2
    return mirrored(
        joined(
            run((50, waist_y), (50 + waist, waist_y)),
            run(
                (50 + waist, waist_y),
                (50 + waist + (flare - waist) * 0.36, waist_y + (middle - waist_y) * 0.55),
                (50 + waist + (flare - waist) * 0.7, middle + 6),
                (right, bottom),
            ),
            run(*points, steps=4),
        )
    )


def _fall(cloth: Cloth, skirt: Outline, waist: float, waist_y: float, flare: float, bottom: float) -> None:
    d = cloth.dice
    marks = []
    for share in (-0.78, -0.45, -0.12, 0.2, 0.52, 0.82):
        lean = share + d.between(-0.06, 0.06)
        marks.append(
            (
                (50 + waist * lean, waist_y + d.between(2, 12)),
                (50 + (waist + flare) / 2 * lean, (waist_y + bottom) / 2),
                (50 + flare * lean, bottom + 4),
            )
        )
    cloth.folds(skirt, *marks, width=2.7)


def _waist(cloth: Cloth, waist: float, y: float) -> None:
    d = cloth.dice
    line = run((50 - waist - 0.4, y), (50, y + 1.5), (50 + waist + 0.4, y))
    tone = cloth.accent if d.chance(0.45) else mix(cloth.colour, cloth.edge, 0.35)
    cloth.sketch.line(line + by(0, 1), colour=cloth.deep, width=3, opacity=0.35, soft=0.6)
    cloth.sketch.fill(ribbon(line, 2.6), colour=tone)
    if d.chance(0.4):
        bow = joined(
            run((50, y + 1.5), (54, y - 2), (58, y + 0.5)), run((58, y + 0.5), (55, y + 4), (50, y + 1.5))
        )
        tail = ribbon(run((51, y + 2), (54, y + 8), (53, y + 15)), 1.6)
        cloth.sketch.fill(tail, reflected(tail, 50.5), bow, reflected(bow), colour=tone)
        cloth.sketch.model(bow, reflected(bow), colour=cloth.deep, depth=2)
