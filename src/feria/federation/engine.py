"""What trains a job's clients together: the promise behind it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from feria.federation.jobs_wire import Client, Told
from feria.federation.orders import JobOrder

MODEL = "model.onnx"
"""What an engine leaves in a job's folder."""
AGREEMENT, ROUNDS, ENDED = "agreement.json", "rounds.npz", "ended.jsonl"
"""And what it goes on from: what the clients' rows are read as, the last round, and how each one ended."""

Tell = Callable[[Sequence[Told]], Awaitable[None]]
"""Takes events in their order. Returns at once unless more wait to be written down than may: then it waits,
so who tells from within a training should leave that to another thread or task."""


@dataclass(frozen=True, slots=True)
class Participant:
    """A client of a job."""

    name: str
    rows: Path | None
    """CSV or Parquet on this node; None for a store, which has them."""
    samples: int
    """How many rows it registered with: it cannot have trained on more."""
    node_id: str | None = None
    """A store's, at the SuperLink."""


@dataclass(frozen=True, slots=True)
class Running:
    number: int
    order: JobOrder
    clients: tuple[Participant, ...]
    """In the order of their names."""
    folder: Path
    """The job's own. What is left in it is there again when the job is resumed, until it is completed."""
    told: int = -1
    """The last round whose end was written down; how later ones ended, a job that goes on tells again."""
    app: Path | None = None
    """The bundle, where the order is an `AppJob`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A model to be published."""

    file: Path
    """ONNX."""
    kind: str
    metrics: Mapping[str, JsonValue] = field(default_factory=dict)
    trained_from: Mapping[str, JsonValue] = field(default_factory=dict)
    card: str = ""


class FederationEngine(Protocol):
    """Promises, held by one suite over every form (`tests/contracts/test_federation_engine.py`):

    1. Of what happens in a round, all is told in the order in which it happened: `RoundBegan`, then `Sent`
       and one answer for each client that is asked, then `RoundEnded`; and clients that take their time are
       told to be `Alive` every few seconds, as long as they are.
    2. Cancelling the caller ends the training, also in the middle of a round, before this returns.
    3. Run again on a folder that it was ended on, it goes on after the last round that was told to have
       ended, and makes the same model as if nothing had happened. A user's app begins again, and finds what
       it left in the folder.
    4. An order that it cannot carry out raises, and in a sentence.
    """

    async def check(self, order: JobOrder, clients: Sequence[Client]) -> None:
        """Raises `Invalid` for an order that it could not carry out with these clients whatever their
        rows."""
        ...

    async def run(self, job: Running, tell: Tell) -> Outcome:
        """Train, and leave the model's file in `job.folder`. Raises `FeriaError`."""
        ...
