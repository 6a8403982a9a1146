"""The product photos as arrays: clothing and groceries, each with its validation part.

A picture becomes what a node would make of it: decoded, padded to a square with its own edge and reduced by
the very code that serves it (`feria.inference.pictures`).
"""

import csv
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from feria.inference.pictures import PictureReader
from feria.registry.wire import ImageInput

CLOTHING = (
    "dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt",
)  # fmt: skip
VALIDATION_SHARE = 10
"""One clothing picture in so many validates, by its name's hash; it is never trained on."""
MAX_PIXELS = 25_000_000

Part = Literal["train", "validation", "test"]
Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Photo:
    path: Path
    label: str
    part: Part


@dataclass(frozen=True)
class Photos:
    pixels: Pixels
    """`[n, side, side, 3]`, RGB."""
    labels: np.ndarray[tuple[int], np.dtype[np.int64]]
    """Indices into `names`."""
    names: tuple[str, ...]


def clothing(folder: Path) -> Iterator[Photo]:
    """Of a folder a class. Raises `FileNotFoundError` when one of the ten is missing."""
    for label in CLOTHING:
        if not (folder / label).is_dir():
            raise FileNotFoundError(f"{folder} has no folder {label!r}.")
        for path in sorted((folder / label).glob("*.jpg")):
            digest = hashlib.sha256(path.name.encode()).digest()
            part: Part = "validation" if digest[0] % VALIDATION_SHARE == 0 else "train"
            yield Photo(path, label, part)


def groceries(folder: Path) -> Iterator[Photo]:
    """By the lists of the dataset's authors and its coarse classes (Klasson et al., WACV 2019)."""
    with (folder / "classes.csv").open(encoding="utf-8", newline="") as rows:
        next(rows)
        coarse = {int(row[3]): row[2].lower() for row in csv.reader(rows)}
    parts: tuple[tuple[str, Part], ...] = (("train", "train"), ("val", "validation"), ("test", "test"))
    for name, part in parts:
        for line in (folder / f"{name}.txt").read_text(encoding="utf-8").splitlines():
            path, _, label = (field.strip() for field in line.split(","))
            yield Photo(folder / path, coarse[int(label)], part)


def names(photos: list[Photo]) -> tuple[str, ...]:
    """The classes: clothing first, in the contract's order, then the rest by name."""
    return CLOTHING + tuple(sorted({photo.label for photo in photos} - set(CLOTHING)))


def read(photos: list[Photo], labels: tuple[str, ...], side: int, tell: Told | None = None) -> Photos:
    reader = PictureReader(
        ImageInput(input="", width=side, height=side, layout="NHWC", scale=(1.0,), fit="pad"), MAX_PIXELS
    )
    pixels = np.empty((len(photos), side, side, 3), np.uint8)
    buffer = np.empty((side, side, 3), np.float32)
    for at, photo in enumerate(photos):
        reader.read(photo.path.read_bytes(), buffer)
        pixels[at] = buffer
        if tell is not None:
            tell(at + 1, len(photos))
    of = {name: n for n, name in enumerate(labels)}
    return Photos(pixels, np.array([of[photo.label] for photo in photos], np.int64), labels)
