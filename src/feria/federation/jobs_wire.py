"""Clients and jobs as they cross the network, and what is told of a job beside its rounds."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from feria.federation.orders import JobOrder
from feria.federation.wire import AnyEvent, Event
from feria.registry.wire import Column

NUMBER = 2**63
"""No job's number is as large: it would not fit the database's."""


def _client_name(name: str) -> str:
    name = name.strip()
    if not name.isprintable() or "/" in name or not any(letter.isalnum() for letter in name):
        raise ValueError(
            "a client's name is 1 to 100 printable characters, a letter or digit among them, no '/'"
        )
    return name


ClientName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_client_name)]


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


# ------------------------------------------------------------------- clients
StoreState = Literal["registered", "online", "offline", "unknown"]


class Client(Wire):
    """A data owner in a federation, by name. What is said of its rows; these stay where they are."""

    name: str
    dataset: str
    columns: tuple[Column, ...]
    rows: int
    schema_digest: str = Field(description="sha256 of the columns' names and kinds: the same for the same.")
    host: str = Field(description="Who registered it.")
    port: int
    owner: str
    created_at: datetime
    where: Literal["here", "store"] = Field(
        default="here", description="Its rows are on this node, or at a store, which trains on them there."
    )
    node_id: str | None = Field(default=None, description="A store's, at the SuperLink; decimal.")
    status: StoreState | None = Field(
        default=None,
        description="A store's. registered: it has not been there yet; online: also for up to a minute after "
        "it was cut off; unknown: the SuperLink does not answer, or does not know it any more.",
    )
    last_seen: datetime | None = Field(default=None, description="A store's last sign of life.")


class ClientList(Wire):
    clients: tuple[Client, ...]


# ------------------------------------------------------------------- apps
class App(Wire):
    """A Flower app that jobs can run, by the name in its `pyproject.toml`."""

    name: str
    version: str
    publisher: str
    description: str
    settings: dict[str, bool | int | float | str] = Field(
        description="Its `[tool.flwr.app.config]`, with a dot between the names of nested tables."
    )
    digest: str = Field(description="sha256 of its bundle.")
    owner: str = Field(description="Who registered it.")
    created_at: datetime


class AppList(Wire):
    apps: tuple[App, ...]


# ------------------------------------------------------------------- jobs
class JobState(StrEnum):
    pending = "pending"  # others go first
    waiting = "waiting"  # for clients
    running = "running"
    completed = "completed"
    failed = "failed"
    stopped = "stopped"

    @property
    def final(self) -> bool:
        return self in {JobState.completed, JobState.failed, JobState.stopped}


class Health(Wire):
    """How a federation is."""

    round_completion: float = Field(
        default=0.0,
        description="Share, 0 to 1, of the clients asked to train in this round who have answered.",
    )
    stragglers: int = Field(
        default=0,
        description="Clients whose latest answer took longer than 30 s (a setting), or takes longer.",
    )
    average_samples: float = Field(default=0.0, description="Mean rows that clients trained on, of who told.")
    federation_health: float = Field(
        default=100.0,
        description="Percent of the clients that are neither slow nor offline nor in error.",
    )


class JobError(Wire):
    """What a job failed of; the same words a plain request would have been refused with."""

    model_config = ConfigDict(extra="allow")

    error: str
    detail: str


class JobResult(Wire):
    """The version that was published."""

    name: str
    version: int
    digest: str


class Job(Wire):
    """One federated training."""

    number: int
    owner: str
    order: JobOrder
    clients: int = Field(description="How many take part.")
    state: JobState
    round: int = Field(default=0, description="The one under way, or the last; 0 before the first.")
    rounds: int = Field(description="How many there will be; 0 where only its app knows.")
    waiting_for: str = Field(default="", description="What a waiting job waits for, in a sentence.")
    away: tuple[str, ...] = Field(default=(), description="Clients that would help it on, by name.")
    health: Health = Health()
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: JobError | None = None
    result: JobResult | None = None
    last_event: int = Field(default=0, description="Id of the last event that was kept.")


class JobList(Wire):
    jobs: tuple[Job, ...]
    more: bool = Field(description="Whether older ones follow; ask for those `before` the last number.")


ClientState = Literal["pending", "connected", "training", "completed", "slow", "error", "offline"]


class JobClient(Wire):
    """How a client of a job stands."""

    id: str = Field(pattern="^client_[0-9a-f]{8}$", description="Its own in this job.")
    name: str
    host: str
    port: int
    dataset: str
    status: ClientState = Field(
        description="training: asked, and at it; slow: alive, and takes or took longer than 30 s; offline: "
        "asked, and no sign of life for 30 s (both are settings); error: it could not, or its answer was "
        "refused."
    )
    round: int
    accuracy: float | None = Field(description="A fraction; on rows held out there, once that was measured.")
    loss: float | None
    train_samples: int | None
    test_samples: int | None
    response_time: float | None = Field(description="Seconds of its latest answer.")
    last_seen: datetime | None


class JobClientList(Wire):
    clients: tuple[JobClient, ...]


class Round(Wire):
    """How a round went, over all clients. Metrics are means weighted by samples."""

    round: int
    at: datetime = Field(description="When it had ended.")
    replies: int = Field(description="Good ones; 0 where the model stayed as it was.")
    seconds: float
    loss: float | None = Field(
        default=None, description="On the clients' held-out rows, else on the server's."
    )
    accuracy: float | None = Field(default=None, description="A fraction, on the same rows.")
    train: dict[str, Any]
    evaluate: dict[str, Any]
    central: dict[str, Any] = Field(description="On the server's own rows.")
    epsilon: float | None = Field(default=None, description="Privacy that all rounds so far have spent.")
    delta: float | None = None


class RoundList(Wire):
    rounds: tuple[Round, ...]


# ------------------------------------------------------------------- events
class Alive(Event, frozen=True, kw_only=True):
    """A sign of life of clients that are at work, told by the engine now and then."""

    clients: tuple[str, ...] = ()
    """By name; all that are asked something when empty."""


class Changed(Event, frozen=True, kw_only=True):
    """The job has come to another state. Its last event of all is the one that says a final state."""

    state: JobState
    error: dict[str, Any] | None = None
    result: dict[str, Any] | None = None


Told = AnyEvent | Alive | Changed
