"""A job's rules as they come in, and what its rounds tell as they go.

The events are told the moment a thing happens, so a job with ten thousand clients tells some forty thousand
a round; they are msgspec structs, and `msgspec.json.encode` makes JSON of each, marked by its `event`.
A number that is none (NaN) becomes null.
"""

import re
from typing import Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

Phase = Literal["train", "evaluate"]
Metrics = dict[str, float | list[float]]


class Participation(BaseModel):
    """Who takes part in a job, and what is done about those who do not answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    clients: tuple[str, ...] = Field(default=(), description="By name; all there are when left out.")
    per_round: int | None = Field(
        default=None, ge=1, description="So many of them, drawn anew each round; all when left out."
    )
    min_replies: int | None = Field(
        default=None,
        ge=1,
        description="A round counts with so many good replies; when left out, with all that were asked.",
    )
    deadline_seconds: float = Field(
        default=600.0, gt=0, le=86_400, description="Longest that a round waits for its clients' answers."
    )
    wait_seconds: float = Field(
        default=3600.0, ge=0, le=604_800, description="Longest that a round waits for enough clients."
    )
    otherwise: Literal["fail", "wait", "continue"] = Field(
        default="fail",
        description="Too few good replies: end the job, do the round again until there are enough or "
        "`wait_seconds` are over, or go on with the arrays as they were.",
    )
    retry_seconds: float = Field(default=5.0, ge=0, le=3600, description="Between two tries of a round.")


class PrivacySettings(BaseModel):
    """Central differential privacy: each client's update is clipped, and noise is added to their mean."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    noise_multiplier: float = Field(
        gt=0, le=1000, description="Noise's standard deviation in clipping norms."
    )
    clipping_norm: float = Field(gt=0, le=1e6, description="Longest that one client's update may be (L2).")
    delta: float = Field(default=1e-5, gt=0, lt=1, description="The δ for which the spent ε is told.")
    max_epsilon: float | None = Field(
        default=None, gt=0, description="The job ends before the round that would spend more."
    )


# ------------------------------------------------------------------- events
def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=_snake):
    at: float
    """Unix time in seconds."""
    round: int
    """From 1; 0 is before the first."""


class OfClient(Event, frozen=True, kw_only=True):
    phase: Phase
    node_id: str
    """Decimal; as a number it would not fit JavaScript's."""
    name: str


class Sent(OfClient, frozen=True, kw_only=True):
    bytes: int
    """Of arrays."""


class Replied(OfClient, frozen=True, kw_only=True):
    samples: int
    metrics: Metrics
    seconds: float
    """From its beginning where the grid tells it, else from its sending."""
    bytes: int


class Failed(OfClient, frozen=True, kw_only=True):
    """It answered that it could not, or its answer was refused."""

    code: int
    """Flower's `ErrorCode`; 0 for a refused answer."""
    reason: str
    seconds: float


class Straggled(OfClient, frozen=True, kw_only=True):
    """No answer by the deadline. If one comes later, nobody looks at it."""

    seconds: float


class RoundBegan(Event, frozen=True, kw_only=True):
    rounds: int
    """How many there will be."""
    clients: int
    """How many are asked."""


class RoundEnded(Event, frozen=True, kw_only=True):
    """The arrays of this round are kept. Told again, with the same figures, by a job that is resumed."""

    replies: int
    """Good ones that the arrays are made of; 0 where they stayed as they were."""
    train: Metrics
    """Means over the clients, weighted by their samples."""
    evaluate: Metrics
    central: Metrics
    """On the server's own rows."""
    seconds: float
    epsilon: float | None = None
    delta: float | None = None
    """The privacy that all rounds so far have spent."""


class Waiting(Event, frozen=True, kw_only=True):
    clients: tuple[str, ...]
    """By name: any of these would help."""
    reason: str


class Ended(Event, frozen=True, kw_only=True):
    """`round` is the last one whose arrays are kept."""

    state: Literal["completed", "stopped", "failed"]
    reason: str = ""


AnyEvent = Sent | Replied | Failed | Straggled | RoundBegan | RoundEnded | Waiting | Ended
