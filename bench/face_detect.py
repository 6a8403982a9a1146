"""Promise `face-detect`: where the face is in a 640×480 frame, by both detectors, with and without a tracker.

The frames are made of seven photographs, one face each: films of a head that keeps almost still and
now and then moves on, with the noise of a camera. They are grey, as they come from the decoder.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.load import percentile
from bench.processes import Failed
from bench.report import Grid, Outcome, Promise, number, ranged
from bench.rounds import Spread, spread
from bench.run import Run
from feria.clock import SystemClock
from feria.faces.boxes import around, crop
from feria.faces.detector import FaceDetector
from feria.faces.frames import read_frame, resized
from feria.faces.haar import HaarDetector
from feria.faces.tracking import Tracker
from feria.faces.yunet import YuNetDetector
from feria.pixels import Pixels

NAME = "face_detect"
ROOT = Path(__file__).parent.parent
WIDTH, HEIGHT = 640, 480
FRAMES = 35
"""Of film for each photograph."""
MOVES_ON = 7
"""After so many frames the head is elsewhere."""
STILL, MOVES = 0.6, 12.0
"""Pixels a head moves from frame to frame while it keeps still, and when it does not; standard deviations."""
NOISE = 4.0
"""Grey levels."""
LIMIT_MS = 5.0
MAX_PIXELS = 25_000_000


def run(run: Run) -> Outcome:
    data = shared_data()
    photographs = [file.read_bytes() for file in sorted((data / "emotion/samples").glob("*.jpg"))]
    if not photographs:
        raise Failed(f"There are no photographs of faces in {data}/emotion/samples.")
    films = [list(film(read_frame(photograph, MAX_PIXELS))) for photograph in photographs]
    found = detectors(data)
    measured: dict[str, list[Turn]] = {name: [] for name in found}
    for n in range(run.rounds):
        for name, tracked in found.items():
            run.tell(f"round {n + 1} of {run.rounds}: {name}")
            measured[name].append(turn(tracked, films))
    rows = [row(name, turns, len(films)) for name, turns in measured.items()]
    columns = ["Detector", "p50 ms", "p99 ms", "ms a frame", "Looked", "Frames with a face", "Photographs"]
    notes = [
        f"Beside it, before a frame is there: {decoding(photographs, run):.2f} ms to decode a "
        f"{WIDTH}×{HEIGHT} JPEG to grey (p50).",
        "`Looked` is the share of frames for which the detector was asked; `Photographs` of how many it "
        "found the face in the first frame.",
    ]
    if len(found) < 4:
        notes.append("YuNet was not measured: its file is not among the data.")
    return Outcome(
        NAME,
        grids=[Grid(f"A face in a {WIDTH}×{HEIGHT} frame, one core", columns, rows)],
        promises=[
            Promise(
                "face-detect",
                f"{number(took.median)} ms p50, {name}",
                "–",
                "",
                took.median,
                f"< {LIMIT_MS:g} ms",
                is_ratio=False,
            )
            for name, turns in measured.items()
            for took in [p50(turns)]
        ],
        notes=notes,
    )


def shared_data() -> Path:
    """`$FERIA_TEST_DATA`, or `shared/data` beside the checkout. Raises `Failed` where there is none."""
    folder = Path(os.environ.get("FERIA_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        raise Failed(f"There are no real data at {folder}; name their folder in FERIA_TEST_DATA.")
    return folder


def detectors(data: Path) -> dict[str, Callable[[], FaceDetector]]:
    """By name, each made anew for every film, so that no tracker knows another's."""
    alone: dict[str, FaceDetector] = {"Haar": HaarDetector()}
    for file in (data / "models/face").glob("face_detection_yunet_*.onnx"):
        alone["YuNet"] = YuNetDetector(file)
    found: dict[str, Callable[[], FaceDetector]] = {}
    for name, detector in alone.items():
        found[name] = lambda detector=detector: detector  # type: ignore[misc]
        found[f"{name}, tracked"] = lambda detector=detector: Tracker(detector, SystemClock())  # type: ignore[misc]
    return found


def film(picture: Pixels) -> Iterator[Pixels]:
    random = np.random.default_rng(11)
    ratio = min(WIDTH / picture.shape[1], HEIGHT / picture.shape[0])
    still = resized(picture, (round(picture.shape[1] * ratio), round(picture.shape[0] * ratio)))
    at = np.array([still.shape[1] / 2, still.shape[0] / 2])
    for n in range(FRAMES):
        at += random.normal(0, MOVES if n and n % MOVES_ON == 0 else STILL, 2)
        square = crop(still, around((float(at[0]), float(at[1])), WIDTH), margin=0)
        frame = square[(WIDTH - HEIGHT) // 2 :][:HEIGHT]
        yield (frame + random.normal(0, NOISE, frame.shape)).clip(0, 255).astype(np.uint8)


@dataclass
class Turn:
    """What one detector did with all films."""

    ms: list[float] = field(default_factory=list)
    """A frame, from the quickest."""
    with_face: int = 0
    first: int = 0
    looks: int = 0


def turn(make: Callable[[], FaceDetector], films: list[list[Pixels]]) -> Turn:
    taken = Turn()
    for frames in films:
        detector = make()
        for n, frame in enumerate(frames):
            began = time.perf_counter()
            boxes = detector.find(frame)
            taken.ms.append((time.perf_counter() - began) * 1e3)
            taken.with_face += bool(boxes)
            taken.first += bool(boxes) and n == 0
        taken.looks += detector.looks if isinstance(detector, Tracker) else len(frames)
    taken.ms.sort()
    return taken


def p50(turns: list[Turn]) -> Spread:
    return spread(percentile(turn.ms, 0.5) for turn in turns)


def row(name: str, turns: list[Turn], photographs: int) -> list[str]:
    last, frames = turns[-1], len(turns[-1].ms)
    return [
        name,
        ranged(p50(turns)),
        ranged(spread(percentile(turn.ms, 0.99) for turn in turns)),
        ranged(spread(sum(turn.ms) / frames for turn in turns)),
        f"{last.looks / frames:.0%}",
        f"{last.with_face / frames:.0%}",
        f"{last.first} of {photographs}",
    ]


def decoding(photographs: list[bytes], run: Run) -> float:
    """Milliseconds; of JPEGs as large as the frames."""
    import simplejpeg

    grown = [resized(read_frame(one, MAX_PIXELS, "RGB"), (WIDTH, HEIGHT)) for one in photographs]
    encoded = [simplejpeg.encode_jpeg(np.ascontiguousarray(one), 85) for one in grown]
    times = []
    for _ in range(run.rounds * 4):
        for one in encoded:
            began = time.perf_counter()
            read_frame(one, MAX_PIXELS)
            times.append((time.perf_counter() - began) * 1e3)
    return percentile(sorted(times), 0.5)
