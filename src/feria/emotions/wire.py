"""What crosses the network about expressions, over HTTP. Streams say the same in frames; see `frames`."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

SESSION = r"^[A-Za-z0-9][A-Za-z0-9._-]{15,63}$"
"""Long, so that nobody guesses one, and without `@`, so that nobody's address becomes one."""


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


class Allow(StrEnum):
    """What may be done with an answer beside giving it."""

    mood = "mood"
    statistics = "statistics"


class Box(Wire):
    """A square around a face. Shares of the picture's width and height; it may end beyond the picture."""

    left: float
    top: float
    width: float
    height: float


class Expression(Wire):
    emotion_name: str
    confidence: float = Field(description="Probability of that expression, 0 to 1.")
    unsure: bool | None = Field(
        default=None,
        description="Whether it may well be none of them; left out where the model does not say.",
    )
    probabilities: dict[str, float]
    box: Box | None = Field(default=None, description="Where the face is, when faces were looked for.")


class Expressions(Wire):
    """What one picture shows."""

    faces: tuple[Expression, ...] = Field(
        description="The largest first; the picture as a whole when no face was looked for."
    )
    model: str
    version: int
    model_version_tag: str
    processing_time_ms: float
    timestamp: datetime
    stored: bool | None = Field(
        default=None,
        description="Whether the label of each is in the database now; left out where it was not to be.",
    )


class Prediction(Wire):
    """What a stream answers about one picture: of several faces the largest, and all of them in `faces`."""

    emotion_name: str
    confidence: float
    probabilities: dict[str, float] = Field(default_factory=dict)
    unsure: bool | None = None
    model_version_tag: str
    processing_time_ms: float
    timestamp: datetime
    faces: tuple[Expression, ...] | None = Field(default=None, description="When faces were looked for.")
    stored: bool | None = None


class EmotionClass(Wire):
    id: int
    name: str
    description: str


class NetworkInfo(Wire):
    """The network that reads expressions."""

    status: str
    input_shape: str
    num_classes: int
    total_params: int


class Mood(Wire):
    """What a session has looked like of late, the latest counting most. It is in memory only."""

    mood: dict[str, float] = Field(description="A share for each expression, 1 in all.")
    dominant: str
    looks: int = Field(description="Answers that it rests on.")
    since: datetime
    at: datetime = Field(description="Of the latest of these.")


class Forgotten(Wire):
    erased: int = Field(description="Labels and moods that were kept under that session.")


class Counted(Wire):
    id: int
    name: str
    description: str
    count: int
    share: float = Field(description="Of all in this time, 0 to 1.")


class Span(Wire):
    """A step of time."""

    start: datetime
    total: int
    counts: dict[str, int] = Field(description="By expression; what was not seen is left out.")
    shares: dict[str, float] = Field(description="Of all in this step, 0 to 1.")


class EmotionStatistics(Wire):
    """Labels that people allowed to be counted."""

    since: datetime
    until: datetime
    step_minutes: int
    total: int
    classes: tuple[Counted, ...]
    spans: tuple[Span, ...] = Field(description="In order; steps without any label are left out.")
