"""What a model answers, over HTTP."""

from pydantic import Field

from feria.registry.wire import Label, Wire


class Answered(Wire):
    """Which model spoke; the digest names its file for good."""

    model: str
    version: int
    digest: str


class RowPredictions(Answered):
    """One prediction a row. `labels` names the columns of `probabilities`; both are for classes."""

    predictions: tuple[Label, ...]
    labels: tuple[Label, ...] | None = None
    probabilities: tuple[tuple[float, ...], ...] | None = None


class Ranked(Wire):
    label: Label
    probability: float


class PicturePrediction(Wire):
    label: Label
    confidence: float = Field(description="Probability of the label, 0 to 1.")
    top: tuple[Ranked, ...] = Field(description="The likeliest classes, best first.")
    unsure: bool | None = Field(
        default=None,
        description="Whether the picture may well be of no class the model knows; left out where the model "
        "does not say from which probability on it is sure.",
    )


class PicturePredictions(Answered):
    """One prediction a picture, in the order they were sent."""

    predictions: tuple[PicturePrediction, ...]
