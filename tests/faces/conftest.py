"""Photographs of faces, and one that is drawn."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from feria.faces.frames import read_frame
from feria.pixels import Pixels

LIMIT = 25_000_000


@pytest.fixture(scope="session")
def photographs(shared_data: Path) -> dict[str, bytes]:
    """Seven, each with one face, by the expression it has."""
    return {file.stem: file.read_bytes() for file in sorted((shared_data / "emotion/samples").glob("*.jpg"))}


@pytest.fixture(scope="session")
def yunet_file(shared_data: Path) -> Path:
    [file] = (shared_data / "models/face").glob("face_detection_yunet_*.onnx")
    return file


@pytest.fixture(scope="session")
def frames(photographs: dict[str, bytes]) -> dict[str, Pixels]:
    """The same as a camera gives them: 640×480, grey."""
    return {name: as_camera(read_frame(data, LIMIT)) for name, data in photographs.items()}


def as_camera(picture: Pixels) -> Pixels:
    image = Image.fromarray(picture)
    ratio = min(640 / image.width, 480 / image.height)
    image = image.resize((round(image.width * ratio), round(image.height * ratio)))
    frame = np.full((480, 640), 127, np.uint8)
    top, left = (480 - image.height) // 2, (640 - image.width) // 2
    frame[top : top + image.height, left : left + image.width] = np.asarray(image)
    return frame


def png(picture: Image.Image | Pixels, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(file, kind)
    return file.getvalue()
