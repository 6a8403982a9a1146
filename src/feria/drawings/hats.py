"""Caps, sun hats, bucket hats and beanies."""

from feria.drawings.cloth import Cloth
from feria.drawings.curves import arc, by, dashes, ellipse, joined, loop, mirrored, reflected, ribbon, run
from feria.drawings.look import Look
from feria.drawings.palette import dark, light, luma, mix
from feria.drawings.sketch import Sketch


def cap(look: Look) -> Sketch:
    cloth = Cloth(look)
    d, draw = cloth.dice, cloth.sketch
    crown = mirrored(
        joined(run((50, 22), (61, 23.5), (71.5, 32), (77, 46), (78, 61)), run((78, 61), (65, 56.5), (50, 55)))
    )
    two = cloth.weave.name == "blocks"
    cloth.piece(crown, depth=11)
    front = mirrored(joined(run((50, 22.4), (58, 30), (64, 42), (66, 57)), run((66, 57), (50, 55))))
    if two:
        with draw.inside(crown):
            draw.fill(front, colour=light(cloth.accent, 0.1))
            draw.model(front, colour=cloth.deep, depth=6, opacity=0.3)
    seams = [run((50, 22), (58, 30), (64, 42), (66, 57)), run((50, 22), (66, 29), (73, 42), (76, 60))]
    with draw.inside(crown):
        cloth.seam(*seams, *[reflected(seam) for seam in seams], width=0.6, opacity=0.8)
        cloth.stitch(*[seam + by(1, 0) for seam in seams], *[reflected(seam) - [1, 0] for seam in seams])
        eyes = [ellipse(x, y, 1, 1, points=12) for x, y in ((66.5, 36), (33.5, 36))]
        draw.fill(*eyes, colour=cloth.deep)
        _badge(cloth, d.whole(0, 3))
        draw.fill(ellipse(50, 57, 30, 3), colour=cloth.deep, opacity=0.35, soft=1.5)
    draw.body(ellipse(50, 21.8, 3, 1.7), mix(cloth.colour, cloth.edge, 0.25))
    tone = cloth.accent if two or d.chance(0.3) else cloth.colour
    peak = mirrored(
        joined(
            run((50, 55.4), (64, 57), (78, 61.5)),
            run((78, 61.5), (82.5, 69), (77, 77), (65, 79.5), (50, 80.5)),
        )
    )
    under = mirrored(
        joined(run((50, 74), (78, 72), (81.5, 66)), run((81.5, 66), (82, 76), (72, 80), (50, 82.6)))
    )
    draw.body(under, dark(tone, 0.6))
    draw.body(peak, tone)
    cloth.round(peak, depth=8, tone=tone)
    with draw.inside(peak):
        rows = [
            run((50 - 30 - n, 62 + n * 3.4), (50, 59.5 + n * 4.6), (50 + 30 + n, 62 + n * 3.4))
            for n in range(1, 5)
        ]
        draw.line(
            *[piece for row in rows for piece in dashes(row)],
            colour=dark(tone, 0.45) if luma(tone) > 0.25 else light(tone, 0.35),
            width=0.4,
            opacity=0.7,
        )
    return draw


def _badge(cloth: Cloth, which: int) -> None:
    draw, ink = cloth.sketch, cloth.accent
    if cloth.weave.name == "blocks":
        ink = cloth.colour
    if which == 0:
        draw.fill(ellipse(50, 43, 7, 7), colour=ink)
        draw.fill(ellipse(50, 43, 5.4, 5.4), colour=light(cloth.colour, 0.15))
        draw.fill(ellipse(50, 43, 2.6, 2.6), colour=ink)
    elif which == 1:
        star = [
            (50 + r * x, 43.5 + r * y)
            for r, x, y in (
                (8, 0, -1),
                (3.4, 0.59, -0.81),
                (8, 0.95, -0.31),
                (3.4, 0.95, 0.31),
                (8, 0.59, 0.81),
                (3.4, 0, 1),
                (8, -0.59, 0.81),
                (3.4, -0.95, 0.31),
                (8, -0.95, -0.31),
                (3.4, -0.59, -0.81),
            )
        ]
        draw.fill(
            joined(*[run(a, b, steps=2) for a, b in zip(star, star[1:] + star[:1], strict=True)]), colour=ink
        )
    elif which == 2:
        waves = [
            run(*[(41 + 3 * n, 39 + 4.4 * row + (1.1 if n % 2 else -1.1)) for n in range(7)], steps=4)
            for row in range(3)
        ]
        draw.line(*waves, colour=ink, width=1.5)


def sun_hat(look: Look) -> Sketch:
    """Straw, seen a little from above, with a ribbon."""
    cloth = Cloth(look)
    d, draw = cloth.dice, cloth.sketch
    wide, tall = d.between(42, 46), d.between(15, 19)
    brim = ellipse(50, 60, wide, tall, points=60)
    draw.body(brim, cloth.colour)
    with draw.inside(brim):
        rings = [
            ellipse(50, 60 - n * 0.25, wide * (1 - n * 0.07), tall * (1 - n * 0.08), points=50)
            for n in range(1, 9)
        ]
        draw.line(*[joined(ring, ring[:1]) for ring in rings], colour=cloth.edge, width=0.5, opacity=0.4)
        draw.fill(ellipse(54, 63, 26, 11), colour=cloth.deep, opacity=0.4, soft=2.5)
    cloth.round(brim, depth=6)
    draw.line(arc(50, 60, wide, tall, 0, 360, 60), colour=mix(cloth.colour, cloth.edge, 0.4), width=1.1)
    high = d.between(24, 28)
    crown = mirrored(
        joined(
            run((50, high), (60, high + 0.6), (68, high + 6), (70.5, high + 18), (73, 58)),
            run((73, 58), (64, 64.5), (50, 66.5)),
        )
    )
    cloth.piece(crown, depth=10)
    with draw.inside(crown):
        rows = [run((24, y - 2), (50, y + 5), (76, y - 2)) for y in range(int(high), 62, 3)]
        draw.line(*rows, colour=cloth.edge, width=0.45, opacity=0.38)
        draw.fill(ellipse(50, high + 2, 10, 3), colour=cloth.deep, opacity=0.25, soft=1.6)
        band = ribbon(run((26, 53), (37, 58.6), (50, 60), (63, 58.6), (74, 53)), 7.4)
        draw.fill(band, colour=cloth.accent)
        draw.model(band, colour=dark(cloth.accent), depth=5, opacity=0.5)
    if d.chance(0.6):
        for tail in (
            ribbon(run((67, 57), (75, 61), (81, 66)), 3.4),
            ribbon(run((67, 57), (71, 63), (73, 70)), 3.4),
        ):
            draw.fill(tail + by(0.5, 0.9), colour=cloth.deep, opacity=0.35, soft=0.6)
            draw.fill(tail, colour=dark(cloth.accent, 0.12))
        draw.fill(ellipse(67, 57, 2.6, 3.2), colour=dark(cloth.accent, 0.22))
    return draw


def bucket_hat(look: Look) -> Sketch:
    cloth = Cloth(look)
    draw = cloth.sketch
    brim = mirrored(
        joined(
            run((50, 58), (70, 56), (73, 52)),
            run((73, 52), (82, 63), (87, 72)),
            run((87, 72), (70, 80), (50, 82)),
        )
    )
    cloth.piece(brim, depth=9)
    with draw.inside(brim):
        rows = [
            run((50 - 38 - n, 62 + 3.4 * n), (50, 64.5 + 4.4 * n), (50 + 38 + n, 62 + 3.4 * n))
            for n in range(4)
        ]
        cloth.stitch(*rows)
    crown = mirrored(
        joined(
            run((50, 27), (61, 27.5), (67.5, 30), (71, 42), (74.5, 56)), run((74.5, 56), (63, 61.5), (50, 63))
        )
    )
    cloth.piece(crown, depth=10)
    with draw.inside(crown):
        draw.line(run((27, 54), (50, 61.5), (73, 54)), colour=cloth.deep, width=2.4, opacity=0.3, soft=0.8)
        rim = run((32, 31), (50, 35), (68, 31))
        cloth.seam(rim, width=0.6)
        cloth.stitch(rim + by(0, 1.2))
        draw.fill(*[ellipse(x, 45, 1, 1, points=10) for x in (31.5, 35.5)], colour=cloth.deep)
    return draw


def beanie(look: Look) -> Sketch:
    cloth = Cloth(look)
    d, draw = cloth.dice, cloth.sketch
    bobble = d.chance(0.65)
    top = 27.0
    if bobble:
        tone = cloth.accent
        points = []
        for n in range(26):
            ring = ellipse(50, 21, 10.5 if n % 2 else 8.8, 10 if n % 2 else 8.4, points=26)
            points.append((float(ring[n, 0]), float(ring[n, 1])))
        ball = loop(*points, steps=3)
        draw.body(ball, tone)
        cloth.round(ball, depth=7, tone=tone)
        strands = [
            run((50 + 3 * x, 21 + 3 * y), (50 + 9 * x, 21 + 9 * y), steps=2)
            for x, y in (
                (1, 0.2),
                (0.7, 0.7),
                (0, 1),
                (-0.7, 0.7),
                (-1, 0.1),
                (-0.7, -0.7),
                (0, -1),
                (0.7, -0.7),
            )
        ]
        draw.line(*strands, colour=dark(tone), width=0.7, opacity=0.35)
    crown = mirrored(
        joined(run((50, top), (61, top + 2), (71, top + 13), (76, 50), (77, 66)), run((77, 66), (50, 69)))
    )
    cloth.piece(crown, depth=12)
    with draw.inside(crown):
        if cloth.weave.name != "knit":
            ribs = [
                run((50 + n * 0.9, top), (50 + n * 3.1, top + 14), (50 + n * 3.5, 68)) for n in range(-8, 9)
            ]
            draw.line(*ribs, colour=cloth.edge, width=0.6, opacity=0.4)
    cuff = mirrored(
        joined(
            run((50, 60), (66, 59.4), (77.5, 57)),
            run((77.5, 57), (79.5, 66), (78.5, 75)),
            run((78.5, 75), (66, 78), (50, 78.6)),
        )
    )
    tone = mix(cloth.colour, cloth.edge, 0.12)
    draw.fill(cuff - [0, 1.4], colour=cloth.deep, opacity=0.35, soft=1)
    draw.body(cuff, tone)
    ridges = [run((50 + n * 3.3, 54), (50 + n * 3.42, 68), (50 + n * 3.36, 82)) for n in range(-9, 10)]
    with draw.inside(cuff):
        draw.line(*ridges, colour=cloth.deep, width=1.5, opacity=0.3, soft=0.3)
        draw.line(
            *[ridge - [1.5, 0] for ridge in ridges], colour=cloth.pale, width=0.9, opacity=0.28, soft=0.3
        )
    cloth.round(cuff, depth=9)
    if not bobble:
        tag = joined(run((57, 68), (65, 67.6)), run((65, 67.6), (65.2, 73)), run((65.2, 73), (57.2, 73.6)))
        draw.fill(tag, colour=cloth.accent)
    return draw
