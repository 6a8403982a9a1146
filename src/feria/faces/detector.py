"""Who finds faces. Two forms: `HaarDetector`, built in, and `YuNetDetector`, from a file on the shelf."""

from collections.abc import Iterable
from typing import Protocol

from feria.faces.boxes import Box
from feria.pixels import Pixels


class FaceDetector(Protocol):
    def find(self, frame: Pixels) -> list[Box]:
        """The faces in a frame, the largest first; none is an empty list.

        `frame` is uint8, `[height, width]` grey or `[height, width, 3]` RGB, of any size. All forms frame
        a face alike, so that a network behind them need not know which it was. The answer depends on the
        frame alone. Threads may ask at once.
        """
        ...


def largest_first(boxes: Iterable[Box]) -> list[Box]:
    """Without those whose middle lies in a larger one: an open mouth is no second face."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: (-box.side, box.left, box.top)):
        if not any(larger.holds(box) for larger in kept):
            kept.append(box)
    return kept
