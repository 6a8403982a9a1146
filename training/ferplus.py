"""FER+: faces of 48 × 48 grey pixels and what ten people saw in each (Barsoum et al., ICMI 2016)."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import simplejpeg

EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""In the order of the contract."""
COLUMNS = {
    "anger": "angry", "disgust": "disgust", "fear": "fear", "happiness": "happy", "neutral": "neutral",
    "sadness": "sad", "surprise": "surprise",
}  # fmt: skip
"""FER+'s own names of the seven; its others are contempt, unknown and NF, no face."""
VALIDATION_SHARE = 10

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
Labels = np.ndarray[tuple[int], np.dtype[np.int64]]
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Faces:
    pixels: Pixels
    """`[n, 48, 48]`."""
    votes: Floats
    """`[n, 10]`."""
    columns: tuple[str, ...]
    numbers: Labels
    """Of each face in FER2013; names it, whatever is left out."""

    def seven(self) -> Floats:
        """The votes of the seven emotions, `[n, 7]`, in the contract's order."""
        at = {COLUMNS[name]: n for n, name in enumerate(self.columns) if name in COLUMNS}
        return self.votes[:, [at[emotion] for emotion in EMOTIONS]]

    def soft(self) -> tuple[Floats, Mask]:
        """Targets `[n, 7]` that sum to 1, and which faces have any.

        A single vote against many is held for a slip, as the paper does; faces that most held for none, for
        unknown or for contempt teach nothing about the seven.
        """
        counted = np.where(self.votes > 1, self.votes, 0)
        at = [n for n, name in enumerate(self.columns) if name in COLUMNS]
        others = np.delete(counted, at, 1).sum(1)
        seven = np.where(self.seven() > 1, self.seven(), 0)
        total = seven.sum(1)
        used = total > others
        return (seven / np.maximum(total, 1)[:, None]).astype(np.float32), used

    def validation(self) -> Mask:
        """One face in ten, by a hash of its number: Knuth's multiplicative one."""
        return (
            self.numbers.astype(np.uint64) * np.uint64(2654435761) % np.uint64(2**32)
        ) < 2**32 / VALIDATION_SHARE


def read(file: Path) -> Faces:
    """Raises `KeyError` for an npz without `jpeg`, `offset`, `votes`, `columns` and `idx`."""
    with np.load(file) as data:
        jpeg, offset = data["jpeg"].tobytes(), data["offset"].astype(np.int64)
        votes, columns = data["votes"].astype(np.float32), tuple(str(name) for name in data["columns"])
        numbers = data["idx"].astype(np.int64)
    faces = [simplejpeg.decode_jpeg(jpeg[start:end], "GRAY")[:, :, 0] for start, end in pairwise(offset)]
    return Faces(np.stack(faces), votes, columns, numbers)
