"""Pictures that are made, not taken: the demo catalogue's drawings, and pictures of nothing at all.

A network that has only seen photos is at a loss with a drawing, and one that has only seen its classes is
sure of everything. What shows none of the classes is to be met with even probabilities (outlier exposure:
Hendrycks et al., ICLR 2019).
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from feria.drawings.kinds import KINDS
from feria.drawings.pictures import VIEWS, draw
from training.photos import Photos

EACH = 24
"""Drawings of a kind that are learned; their seeds begin at 0."""
FRESH = 10_000
"""Seeds from here on are never learned."""
NOTHINGS = 400
WEIGHT = 0.7
"""How often one is drawn from the hat, beside a photo of a grocery."""
UNSEEN = ("bowl", "jug", "mug")
"""Kinds without a class that are kept back, to see whether it is unsure of what it has not met."""

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


@dataclass(frozen=True)
class Drawn:
    pixels: Pixels
    """`[n, side, side, 3]`."""
    targets: Floats
    """`[n, classes]`; even where it shows none of them."""

    @property
    def weights(self) -> Floats:
        return np.full(len(self.pixels), WEIGHT, np.float32)


def some(names: tuple[str, ...], side: int, each: int = EACH, patterns: int = NOTHINGS) -> Drawn:
    """What is learned beside the photos: `each` drawings of a kind, and so many patterns."""
    pictures, targets = [], []
    for kind, how in KINDS.items():
        if kind in UNSEEN:
            continue
        for seed in range(each):
            pictures.append(np.asarray(draw(kind, seed, side, seed % VIEWS)))
            targets.append(target(how.label, names))
    pictures += [nothing(seed, side) for seed in range(patterns)]
    targets += [target(None, names)] * patterns
    return Drawn(np.stack(pictures), np.stack(targets))


def fresh(names: tuple[str, ...], side: int, each: int = 8) -> Photos:
    """Drawings that were never learned, of the kinds that have a class."""
    of = [(kind, str(how.label).lower()) for kind, how in KINDS.items() if how.label is not None]
    pictures = [np.asarray(draw(kind, FRESH + n, side, n % VIEWS)) for kind, _ in of for n in range(each)]
    labels = np.repeat([names.index(label) for _, label in of], each).astype(np.int64)
    return Photos(np.stack(pictures), labels, names)


def unknown(side: int, each: int = 20) -> Pixels:
    """Drawings of what has no class and was never learned."""
    return np.stack(
        [np.asarray(draw(kind, FRESH + n, side, n % VIEWS)) for kind in UNSEEN for n in range(each)]
    )


def nothings(side: int, n: int = 100) -> Pixels:
    return np.stack([nothing(FRESH + seed, side) for seed in range(n)])


def target(label: str | None, names: tuple[str, ...]) -> Floats:
    if label is None or label.lower() not in names:
        return np.full(len(names), 1 / len(names), np.float32)
    return np.eye(len(names), dtype=np.float32)[names.index(label.lower())]


def nothing(seed: int, side: int) -> Pixels:
    """Clouds, stripes or specks in any colours, `[side, side, 3]`."""
    random = np.random.default_rng([seed, 4711])
    grain = int(random.choice([2, 4, 8, 16, side]))
    wide, high = (grain, 1) if random.random() < 0.25 else (grain, grain)
    colours = random.integers(0, 256, (2, 3))
    share = random.random((high, wide, 1 if random.random() < 0.6 else 3))
    coarse = (colours[0] * share + colours[1] * (1 - share)).astype(np.uint8)
    smooth = Image.Resampling.BICUBIC if random.random() < 0.6 else Image.Resampling.NEAREST
    turned = (
        Image.fromarray(coarse).resize((2 * side, 2 * side), smooth).rotate(float(random.uniform(0, 180)))
    )
    return np.asarray(turned.crop((side // 2, side // 2, side // 2 + side, side // 2 + side)))
