"""What a job's rounds tell as they go.

Events are told the moment a thing happens, so a job with ten thousand clients tells some forty thousand
a round; they are msgspec structs, and `msgspec.json.encode` makes JSON of each, marked by its `event`.
A number that is none (NaN) becomes null.
"""

import re
from typing import Literal

import msgspec

Phase = Literal["train", "evaluate"]
Metrics = dict[str, float | list[float]]


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
