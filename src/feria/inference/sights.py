"""What a network sees in a picture, for those who search: its classes and its vector, from one run."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from feria.inference.predictors import PicturePredictor
from feria.inference.sessions import Array
from feria.registry.wire import Label, Model
from feria.settings import InferenceSettings

Vector = np.ndarray[tuple[int], np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Sight:
    top: tuple[tuple[Label, float], ...]
    """The likeliest classes and their probabilities, best first; none where the network knows no classes."""
    unsure: bool | None
    """Whether the picture may well be of no class; None where the model does not say."""
    vector: Vector | None
    """Of length 1. None where the network has no embedding, or it is not finite."""


class SightPredictor(PicturePredictor):
    """A picture model on the session it is served from. Its predictions are `Sight`s."""

    dimension: int | None = None
    """Of the vectors; None where the network has no embedding."""

    def __init__(self, model: Model, session: Any, settings: InferenceSettings) -> None:
        super().__init__(model, session, settings)
        self._wanted = [name for name in (model.output.probabilities, model.output.embedding) if name]

    @classmethod
    def beside(cls, served: PicturePredictor, settings: InferenceSettings) -> Self:
        """On a model that is warm already."""
        sights = cls(served.model, served._session, settings)
        sights.expected_seconds = served.expected_seconds
        sights._measure()
        return sights

    def _measure(self) -> None:
        if self._output.embedding is not None:
            blank = {self._input.input: np.zeros((1, *self._reader.shape), np.float32)}
            self.dimension = self._session.run(blank, [self._output.embedding])[self._output.embedding].size

    def _describe(self, outputs: dict[str, Array], row: int) -> Sight:
        told = {} if self._output.probabilities is None else super()._describe(outputs, row)
        vector = None
        if self._output.embedding is not None:
            vector = unit(outputs[self._output.embedding][row])
        top = tuple((ranked["label"], ranked["probability"]) for ranked in told.get("top", ()))
        return Sight(top, told.get("unsure"), vector)


def unit(values: Array) -> Vector | None:
    """The vector of that direction and of length 1; None where there is no such."""
    wide = values.astype(np.float64).ravel()
    peak = float(np.abs(wide).max(initial=0.0))
    if not 0.0 < peak < np.inf:
        return None
    wide /= peak  # so that no square is too large, nor all too small
    scaled: Vector = (wide / np.linalg.norm(wide)).astype(np.float32)
    return scaled
