"""The form for a file that the operator brings along: quicker, and it finds turned and small faces too.

Wu, Peng and Yu 2023, YuNet, https://doi.org/10.1007/s11633-023-1423-y, run by `cv2.FaceDetectorYN`.
"""

import threading
from pathlib import Path
from typing import Any

import numpy as np

from feria.errors import NotAModel
from feria.faces.boxes import Box, around
from feria.faces.detector import largest_first
from feria.faces.frames import LOOKED_AT, reduced
from feria.faces.opencv import opencv
from feria.pixels import Pixels
from feria.tasks.processes import Report

OUTPUTS = {f"{what}_{stride}" for what in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)}
CERTAIN = 0.7
"""Score from which on it is a face."""
OVERLAP = 0.3
"""Share of two boxes in common from which on they are one face."""
FRAMING = 0.9
"""Its box is as high as the face; ours, as a share of that: the cascade's, on the same photographs."""


class YuNetDetector:
    def __init__(self, file: Path) -> None:
        """Raises `NotAModel` for a file that OpenCV cannot run as YuNet.

        OpenCV trusts the shapes such a file has; ask `prove` before, in a process of its own.
        """
        self._own = threading.local()  # a network is not for two threads at once
        self._content = np.frombuffer(file.read_bytes(), np.uint8)
        try:
            self.find(np.zeros((LOOKED_AT, LOOKED_AT), np.uint8))
        except Exception as error:  # damaged bytes make OpenCV fail in every way there is
            why = str(getattr(error, "err", error))[:200]  # without where in OpenCV's source that was
            raise NotAModel(f"The file is no YuNet face detector; OpenCV says: {why}") from None

    def find(self, frame: Pixels) -> list[Box]:
        cv2 = opencv()
        small, factor = reduced(frame)
        # Always the one size it was proved with, whatever the frame's: a square with the frame in a corner.
        square = np.zeros((LOOKED_AT, LOOKED_AT), np.uint8)
        square[: small.shape[0], : small.shape[1]] = small
        _, found = self._network().detect(cv2.cvtColor(square, cv2.COLOR_GRAY2BGR))
        if found is None:
            return []
        sure = found[np.isfinite(found[:, :4]).all(axis=1)]
        return largest_first(
            around(((x + width / 2) / factor, (y + height / 2) / factor), FRAMING * height / factor)
            for x, y, width, height in sure[:, :4].clip(-LOOKED_AT, 2 * LOOKED_AT).tolist()
        )

    def _network(self) -> Any:
        if not hasattr(self._own, "network"):
            self._own.network = opencv().FaceDetectorYN.create(
                "onnx", self._content, np.empty(0, np.uint8), (LOOKED_AT, LOOKED_AT), CERTAIN, OVERLAP
            )
        return self._own.network


def prove(file: str, report: Report) -> None:
    """Find faces once, and find none where there are none. Runs inside a worker process; see
    `Processes.run`. Raises `NotAModel`."""
    detector = YuNetDetector(Path(file))
    for shape in ((LOOKED_AT, LOOKED_AT), (480, 640)):
        if detector.find(np.full(shape, 127, np.uint8)):
            raise NotAModel("The file is no YuNet face detector: it sees faces in an empty picture.")
