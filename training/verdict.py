"""What is found of a model: the figures, and how they come from its answers."""

from dataclasses import dataclass

import numpy as np

from feria.errors import Invalid
from feria.registry.wire import ImageInput
from training import measures
from training.candidate import Latency

NEAREST = (1, 10)
SUMS_TO_ONE = 0.05
"""So far from 1 may probabilities add up: eight bits round."""

Floats = np.ndarray[tuple[int, ...], np.dtype[np.floating]]
Labels = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Model:
    file: str
    digest: str
    """sha256 of the file."""
    bytes: int
    kind: str
    input: ImageInput
    labels: tuple[str, ...] | None
    """None where the classes could not be named."""


@dataclass(frozen=True)
class Data:
    source: str
    pictures: int
    """Judged, that is without the left out and the damaged."""
    classes: dict[str, int]
    """Pictures of each class that occurs."""
    left_out: int
    """Faces whose votes name none of the seven emotions, or several."""
    damaged: tuple[str, ...]
    limit: int | None
    seed: int


@dataclass(frozen=True)
class Among:
    """As if the model knew that only these classes can be: the best of theirs counts."""

    classes: int
    accuracy: float
    macro_recall: float


@dataclass(frozen=True)
class Unsure:
    below: float
    share: float
    """Of the pictures whose best class has less than that."""
    accuracy: float | None
    """On the rest; None where nothing is left."""


@dataclass(frozen=True)
class Confusion:
    """A row for each true class that occurs, a column for each of these; `elsewhere` is all others."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    elsewhere: tuple[int, ...]


@dataclass(frozen=True)
class Classified:
    accuracy: float
    macro_recall: float
    calibration_error: float
    recall: dict[str, float]
    among: Among | None
    """None where the classes that occur are all that the model knows."""
    unsure: Unsure | None
    confusion: Confusion
    softmax_added: bool


@dataclass(frozen=True)
class Retrieved:
    """Nearest neighbours by cosine."""

    gallery: str
    pictures: int
    damaged: tuple[str, ...]
    dimensions: int
    leaves_itself_out: bool
    precision: dict[str, float | None]
    """At 1 and 10; None where the gallery is smaller than that."""


@dataclass(frozen=True)
class Verdict:
    model: Model
    data: Data
    classification: Classified | None
    retrieval: Retrieved | None
    latency_ms: Latency
    notes: tuple[str, ...]
    """What one should know of the figures, such as why some are missing."""


def classified(
    outputs: Floats, truth: Labels, labels: tuple[str, ...], unsure_below: float | None = None
) -> Classified:
    """`outputs` `[n, labels]`: probabilities, or what a softmax makes them of. `truth` `[n]` are columns."""
    softmax_added = not _are_probabilities(outputs)
    probabilities = _softmax(outputs) if softmax_added else outputs
    predicted = probabilities.argmax(axis=1)
    counts = measures.confusion(predicted, truth, len(labels))
    occurring = np.flatnonzero(counts.sum(axis=1))
    recall = measures.recalls(counts)
    inside = counts[np.ix_(occurring, occurring)]
    return Classified(
        accuracy=measures.accuracy(predicted, truth),
        macro_recall=measures.macro_recall(counts),
        calibration_error=measures.calibration_error(probabilities, truth),
        recall={labels[at]: float(recall[at]) for at in occurring},
        among=_among(probabilities, truth, occurring) if len(occurring) < len(labels) else None,
        unsure=None if unsure_below is None else _unsure(probabilities, truth, unsure_below),
        confusion=Confusion(
            labels=tuple(labels[at] for at in occurring),
            counts=tuple(tuple(row) for row in inside.tolist()),
            elsewhere=tuple((counts[occurring].sum(axis=1) - inside.sum(axis=1)).tolist()),
        ),
        softmax_added=softmax_added,
    )


def precisions(
    queries: Floats, gallery: Floats, truth: Labels, gallery_truth: Labels, itself: Labels | None
) -> dict[str, float | None]:
    """At 1 and 10, by the number as text; see `measures.nearest`. Raises `Invalid` for an empty gallery."""
    others = len(gallery) - (itself is not None)
    if others < 1:
        raise Invalid("The gallery has no pictures beside the one that is looked for.")
    found = measures.nearest(queries, gallery, min(max(NEAREST), others), itself)
    return {
        str(k): measures.precision_at(k, found, gallery_truth, truth) if k <= others else None
        for k in NEAREST
    }


def _are_probabilities(outputs: Floats) -> bool:
    sums = outputs.sum(axis=1)
    return bool(outputs.min() >= -1e-6 and np.abs(sums - 1).max() <= SUMS_TO_ONE)


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _among(probabilities: Floats, truth: Labels, occurring: Labels) -> Among:
    predicted = occurring[probabilities[:, occurring].argmax(axis=1)]
    return Among(
        classes=len(occurring),
        accuracy=measures.accuracy(predicted, truth),
        macro_recall=measures.macro_recall(measures.confusion(predicted, truth, probabilities.shape[1])),
    )


def _unsure(probabilities: Floats, truth: Labels, below: float) -> Unsure:
    sure = probabilities.max(axis=1) >= below
    rest = measures.accuracy(probabilities.argmax(axis=1)[sure], truth[sure]) if sure.any() else None
    return Unsure(below, float(1 - sure.mean()), rest)
