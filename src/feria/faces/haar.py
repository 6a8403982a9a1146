"""The built-in form: a cascade that comes with OpenCV's wheel.

Viola and Jones 2001, https://doi.org/10.1109/CVPR.2001.990517; the cascade is Lienhart's `alt2`. It finds
upright faces that look into the camera and fill at least 15 % of the frame's long side.
"""

import threading
from pathlib import Path
from typing import Any

from feria.errors import Unavailable
from feria.faces.boxes import Box, around
from feria.faces.detector import largest_first
from feria.faces.frames import reduced
from feria.faces.opencv import opencv
from feria.pixels import Pixels

CASCADE = "haarcascade_frontalface_alt2.xml"
WINDOW = 20
"""Pixels, each way, of what the cascade was trained on."""
STEP = 1.2
"""From one size of face to the next. With 1.25 it takes a third less time, and misses 8 faces of 105 (the
same seven, moved about and made smaller) instead of 2."""
NEIGHBOURS = 3
"""How often a face must be found, a little apart, to count. So 3 of 600 groceries are taken for faces; with 2
it is 7."""
LEAST = 24
"""Side, in pixels of the reduced frame, of the smallest face that is looked for."""


class HaarDetector:
    def __init__(self) -> None:
        self._own = threading.local()  # a cascade is not for two threads at once
        self._file = Path(opencv().data.haarcascades) / CASCADE
        if not self._file.is_file():
            raise Unavailable(f"OpenCV is here without its {CASCADE}; feria wants opencv-python-headless 4.")

    def find(self, frame: Pixels) -> list[Box]:
        small, factor = reduced(frame)
        if min(small.shape) < WINDOW:
            return []
        found = self._cascade().detectMultiScale(small, STEP, NEIGHBOURS, minSize=(LEAST, LEAST))
        return largest_first(
            around(((x + width / 2) / factor, (y + height / 2) / factor), width / factor)
            for x, y, width, height in found
        )

    def _cascade(self) -> Any:
        if not hasattr(self._own, "cascade"):
            self._own.cascade = opencv().CascadeClassifier(str(self._file))
        return self._own.cascade
