"""Painting: marks become pixels.

Every mark is drawn as a mask three or four times as fine as the picture, within its own box only, and
reduced; then its colour is laid on through the mask. So edges are smooth, small marks cost little, and
nothing large is resized.
"""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from feria.drawings.curves import Outline
from feria.drawings.palette import Rgb
from feria.drawings.sketch import Mark, Sketch

Box = tuple[int, int, int, int]
Stencil = tuple[Image.Image, Box]
"""A mask and where in the picture it lies."""


class Canvas:
    def __init__(self, picture: Image.Image, *, crowded: bool = False) -> None:
        """A crowded picture hides its edges: there a coarser grain will do, at half the cost."""
        self.picture = picture
        self.size = picture.width
        self._grain = 4 if self.size <= 256 else 2 if crowded else 3
        self._unit = self.size / 100
        self._regions: dict[int, Stencil | None] = {}

    def paint(self, sketch: Sketch) -> None:
        self._regions = {}
        for mark in sketch.marks:
            stencil = self._marked(mark, sketch)
            if stencil is not None:
                self.lay(stencil, mark.colour, mark.opacity)

    def lay(self, stencil: Stencil, colour: Rgb, opacity: float = 1) -> None:
        mask, box = stencil
        if opacity < 1:
            mask = mask.point([round(value * opacity) for value in range(256)])
        self.picture.paste(colour, box, mask)

    def silhouette(self, sketch: Sketch, margin: float = 0) -> Image.Image:
        """All that casts a shadow, as one mask over the whole picture."""
        whole = Image.new("L", (self.size, self.size))
        for mark in sketch.marks:
            stencil = self._drawn(mark.figures, mark.width, margin) if mark.casts else None
            if stencil is not None:
                mask, box = stencil
                whole.paste(255, box, mask)
        return whole

    def shadow(
        self, silhouette: Image.Image, colour: Rgb, *, dx: float, dy: float, soft: float, opacity: float
    ) -> None:
        """What lies on the ground darkens it a little further on; worked out at a quarter of the size."""
        small = silhouette.reduce(4) if self.size >= 64 else silhouette
        ratio = silhouette.width / small.width
        step = self._unit / ratio
        small = _shifted(small, dx * step, dy * step).filter(ImageFilter.GaussianBlur(soft * step))
        mask = small.resize(silhouette.size, Image.Resampling.BILINEAR)
        self.lay((mask, (0, 0, self.size, self.size)), colour, opacity)

    def _marked(self, mark: Mark, sketch: Sketch) -> Stencil | None:
        stencil = (
            self._rounded(mark) if mark.round else self._drawn(mark.figures, mark.width, 2.6 * mark.soft)
        )
        if stencil is not None and mark.soft:
            stencil = self._blurred(stencil, mark.soft)
        if stencil is None or mark.within is None:
            return stencil
        if mark.within not in self._regions:
            self._regions[mark.within] = self._drawn(sketch.regions[mark.within], 0, 0)
        region = self._regions[mark.within]
        return None if region is None else _common(stencil, region)

    def _drawn(self, figures: Sequence[Outline], width: float, margin: float) -> Stencil | None:
        unit, grain = self._unit, self._grain
        pad = (width / 2 + margin) * unit + 1
        points = np.concatenate(figures) * unit
        low, high = points.min(axis=0) - pad, points.max(axis=0) + pad
        left, top = max(0, math.floor(low[0])), max(0, math.floor(low[1]))
        right, bottom = min(self.size, math.ceil(high[0])), min(self.size, math.ceil(high[1]))
        if right <= left or bottom <= top:
            return None
        mask = Image.new("L", ((right - left) * grain, (bottom - top) * grain))
        pen = ImageDraw.Draw(mask)
        flat = ((points - (left, top)) * grain).ravel().tolist()
        end = 0
        for figure in figures:
            start, end = end, end + 2 * len(figure)
            if width:
                _line(pen, flat[start:end], width * unit * grain)
            else:
                pen.polygon(flat[start:end], fill=255)
        return mask.reduce(grain), (left, top, right, bottom)

    def _blurred(self, stencil: Stencil, soft: float) -> Stencil:
        mask, box = stencil
        radius = soft * self._unit
        if radius > 3 and min(mask.size) > 12:
            small = mask.reduce(3).filter(ImageFilter.GaussianBlur(radius / 3))
            return small.resize(mask.size, Image.Resampling.BILINEAR), box
        return mask.filter(ImageFilter.GaussianBlur(radius)), box

    def _rounded(self, mark: Mark) -> Stencil | None:
        """Where the figure, blurred and moved towards the light, is thin: there its surface turns away."""
        stencil = self._drawn(mark.figures, mark.width, mark.round)
        if stencil is None:
            return None
        mask, box = stencil
        step = mark.round * self._unit
        by = max(1, min(4, round(step / 3)))
        small = mask.reduce(by) if by > 1 else mask
        moved = _shifted(small, mark.light[0] * step / by, mark.light[1] * step / by)
        lit = moved.filter(ImageFilter.GaussianBlur(step / by * 0.75))
        if by > 1:
            lit = lit.resize(mask.size, Image.Resampling.BILINEAR)
        return ImageChops.multiply(mask, ImageChops.invert(lit)), box


def _shifted(mask: Image.Image, dx: float, dy: float) -> Image.Image:
    moved = Image.new("L", mask.size)
    moved.paste(mask, (round(dx), round(dy)))
    return moved


def _line(pen: ImageDraw.ImageDraw, points: list[float], width: float) -> None:
    pen.line(points, fill=255, width=max(1, round(width)), joint="curve")
    half = width / 2
    if half > 1:
        for x, y in (points[:2], points[-2:]):
            pen.ellipse((x - half, y - half, x + half, y + half), fill=255)


def _common(a: Stencil, b: Stencil) -> Stencil | None:
    box = (max(a[1][0], b[1][0]), max(a[1][1], b[1][1]), min(a[1][2], b[1][2]), min(a[1][3], b[1][3]))
    if box[2] <= box[0] or box[3] <= box[1]:
        return None
    cut = [mask.crop((box[0] - at[0], box[1] - at[1], box[2] - at[0], box[3] - at[1])) for mask, at in (a, b)]
    return ImageChops.multiply(*cut), box
