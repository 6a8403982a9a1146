"""What public networks see in a picture; a student who learns to say it needs fewer pictures of its own.

Relational and feature distillation with a linear head: Romero et al., "FitNets", ICLR 2015.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image
from rich.progress import track

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

BATCH = 32


@dataclass(frozen=True)
class Teacher:
    file: str
    side: int
    mean: tuple[float, float, float]
    scale: float
    bgr: bool = False


TEACHERS = (
    Teacher("squeezenet1_0_dc.onnx", 227, (104, 117, 123), 1.0, bgr=True),
    Teacher("mobilenet_v2_1.0_224_u8w.onnx", 224, (127.5, 127.5, 127.5), 1 / 127.5),
)


def embeddings(folder: Path, pixels: Pixels, cache: Path) -> Floats:
    """`[n, d]`: of all teachers side by side, each normalised, then all together.

    `pixels` `[n, side, side, 3]` RGB. Kept in `cache`, for it takes minutes.
    """
    seen = hashlib.sha256(pixels.tobytes())
    for teacher in TEACHERS:
        seen.update(repr(teacher).encode())
    file = cache / f"teachers-{seen.hexdigest()[:16]}.npy"
    if file.exists():
        return np.load(file)
    joined = np.concatenate([_normalised(_embeddings(folder, teacher, pixels)) for teacher in TEACHERS], 1)
    cache.mkdir(parents=True, exist_ok=True)
    np.save(file, made := _normalised(joined))
    return made


def _embeddings(folder: Path, teacher: Teacher, pixels: Pixels) -> Floats:
    session = ort.InferenceSession(folder / teacher.file, providers=ort.get_available_providers())
    name = session.get_inputs()[0].name
    made = []
    for start in track(range(0, len(pixels), BATCH), f"asking {teacher.file}"):
        batch = [_as_wanted(one, teacher) for one in pixels[start : start + BATCH]]
        made.append(session.run(["embedding"], {name: np.stack(batch)})[0].reshape(len(batch), -1))
    return np.concatenate(made)


def _as_wanted(picture: Pixels, teacher: Teacher) -> Floats:
    larger = Image.fromarray(picture).resize((teacher.side, teacher.side), Image.Resampling.BILINEAR)
    pixels = np.asarray(larger, np.float32)[:, :, :: -1 if teacher.bgr else 1]
    return ((pixels - np.float32(teacher.mean)) * np.float32(teacher.scale)).transpose(2, 0, 1)


def _normalised(vectors: Floats) -> Floats:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
