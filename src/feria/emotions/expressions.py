"""A picture network asked for expressions: whole pictures, or each face in them."""

import base64
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol, Self

import msgspec
import numpy as np

from feria.emotions.classes import names
from feria.errors import FeriaError, Invalid, NoFace, NotAModel
from feria.faces.boxes import Box, crop
from feria.faces.frames import read_frame, resized
from feria.inference.pictures import Floats, PictureReader
from feria.inference.predictors import PicturePredictor
from feria.inference.sessions import Array
from feria.pixels import Pixels, deep
from feria.registry.wire import ImageInput, Model
from feria.settings import InferenceSettings

FACE_SECONDS = 0.01
"""What finding faces adds to a first guess of a job's time."""
MOST_FACES = 32
"""Of one picture, the largest: a poster of a crowd is not to keep a worker for a second."""


class FindsFaces(Protocol):
    def __call__(self, frame: Pixels) -> list[Box]:
        """The faces in a frame, the largest first. Called from worker threads."""
        ...


class Place(NamedTuple):
    """Of a face, as shares of the picture's width and height."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Seen:
    """The expression of one face."""

    name: str
    probabilities: dict[str, float]
    unsure: bool | None
    place: Place | None = None

    @property
    def confidence(self) -> float:
        return self.probabilities[self.name]


Outcome = list[Seen] | FeriaError
"""Of one picture: its faces, the largest first, or why there are none."""


@dataclass(frozen=True, slots=True)
class Look:
    pictures: Sequence[bytes | msgspec.Raw]
    """Their bytes, or JSON texts of Base64."""
    find: FindsFaces | None = None
    """None takes each picture whole."""


class ExpressionPredictor(PicturePredictor):
    """On the session a model is served from. Its payloads are `Look`s, its answers a list of `Outcome`s,
    one a picture: what is wrong with one harms no other."""

    def __init__(self, model: Model, session: Any, settings: InferenceSettings) -> None:
        super().__init__(model, session, settings)
        assert isinstance(model.input, ImageInput)
        if model.output.labels is None or model.output.probabilities is None:
            raise NotAModel(f"{model.reference} tells no classes, so it reads no expressions.")
        self.labels = names(model.output.labels)
        self.tag = f"v{model.version}.0.0"
        self._max_pixels = settings.max_pixels
        self._face_reader = _FaceReader(model.input, settings.max_pixels)

    @classmethod
    def beside(cls, served: PicturePredictor, settings: InferenceSettings, *, detecting: bool) -> Self:
        """On a model that is warm already. Those that look for faces first wait in a line of their own, for
        they take a worker several times as long."""
        made = cls(served.model, served._session, settings)
        made.expected_seconds = served.expected_seconds + (FACE_SECONDS if detecting else 0.0)
        return made

    def answer(self, payloads: Sequence[Look]) -> list[Any]:  # type: ignore[override]
        batch = _Batch(self._buffer(), self._run)
        answers = [[self._look(batch, picture, look.find) for picture in look.pictures] for look in payloads]
        batch.run()
        return [[_outcome(found) for found in answer] for answer in answers]

    def _look(self, batch: "_Batch", picture: bytes | msgspec.Raw, find: FindsFaces | None) -> "_Found":
        found: _Found = []
        try:
            content = from_base64(picture) if isinstance(picture, msgspec.Raw) else picture
            if find is None:
                batch.add(partial(self._reader.read, content), found, None)
                return found
            frame = read_frame(content, self._max_pixels, self._face_reader.colours)
            boxes = find(frame)[:MOST_FACES]
            if not boxes:
                raise NoFace("There is no face in the picture, or none that looks into the camera.")
            for box in boxes:
                face = resized(crop(frame, box), self._face_reader.size)
                batch.add(partial(self._face_reader.write, face), found, _place(box, frame))
        except FeriaError as error:
            found.append(error)
        return found

    def _run(self, buffer: Array, places: Sequence[Place | None]) -> "_Found":
        """Raises `Invalid` when the graph refuses the values."""
        outputs = self._session.run({self._input.input: buffer}, self._wanted)
        rows = outputs[self._wanted[0]].reshape(len(places), -1)
        return [self._seen(row, place) for row, place in zip(rows, places, strict=True)]

    def _seen(self, row: Array, place: Place | None) -> Seen | FeriaError:
        best = int(row.argmax())  # where there is one that is no number, that one
        if not math.isfinite(row[best]):
            return Invalid(f"{self.model.reference} answers this picture with what is no number.")
        limit = self._output.unsure_below
        unsure = None if limit is None else bool(row[best] < limit)
        return Seen(self.labels[best], dict(zip(self.labels, row.tolist(), strict=True)), unsure, place)


_Found = list[Seen | FeriaError]


class _Batch:
    """Pictures written into one buffer, which is run whenever it is full."""

    def __init__(self, buffer: Array, run: "Callable[[Array, Sequence[Place | None]], _Found]") -> None:
        self._buffer = buffer
        self._run = run
        self._owners: list[_Found] = []
        self._places: list[Place | None] = []

    def add(self, write: Callable[[Floats], None], owner: _Found, place: Place | None) -> None:
        """Raises what writing raises; the picture is then not in the batch."""
        write(self._buffer[len(self._owners)])
        self._owners.append(owner)
        self._places.append(place)
        if len(self._owners) == len(self._buffer):
            self.run()

    def run(self) -> None:
        if not self._owners:
            return
        try:
            seen = self._run(self._buffer[: len(self._owners)], self._places)
        except FeriaError as error:
            seen = [error] * len(self._owners)
        for owner, one in zip(self._owners, seen, strict=True):
            owner.append(one)
        self._owners, self._places = [], []


class _FaceReader(PictureReader):
    """For pixels that are cut out and have the network's size already."""

    def __init__(self, wanted: ImageInput, max_pixels: int) -> None:
        super().__init__(wanted, max_pixels)
        self.colours = self._colours
        self.size = self._size

    def write(self, face: Pixels, out: Floats) -> None:
        pixels = deep(face)
        if self._wanted.channels == "BGR":
            pixels = pixels[..., ::-1]
        np.subtract(pixels.transpose(self._axes), self._mean, out=out)
        np.multiply(out, self._scale, out=out)


def from_base64(said: msgspec.Raw) -> bytes:
    """The bytes in a JSON text of Base64; a `data:` URL will do, and so will line breaks.

    Raises `Invalid`.
    """
    try:
        return msgspec.json.decode(said, type=bytes)
    except msgspec.DecodeError:
        pass
    try:
        text = msgspec.json.decode(said, type=str)
        return base64.b64decode("".join((text.partition(",")[2] or text).split()), validate=True)
    except (msgspec.DecodeError, ValueError):
        raise Invalid("The picture is not Base64.") from None


def _outcome(found: _Found) -> Outcome:
    faces: list[Seen] = []
    for one in found:
        if isinstance(one, FeriaError):
            return one
        faces.append(one)
    return faces


def _place(box: Box, frame: Pixels) -> Place:
    height, width = frame.shape[:2]
    return Place(box.left / width, box.top / height, box.side / width, box.side / height)
