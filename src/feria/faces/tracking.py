"""A detector for the frames of one camera: it looks again only when what it saw last has moved."""

from typing import Any

import numpy as np

from feria.clock import Clock
from feria.faces.boxes import Box, crop
from feria.faces.detector import FaceDetector
from feria.faces.frames import grey, resized
from feria.pixels import Pixels

SIDE = 24
"""Pixels, each way, of what is remembered of a face."""
HOLDS = 0.75
"""Correlation from which on a box still holds. On photographs a face that moved by 5 % of its box's side has
0.67 to 0.84, one that moved by 10 % 0.6 at most; noise and less light leave more than 0.98."""
FLAT = 1.0
"""Standard deviation, in grey levels, below which there is nothing to compare."""

Patch = np.ndarray[Any, np.dtype[np.float32]]


class Tracker:
    """Says what its detector said, as long as that holds; itself a detector, of frames in their order.

    Where it found faces it remembers 24 × 24 pixels of each, not the frame, and compares the next frames in
    the same places with those, so that what drifts slowly is noticed too. It asks the detector again at
    once when one of them has moved or gone, and in any case after `frames` frames or `seconds` seconds,
    for somebody may have come. For one thread.
    """

    def __init__(
        self, detector: FaceDetector, clock: Clock, *, frames: int = 10, seconds: float = 1.0
    ) -> None:
        self._detector = detector
        self._clock = clock
        self._frames = frames
        self._seconds = seconds
        self._held: list[tuple[Box, Patch]] = []
        self._shape: tuple[int, ...] = ()
        self._since = 0
        self._looked_at = 0.0
        self.looks = 0
        """How often the detector was asked."""

    def find(self, frame: Pixels) -> list[Box]:
        self._since += 1
        if not self._still_holds(frame):
            self._look(frame)
        return [box for box, _ in self._held]

    def _still_holds(self, frame: Pixels) -> bool:
        return (
            bool(self._held)
            and frame.shape == self._shape
            and self._since < self._frames
            and self._clock.monotonic() - self._looked_at < self._seconds
            and all(float((seen * _patch(frame, box)).sum()) >= HOLDS for box, seen in self._held)
        )

    def _look(self, frame: Pixels) -> None:
        self._held = [(box, _patch(frame, box)) for box in self._detector.find(frame)]
        self._shape = frame.shape
        self._since = 0
        self._looked_at = self._clock.monotonic()
        self.looks += 1


def _patch(frame: Pixels, box: Box) -> Patch:
    """`[24, 24]`, of mean 0 and length 1, so that a product with another is their correlation; all 0, which
    holds nothing, where there is nothing to see."""
    small = grey(resized(crop(frame, box, margin=0), (SIDE, SIDE))).astype(np.float32)
    small -= small.mean()
    length = float(np.sqrt((small * small).sum()))
    return small / length if length >= FLAT * SIDE else np.zeros_like(small)
