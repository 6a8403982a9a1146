"""A loaded model version: from payloads to answers, several at a time.

Three kinds, by what the model takes: rows, pictures, or tensors that nobody has named.
"""

import statistics
import threading
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from feria.errors import FeriaError, Invalid
from feria.inference.pictures import PictureReader, pictures_in_json
from feria.inference.rows import Row, RowReader, Table
from feria.inference.sessions import Array, Session
from feria.registry.wire import ImageInput, Model, ModelOutput, TabularInput, TensorInput
from feria.settings import InferenceSettings

TOP = 5
ROW_JOBS = 64
"""A tabular call costs about the same for one row as for some dozens."""

RowPayload = bytes | Sequence[Row]
PicturePayload = bytes | Sequence[bytes]
"""JSON with Base64 inside, or the pictures themselves."""


class _Loaded:
    """What the three kinds share."""

    max_jobs = 1
    quick = False
    """Whether one small answer takes less time than handing it to another thread would."""
    expected_seconds = 0.001
    """What a job takes a worker, as far as one can tell before the first was answered."""

    def __init__(self, model: Model, session: Session) -> None:
        self.model = model
        self.name = model.name
        self.head = {"model": model.name, "version": model.version, "digest": model.digest}
        self._session = session
        self._output: ModelOutput = model.output


class RowPredictor(_Loaded):
    def __init__(self, model: Model, session: Session, settings: InferenceSettings) -> None:
        super().__init__(model, session)
        assert isinstance(model.input, TabularInput)
        self._input = model.input
        self._reader = RowReader(model.input)
        output = model.output
        self._labels = list(output.labels) if output.labels is not None else None
        self._wanted = [name for name in (output.value, output.probabilities) if name]
        self.max_jobs = ROW_JOBS if session.batches else 1
        self._inline_seconds = settings.inline_microseconds / 1e6

    def warm(self) -> None:
        """Run until the first caller finds everything in place, and see how long one row takes."""
        row = [0.0 if column.kind == "number" else "" for column in self._input.columns]
        payload = msgspec.json.encode({"rows": [row]})
        self.answer([payload] * 3)
        times = []
        for _ in range(15):
            began = time.perf_counter()
            self.answer_one(payload)
            times.append(time.perf_counter() - began)
        self.expected_seconds = statistics.median(times)
        self.quick = self.expected_seconds < self._inline_seconds

    def answer_one(self, payload: RowPayload) -> dict[str, Any]:
        """Raises `Invalid`."""
        table = self._reader.read(payload)
        return self._describe(self._run(table.numbers, table.texts), 0, table.n)

    def answer(self, payloads: Sequence[RowPayload]) -> list[dict[str, Any] | FeriaError]:
        if len(payloads) == 1:
            return [_attempt(self.answer_one, payloads[0])]
        tables = [_attempt(self._reader.read, payload) for payload in payloads]
        good = [table for table in tables if isinstance(table, Table)]
        if not good:
            return tables
        try:
            outputs = self._run(
                np.concatenate([table.numbers for table in good]),
                np.concatenate([table.texts for table in good]),
            )
        except FeriaError:
            return [_attempt(self.answer_one, payload) for payload in payloads]  # find the one it is about
        answers: list[dict[str, Any] | FeriaError] = []
        start = 0
        for table in tables:
            if isinstance(table, FeriaError):
                answers.append(table)
            else:
                answers.append(self._describe(outputs, start, start + table.n))
                start += table.n
        return answers

    def _run(self, numbers: Array, texts: Array) -> dict[str, Array]:
        if self._session.batches or len(numbers) == 1:
            return self._call(numbers, texts)
        singly = [self._call(numbers[i : i + 1], texts[i : i + 1]) for i in range(len(numbers))]
        return {name: np.concatenate([outputs[name] for outputs in singly]) for name in self._wanted}

    def _call(self, numbers: Array, texts: Array) -> dict[str, Array]:
        feeds = {}
        if name := self._input.numbers_input:
            feeds[name] = numbers
        if name := self._input.texts_input:
            feeds[name] = texts
        return self._session.run(feeds, self._wanted)

    def _describe(self, outputs: dict[str, Array], start: int, end: int) -> dict[str, Any]:
        answer = dict(self.head)
        probabilities = outputs.get(self._output.probabilities or "")
        if self._output.value is not None:
            value = outputs[self._output.value][start:end]
            answer["predictions"] = (
                value[:, 0] if value.ndim == 2 and value.shape[1] == 1 else value
            ).tolist()
        elif probabilities is not None and self._labels is not None:
            best = probabilities[start:end].argmax(axis=1)
            answer["predictions"] = [self._labels[i] for i in best]
        if probabilities is not None:
            answer["labels"] = self._labels
            answer["probabilities"] = probabilities[start:end].tolist()
        return answer


class PicturePredictor(_Loaded):
    def __init__(self, model: Model, session: Session, settings: InferenceSettings) -> None:
        super().__init__(model, session)
        assert isinstance(model.input, ImageInput)
        self._input = model.input
        self._reader = PictureReader(model.input, settings.max_pixels)
        self._size = settings.max_batch if session.batches else 1
        self.max_jobs = settings.max_batch
        self._wanted = [model.output.probabilities] if model.output.probabilities else session.outputs
        self._own = threading.local()  # each thread decodes into a buffer that is already there

    def warm(self) -> None:
        for n in sorted({1, self._size}):
            for _ in range(3):
                began = time.perf_counter()
                self._session.run({self._input.input: self._buffer()[:n]}, self._wanted)
                self.expected_seconds = (time.perf_counter() - began) / n

    def answer(self, payloads: Sequence[PicturePayload]) -> list[dict[str, Any] | FeriaError]:
        answers: list[Any] = [_attempt(_pictures, payload) for payload in payloads]
        pictures = [
            (at, picture)
            for at, pictures in enumerate(answers)
            if not isinstance(pictures, FeriaError)
            for picture in pictures
        ]
        for at, answer in enumerate(answers):
            if not isinstance(answer, FeriaError):
                answers[at] = {**self.head, "predictions": []}
        for start in range(0, len(pictures), self._size):
            self._answer_some(pictures[start : start + self._size], answers)
        return answers

    def _answer_some(self, pictures: list[tuple[int, bytes]], answers: list[Any]) -> None:
        """Fill in the predictions of at most a buffer of pictures; `at` is whose picture it is."""
        buffer = self._buffer()
        owners: list[int] = []
        for at, picture in pictures:
            if isinstance(answers[at], FeriaError):
                continue  # an earlier picture of the same request was bad
            try:
                self._reader.read(picture, buffer[len(owners)])
                owners.append(at)
            except FeriaError as error:
                error.details["picture"] = len(answers[at]["predictions"]) + owners.count(at)
                answers[at] = error
        if not owners:
            return
        try:
            outputs = self._session.run({self._input.input: buffer[: len(owners)]}, self._wanted)
        except FeriaError as error:
            for at in owners:
                answers[at] = error
            return
        for row, at in enumerate(owners):
            if not isinstance(answers[at], FeriaError):
                answers[at]["predictions"].append(self._describe(outputs, row))

    def _describe(self, outputs: dict[str, Array], row: int) -> Any:
        if self._output.probabilities is None or self._output.labels is None:
            return {name: values[row].tolist() for name, values in outputs.items()}
        probabilities = outputs[self._output.probabilities][row].ravel()
        labels = self._output.labels
        # Of a thousand classes five are wanted: find them first, then sort those.
        n = min(TOP, len(labels))
        best = probabilities.argpartition(-n)[-n:]
        best = best[(-probabilities[best]).argsort()]
        top = [
            {"label": labels[i], "probability": probability}
            for i, probability in zip(best.tolist(), probabilities[best].tolist(), strict=True)
        ]
        answer = {"label": top[0]["label"], "confidence": top[0]["probability"], "top": top}
        if self._output.unsure_below is not None:
            answer["unsure"] = top[0]["probability"] < self._output.unsure_below
        return answer

    def _buffer(self) -> Array:
        if not hasattr(self._own, "buffer"):
            self._own.buffer = np.zeros((self._size, *self._reader.shape), np.float32)
        buffer: Array = self._own.buffer
        return buffer


class TensorPredictor(_Loaded):
    """`{"inputs": {name: nested lists}}` in, `{"outputs": {…}}` out; never batched, for shapes may differ."""

    def __init__(self, model: Model, session: Session, settings: InferenceSettings) -> None:
        super().__init__(model, session)
        assert isinstance(model.input, TensorInput)
        self._tensors = model.input.tensors

    def warm(self) -> None:
        return

    def answer(self, payloads: Sequence[bytes]) -> list[dict[str, Any] | FeriaError]:
        return [_attempt(self._answer, payload) for payload in payloads]

    def _answer(self, payload: bytes) -> dict[str, Any]:
        given = _inputs(payload)
        if set(given) != set(self._tensors):
            raise Invalid(f"The model takes the inputs {sorted(self._tensors)}.")
        feeds = {name: _tensor(name, given[name], kind) for name, (kind, _) in self._tensors.items()}
        outputs = self._session.run(feeds)
        return {**self.head, "outputs": {name: np.asarray(v).tolist() for name, v in outputs.items()}}


AnyPredictor = RowPredictor | PicturePredictor | TensorPredictor


def load(model: Model, session: Session, settings: InferenceSettings) -> AnyPredictor:
    match model.input:
        case TabularInput():
            return RowPredictor(model, session, settings)
        case ImageInput():
            return PicturePredictor(model, session, settings)
        case TensorInput():
            return TensorPredictor(model, session, settings)


def _attempt(deed: Any, payload: Any) -> Any:
    try:
        return deed(payload)
    except FeriaError as error:
        return error


def _pictures(payload: PicturePayload) -> Sequence[bytes]:
    pictures = pictures_in_json(payload) if isinstance(payload, bytes) else payload
    if not pictures:
        raise Invalid("There are no pictures.")
    return pictures


class _Inputs(msgspec.Struct, forbid_unknown_fields=True):
    inputs: dict[str, Any]


_decoder = msgspec.json.Decoder(_Inputs)


def _inputs(payload: bytes) -> dict[str, Any]:
    try:
        return _decoder.decode(payload).inputs
    except msgspec.DecodeError as error:
        raise Invalid(f'The body must be {{"inputs": {{name: values}}}}: {error}.') from None


def _tensor(name: str, values: Any, kind: str) -> Array:
    element = kind.removeprefix("tensor(").removesuffix(")")
    dtype: Any = {"float": np.float32, "double": np.float64, "string": object}.get(element, element)
    try:
        return np.array(values, dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise Invalid(f"The input {name!r} is no {kind}: {error}.") from None
