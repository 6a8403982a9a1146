"""What each job has had of this store. The hub says how many rounds a job has; here they are counted."""

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from feria.errors import Corrupt
from feria.federation.orders import TrainingJob
from feria.storage.durable import write

MOST_JOBS = 1000
"""That are remembered; the oldest are forgotten first."""


class Had(BaseModel):
    model_config = ConfigDict(extra="forbid")

    order: str
    """sha256 of the order it came with first."""
    answers: dict[str, int] = Field(default_factory=dict)
    """By what was asked: `train`, `evaluate`, `query`."""


class _Jobs(BaseModel):
    jobs: dict[str, Had] = Field(default_factory=dict)


class Ledger:
    def __init__(self, path: Path) -> None:
        """Raises `Corrupt`."""
        self._path = path
        try:
            self._jobs = _Jobs.model_validate_json(path.read_bytes()).jobs
        except FileNotFoundError:
            self._jobs = {}
        except ValidationError:
            raise Corrupt(f"{path} is damaged; without it nobody knows what jobs have had.") from None

    def enter(self, run_id: int, deed: str, order: TrainingJob, most: int) -> str | None:
        """Write down that the job is answered once more, before it is; or why it is not to be, in a sentence.

        It may ask for each deed `most` times, with the order it began with. A round that the hub does again
        is a round more: an answer is an answer.
        """
        digest = hashlib.sha256(order.model_dump_json().encode()).hexdigest()
        had = self._jobs.get(str(run_id)) or Had(order=digest)
        if had.order != digest:
            return "This job began with another order."
        answers = had.answers.get(deed, 0)
        if answers >= most:
            return f"This store allows {most} round{'s' * (most > 1)} at most, and this job has had them."
        had.answers[deed] = answers + 1
        self._jobs.pop(str(run_id), None)
        self._jobs[str(run_id)] = had
        while len(self._jobs) > MOST_JOBS:
            del self._jobs[next(iter(self._jobs))]
        write(self._path, _Jobs(jobs=self._jobs).model_dump_json().encode())
        return None
