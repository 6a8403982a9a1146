"""Pictures of one colour each, as files and as FER+ keeps its faces."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
FERPLUS = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF",
)  # fmt: skip


def paint(folder: Path, classes: Mapping[str, Sequence[Any]]) -> Path:
    """A folder a class, a PNG a colour."""
    for name, colours in classes.items():
        (folder / name).mkdir(parents=True)
        for n, colour in enumerate(colours):
            Image.new("RGB", (12, 9), colour).save(folder / name / f"{n}.png")
    return folder


def votes(*faces: Mapping[str, int]) -> Any:
    return np.array([[face.get(column, 0) for column in FERPLUS] for face in faces], np.uint8)


def jpegs(greys: Sequence[int]) -> dict[str, Any]:
    """`jpeg` and `offset`, a face a shade of grey."""
    files = []
    for grey in greys:
        file = io.BytesIO()
        Image.new("L", (48, 48), grey).save(file, "JPEG", quality=95)
        files.append(file.getvalue())
    return {
        "jpeg": np.frombuffer(b"".join(files), np.uint8),
        "offset": np.cumsum([0, *map(len, files)]),
    }


def pixels(greys: Sequence[int], shape: tuple[int, ...] = (48, 48)) -> Any:
    return np.stack([np.full(shape, grey, np.uint8) for grey in greys])


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **{"columns": np.array(FERPLUS)} | arrays)
    return path
