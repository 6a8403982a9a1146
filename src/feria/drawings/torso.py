"""What all tops share: the pieces they are cut from, their folds and their necks."""

from dataclasses import dataclass

from feria.drawings.cloth import Cloth
from feria.drawings.curves import (
    Outline,
    Point,
    by,
    corners,
    joined,
    mirrored,
    moved,
    outline,
    reflected,
    ribbon,
    run,
    turned,
)
from feria.drawings.palette import light, mix


@dataclass(frozen=True, slots=True)
class Torso:
    """The pattern piece all tops are cut after, right half, in the frame's units."""

    neck: float = 9.0
    deep: float = 7.0
    shoulder: Point = (72.0, 21.5)
    armpit: Point = (71.0, 40.0)
    waist: float = 20.0
    hem: Point = (71.5, 84.0)
    top: float = 16.0
    pointed: bool = False

    def neckline(self) -> Outline:
        """From the middle of the breast to where neck and shoulder meet."""
        if self.pointed:
            return run(
                (50, self.top + self.deep),
                (50 + self.neck * 0.55, self.top + self.deep * 0.48),
                (50 + self.neck, self.top),
            )
        bottom = self.top + self.deep
        return run(
            (50, bottom),
            (50 + self.neck * 0.55, bottom - self.deep * 0.2),
            (50 + self.neck * 0.92, self.top + self.deep * 0.42),
            (50 + self.neck, self.top),
        )

    def front(self) -> Outline:
        waist = (50 + self.waist, (self.armpit[1] + self.hem[1]) / 2)
        return mirrored(
            joined(
                self.neckline(),
                run((50 + self.neck, self.top), self.shoulder),
                run(
                    self.shoulder,
                    (self.shoulder[0] - 1.6, (self.shoulder[1] + self.armpit[1]) / 2),
                    self.armpit,
                ),
                run(self.armpit, waist, self.hem),
                run(self.hem, (62, self.hem[1] + 1.4), (50, self.hem[1] + 1.7)),
            )
        )

    def back(self) -> Outline:
        """The inside of the back, which shows in the neck."""
        rim = run((50 + self.neck, self.top), (50 + self.neck * 0.5, self.top - 0.2), (50, self.top + 0.6))
        return mirrored(joined(rim[::-1], self.neckline()[::-1]))

    def sleeve(self, length: float, angle: float, cuff: float, *, puff: float = 0) -> Outline:
        """The right sleeve; `angle` below the horizontal in degrees."""
        (sx, sy), (ax, ay) = self.shoulder, self.armpit
        middle = moved(turned(outline([(length * 0.5, -puff)]), angle), sx, sy)[0]
        end = moved(turned(outline([(length, 0)]), angle), sx, sy)[0]
        inner = moved(turned(outline([(length, cuff)]), angle), sx, sy)[0]
        half = (inner + by(ax, ay)) / 2 + turned(outline([(0, puff * 0.7)]), angle)[0]
        return joined(
            run((sx - 9, sy - 3), (sx, sy), tuple(middle), tuple(end)),
            run(tuple(end), tuple(inner)),
            run(tuple(inner), tuple(half), (ax, ay)),
            run((ax, ay), (ax - 6, ay - 2), steps=2),
        )

    def cuff(self, length: float, angle: float, width: float, tall: float, *, over: float = 0.4) -> Outline:
        """A band over a sleeve's end."""
        box = outline(
            [
                (length - tall, -over),
                (length + 0.3, -over),
                (length + 0.3, width + over),
                (length - tall, width + over + 0.4),
            ]
        )
        corner = moved(turned(box, angle), *self.shoulder)
        return corners(*[(float(x), float(y)) for x, y in corner])


def creases(cloth: Cloth, torso: Torso, front: Outline) -> None:
    """How a jersey falls: from the armpits inwards, and up from the hem."""
    d = cloth.dice
    (ax, ay), (hx, hy) = torso.armpit, torso.hem
    left, right = 100 - ax, ax
    cloth.folds(
        front,
        ((right - 1, ay + 1), (right - 7, ay + 9 + d.between(0, 4)), (right - 10, ay + 20 + d.between(0, 6))),
        ((left + 1, ay + 1), (left + 7, ay + 8 + d.between(0, 4)), (left + 9, ay + 19 + d.between(0, 6))),
        (
            (100 - hx + 9 + d.between(0, 5), hy),
            (100 - hx + 12, hy - 11),
            (100 - hx + 10, hy - 20 - d.between(0, 6)),
        ),
        ((hx - 12 + d.between(0, 5), hy + 1), (hx - 12, hy - 13), (hx - 8, hy - 26 - d.between(0, 6))),
        ((47 + d.between(-3, 6), hy), (49 + d.between(-2, 3), hy - 8), (51, hy - 15)),
        width=2.2,
    )


def armholes(cloth: Cloth, torso: Torso) -> None:
    (sx, sy), (ax, ay) = torso.shoulder, torso.armpit
    seam = run((sx - 0.4, sy), (sx - 2.2, (sy + ay) / 2), (ax, ay))
    cloth.sketch.line(seam, reflected(seam), colour=cloth.deep, width=1.6, opacity=0.2, soft=0.6)
    cloth.seam(seam, reflected(seam))


def collar_band(cloth: Cloth, torso: Torso, width: float = 2.2) -> None:
    line = torso.neckline()
    whole = joined(reflected(line)[::-1], line)
    tone = cloth.accent if cloth.weave.name == "blocks" else mix(cloth.colour, cloth.edge, 0.22)
    cloth.sketch.fill(ribbon(whole, width), colour=tone)
    cloth.seam(ribbon(whole, width)[: len(whole)], width=0.4, opacity=0.5)


def hollow(cloth: Cloth, torso: Torso) -> None:
    back = torso.back()
    cloth.sketch.body(back, mix(cloth.colour, cloth.deep, 0.5))
    tag = corners((48, torso.top + 1.4), (52, torso.top + 1.4), (52, torso.top + 3.4), (48, torso.top + 3.4))
    with cloth.sketch.inside(back):
        cloth.sketch.fill(tag, colour=light(cloth.colour, 0.8), opacity=0.9)


def pocket(cloth: Cloth, x: float, y: float, wide: float = 9, tall: float = 10) -> None:
    shape = corners(
        (x, y), (x + wide, y), (x + wide, y + tall * 0.8), (x + wide / 2, y + tall), (x, y + tall * 0.8)
    )
    cloth.sketch.fill(moved(shape, 0.4, 0.6), colour=cloth.deep, opacity=0.25, soft=0.5)
    cloth.sketch.fill(shape, colour=cloth.colour, opacity=0.75)
    cloth.seam(shape, shape[[-1, 0]], width=0.45)
    cloth.stitch(run((x + 0.4, y + 1.4), (x + wide - 0.4, y + 1.4), steps=2))
