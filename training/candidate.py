"""The ONNX file that is to be judged, run as a node runs it: same reader of pictures, same runtime."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from pydantic import ValidationError

from feria.errors import FeriaError, Invalid, NotAModel, NotFound
from feria.inference.pictures import PictureReader
from feria.registry.inspection import inspect
from feria.registry.wire import METADATA_KEY, Description, FileMetadata, ImageInput, ModelOutput
from feria.settings import InferenceSettings
from training.labelled import Labelled

BATCH = 32
WARM_UP = 20
TIMED = 200

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
Report = Callable[[str, float], None]


@dataclass(frozen=True)
class Answers:
    """What the model says of the pictures that could be read."""

    seen: np.ndarray[tuple[int], np.dtype[np.int64]]
    """Which of the pictures they were."""
    outputs: Mapping[str, Floats]
    """By the output's name, `[n, …]` flat to two axes."""
    damaged: tuple[str, ...]
    """The others: the name of each, and why."""


@dataclass(frozen=True)
class Percentiles:
    """In milliseconds."""

    p50: float
    p99: float


@dataclass(frozen=True)
class Latency:
    """Of one picture at a time on one thread."""

    pictures: int
    network: Percentiles
    whole: Percentiles
    """From the bytes of the file to the answer."""


@dataclass(frozen=True)
class Said:
    """What the caller knows better than the file; None is as the file says."""

    input: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `ImageInput`."""
    labels: tuple[str, ...] | None = None
    unsure_below: float | None = None


class Candidate:
    """One file. Raises `NotFound`, `NotAModel`, and `Invalid` for a model that takes no pictures."""

    def __init__(self, path: Path, said: Said, threads: int) -> None:
        if not path.is_file():
            raise NotFound(f"There is no file {path}.")
        told = Description(labels=said.labels, unsure_below=said.unsure_below)
        described = FileMetadata.model_validate(inspect(str(path), told.model_dump(), lambda *_: None))
        if not isinstance(described.input, ImageInput):
            raise Invalid(f"{path} takes no pictures, so there is nothing to judge it by.")
        self.path = path
        self.kind = described.kind
        self.input = _altered(described.input, said.input)
        self.output: ModelOutput = described.output
        self._alone = _session(path, 1)
        self._session = self._alone if threads == 1 else _session(path, threads)
        own = METADATA_KEY in self._alone.get_modelmeta().custom_metadata_map
        self.labels_are_its_own = self.output.labels is not None and (own or said.labels is not None)
        """Else they are mere numbers, which the node made up for want of names."""
        self._reader = PictureReader(self.input, InferenceSettings().max_pixels)
        wanted = (self.output.probabilities, self.output.embedding)
        self._wanted = [name for name in wanted if name is not None]
        if not self._wanted:
            raise Invalid(f"{path} has neither an output with a column a class nor an embedding.")
        self._size = BATCH if self._takes_batches() else 1

    def answers(self, pictures: Labelled, report: Report) -> Answers:
        """Raises `Invalid` when no picture can be read, or the model says what is no number."""
        buffer = np.empty((self._size, *self._reader.shape), np.float32)
        parts: dict[str, list[Floats]] = {name: [] for name in self._wanted}
        seen: list[int] = []
        damaged: list[str] = []
        filled = 0
        for at in range(len(pictures)):
            try:
                self._reader.read(pictures.load(at), buffer[filled])
            except (FeriaError, OSError) as error:
                damaged.append(f"{pictures.name(at)}: {error}")
            else:
                seen.append(at)
                filled += 1
            if filled and (filled == self._size or at == len(pictures) - 1):
                for name, value in self._run(self._session, buffer[:filled]).items():
                    parts[name].append(value)
                filled = 0
            report(f"{at + 1:,} of {len(pictures):,} pictures", (at + 1) / len(pictures))
        if not seen:
            raise Invalid(f"None of the {len(pictures)} pictures in {pictures.source} can be read.")
        outputs = {name: np.concatenate(values) for name, values in parts.items()}
        for name, values in outputs.items():
            if not np.isfinite(values).all():
                raise Invalid(f"The model's output {name} has values that are no numbers.")
        return Answers(np.array(seen, np.int64), outputs, tuple(damaged))

    def latency(self, pictures: Labelled, seed: int, report: Report) -> Latency:
        """Over 200 pictures drawn from these, all of which can be read; fewer come again and again."""
        drawn = np.random.default_rng(seed).permutation(len(pictures))
        files = [pictures.load(at) for at in np.resize(drawn, TIMED).tolist()]
        buffer = np.empty((1, *self._reader.shape), np.float32)
        network, whole = [], []
        for n in range(-WARM_UP, TIMED):
            began = time.perf_counter()
            self._reader.read(files[n], buffer[0])
            read = time.perf_counter()
            self._alone.run(self._wanted, {self.input.input: buffer})
            ended = time.perf_counter()
            if n >= 0:
                network.append(ended - read)
                whole.append(ended - began)
                report("one picture at a time", (n + 1) / TIMED)
        return Latency(TIMED, _percentiles(network), _percentiles(whole))

    def _takes_batches(self) -> bool:
        """Whether several pictures give several answers: the graph's word for it is not always true."""
        shape = (2, *self._reader.shape)
        try:
            self._run(self._alone, np.zeros(shape, np.float32))
        except Invalid:
            return False
        return True

    def _run(self, session: Any, pictures: Floats) -> dict[str, Floats]:
        try:
            values = session.run(self._wanted, {self.input.input: pictures})
        except Exception as error:  # its exceptions share no base of their own
            raise Invalid(f"The model refuses the pictures: {str(error)[:300]}") from None
        for name, value in zip(self._wanted, values, strict=True):
            if len(value) != len(pictures):
                raise Invalid(f"The output {name} has {len(value)} answers for {len(pictures)} pictures.")
        flat = [np.asarray(value, np.float32).reshape(len(pictures), -1) for value in values]
        return dict(zip(self._wanted, flat, strict=True))


def _altered(found: ImageInput, said: Mapping[str, Any]) -> ImageInput:
    try:
        altered = ImageInput.model_validate(found.model_dump() | dict(said))
    except ValidationError as error:
        reasons = "; ".join(one["msg"] for one in error.errors())
        raise Invalid(f"The model's input cannot be so: {reasons}.") from None
    if (found.channels == "GRAY") != (altered.channels == "GRAY"):
        raise Invalid(f"The model takes {found.channels} pictures, not {altered.channels}.")
    return altered


def _session(path: Path, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong, we say ourselves
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # see above
        raise NotAModel(f"ONNX Runtime refuses the file: {str(error)[:300]}") from None


def _percentiles(seconds: list[float]) -> Percentiles:
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return Percentiles(float(p50), float(p99))
