"""One picture, as this room looks at it. None is kept."""

import numpy as np

from feria.faces.opencv import opencv
from feria.pixels import Colours, Pixels, decode

COVERED = (480, 480)
"""Larger frames are decoded smaller, down to this: a face in them is still larger than a network takes."""
LOOKED_AT = 160
"""Pixels of the long side on which faces are looked for. The time it takes grows with its square."""


def read_frame(data: bytes, max_pixels: int, colours: Colours = "GRAY") -> Pixels:
    """The picture as uint8 `[height, width]` grey, or `[height, width, 3]` RGB.

    Raises `NotAnImage`, and `TooLarge` before decoding for more than `max_pixels`.
    """
    pixels = decode(data, colours, COVERED, max_pixels)
    return pixels[..., 0] if colours == "GRAY" else pixels


def reduced(frame: Pixels) -> tuple[Pixels, float]:
    """The frame in grey, its long side `LOOKED_AT`, and what it was multiplied with."""
    height, width = frame.shape[:2]
    factor = LOOKED_AT / max(height, width)
    # However thin a picture is, a line of it is left.
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return grey(resized(frame, size)), factor


def grey(frame: Pixels) -> Pixels:
    if frame.ndim == 2:
        return frame
    cv2 = opencv()
    pixels: Pixels = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return pixels


def resized(frame: Pixels, size: tuple[int, int]) -> Pixels:
    """To that width and height: smaller by the mean of what falls together, larger by lines between."""
    if frame.shape[1::-1] == size:
        return frame
    cv2 = opencv()
    smaller = size[0] < frame.shape[1] or size[1] < frame.shape[0]
    pixels: Pixels = cv2.resize(
        np.ascontiguousarray(frame), size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    )
    return pixels
