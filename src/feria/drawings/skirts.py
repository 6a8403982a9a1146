"""Skirts."""

from feria.drawings.bottoms import THREAD, jeans_details, waistband
from feria.drawings.cloth import Cloth
from feria.drawings.curves import Outline, by, joined, mirrored, run
from feria.drawings.look import Look
from feria.drawings.sketch import Sketch


def skirt(look: Look) -> Sketch:
    cloth = Cloth(look)
    d, cut = cloth.dice, look.cut.name
    half, top = d.between(15.5, 18), 14.0
    shapes: dict[str, tuple[float, float]] = {
        "pleated": (34, 74),
        "a-line": (28, 78),
        "pencil": (19.5, 82),
        "long": (29, 93),
        "denim": (25.5, 66),
    }
    flare, bottom = shapes[cut]
    flare, bottom = flare + d.between(-2, 2), bottom + d.between(-3, 3)
    hip = half + (5.5 if cut in ("pencil", "denim") else (flare - half) * 0.42)
    right = 50 + flare
    sag = 3.4 if cut in ("pleated", "a-line", "long") else 1.8
    hem = (
        _waves(right, bottom, sag, 6)
        if cut in ("pleated", "long")
        else run((right, bottom), (50 + flare * 0.55, bottom + sag * 0.8), (50, bottom + sag))
    )
    body = mirrored(
        joined(
            run((50, top + 2), (50 + half, top + 1)),
            run(
                (50 + half, top + 1),
                (50 + hip, top + (bottom - top) * 0.33),
                (50 + (hip + flare) / 2 + 0.4, top + (bottom - top) * 0.66),
                (right, bottom),
            ),
            hem,
        )
    )
    cloth.piece(body, depth=8)
    if cut in ("pleated", "long"):
        _pleats(cloth, body, half, top, flare, bottom + sag, 7 if cut == "pleated" else 5)
    else:
        e = d.between(0, 4)
        cloth.folds(
            body,
            (
                (50 + half * 0.4, top + 12),
                (50 + half * 0.6 + e, (top + bottom) / 2),
                (50 + flare * 0.6, bottom + 1),
            ),
            (
                (50 - half * 0.5, top + 14),
                (50 - half * 0.6 - e, (top + bottom) / 2),
                (50 - flare * 0.62, bottom + 1),
            ),
            ((49 + e, bottom + 2), (50 + e, bottom - 12), (49 + e, bottom - 24)),
            ((right - 2, bottom - 20), (right - 8, bottom - 14), (right - 14, bottom - 12)),
            width=2.4,
        )
        if cut != "denim":
            with cloth.sketch.inside(body):
                cloth.stitch(
                    run((100 - right, bottom - 2.4), (50, bottom + sag - 2.6), (right, bottom - 2.4))
                )
    if cut == "denim":
        jeans_details(cloth, half, top, bottom - 14, THREAD)
        front = run((50, bottom - 18), (50, bottom + sag), steps=4)
        cloth.seam(front)
        cloth.stitch(front + by(0.9, 0), colour=THREAD)
        with cloth.sketch.inside(body):
            cloth.stitch(
                run((100 - right, bottom - 2), (50, bottom + sag - 2), (right, bottom - 2)), colour=THREAD
            )
    waistband(cloth, half, top - 2, 4.4)
    if cut == "denim":
        cloth.buttons((50, top + 1.6), radius=1.2, colour=(196, 160, 110))
    if cut == "a-line" and d.chance(0.45):
        cloth.buttons(*[(50, top + 8 + n * (bottom - top - 12) / 5) for n in range(6)])
    return cloth.sketch


def _waves(right: float, bottom: float, sag: float, count: int) -> Outline:
    """A hem in scallops from the right end to the middle."""
    points = []
    for n in range(2 * count + 1):
        share = n / (2 * count)
        x = right + (50 - right) * share
        points.append((x, bottom + sag * (1 - (1 - share) ** 2) + (0.9 if n % 2 else -0.3)))
    return run(*points, steps=4)


def _pleats(
    cloth: Cloth, body: Outline, half: float, top: float, flare: float, bottom: float, count: int
) -> None:
    shades, ridges = [], []
    for n in range(-count + 1, count):
        share = n / count
        start, end = 50 + half * share, 50 + flare * share
        wide = flare / count * 0.5
        shades.append(
            joined(
                run(
                    (start, top + 3), ((start + end) / 2 + 0.6 * share, (top + bottom) / 2), (end, bottom + 2)
                ),
                run((end, bottom + 2), (end + wide, bottom + 2)),
                run((end + wide, bottom + 2), (start, top + 3)),
            )
        )
        ridges.append(
            run((start, top + 3), ((start + end) / 2 + 0.6 * share, (top + bottom) / 2), (end, bottom + 1))
        )
    with cloth.sketch.inside(body):
        cloth.sketch.fill(*shades, colour=cloth.deep, opacity=0.24, soft=0.35)
        cloth.sketch.line(
            *[line - [0.6, 0] for line in ridges], colour=cloth.pale, width=0.8, opacity=0.4, soft=0.3
        )
