"""Tasks as they cross the network."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class TaskState(StrEnum):
    waiting = "waiting"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"

    @property
    def final(self) -> bool:
        return self in {TaskState.done, TaskState.failed, TaskState.cancelled}


class TaskError(BaseModel):
    """What a failed task raised; the same words a plain request would have been refused with."""

    model_config = ConfigDict(extra="allow")

    error: str
    detail: str


class Task(BaseModel):
    """One queued unit of work. Its result is asked for apart, for it may be long."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="Sorts by the time of submission.")
    kind: str = Field(examples=["train"])
    owner: str
    state: TaskState
    priority: int
    attempts: int = Field(description="How often it has been started.")
    doing: str = Field(default="", description="What is being done, while it runs.", examples=["fitting"])
    progress: float = Field(default=0.0, description="The fraction done, 0 to 1.")
    submitted_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = Field(default=None, description="When it and its result are forgotten.")
    error: TaskError | None = None
    request_id: str = Field(description="Of the request that submitted it; stands in its log lines.")


class TaskList(BaseModel):
    tasks: tuple[Task, ...]
    more: bool = Field(description="Whether older ones follow; ask for those `before` the last id.")
