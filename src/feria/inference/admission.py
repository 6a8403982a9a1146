"""Whether one more prediction may wait: by how long it would, not only by how many do.

The wait is estimated from the work that waits: each job counts for what jobs of its model took of late, and
all workers share in it. A batch of each model for each worker may always wait: a slow model would else never
be given more than one job at a time, and one slow job would shut out every other model, though all workers
but one are idle. A decision takes a few operations, however much waits. All of this belongs to the event
loop.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from feria.errors import Busy

if TYPE_CHECKING:
    from feria.inference.batching import Predictor

WEIGHT = 0.05
OUTLIER = 4.0
"""A batch that took more than so many times what was expected counts as if it had taken just that: one
request may hold a hundred pictures, and one stall of the machine says nothing of the model."""


@dataclass(slots=True)
class Line:
    """The jobs of one model that have been admitted and not yet been answered."""

    pace: float
    """Seconds that a job takes a worker."""
    jobs: int = 0
    seconds: float = 0.0
    """Expected of all of them together."""
    known: bool = False
    """Whether the pace was seen, and not only guessed."""

    def learn(self, seconds_a_job: float) -> None:
        if self.known:
            self.pace += WEIGHT * (min(seconds_a_job, OUTLIER * self.pace) - self.pace)
        else:
            self.pace, self.known = seconds_a_job, True


class Admission:
    def __init__(self, threads: int, max_waiting: int, max_wait: float) -> None:
        """`max_waiting` bounds the jobs and with them the memory, `max_wait` the seconds."""
        self._threads = threads
        self._max_waiting = max_waiting
        self._max_wait = max_wait
        self._lines: WeakKeyDictionary[Predictor, Line] = WeakKeyDictionary()
        self._jobs = 0
        self._seconds = 0.0

    @property
    def jobs(self) -> int:
        return self._jobs

    @property
    def wait(self) -> float:
        """Seconds that one more job would wait."""
        return self._seconds / self._threads

    def check(self, predictor: "Predictor") -> Line:
        """The line that one more job would join. Raises `Busy` when it may not."""
        line = self._lines.get(predictor)
        if line is None:
            line = self._lines[predictor] = Line(predictor.expected_seconds)
        wait = self.wait
        in_time = wait <= self._max_wait or line.jobs < self._threads * predictor.max_jobs
        if in_time and self._jobs < self._max_waiting:
            return line
        raise Busy("More predictions wait than this node can answer in time.", retry_after=max(wait, 1.0))

    def enter(self, predictor: "Predictor") -> float:
        """Count one more job in; the seconds it is expected to take. Raises `Busy`."""
        line = self.check(predictor)
        line.jobs += 1
        line.seconds += line.pace
        self._jobs += 1
        self._seconds += line.pace
        return line.pace

    def leave(self, predictor: "Predictor", jobs: int, seconds: float) -> Line:
        """Count jobs out, with the seconds that were expected of them."""
        line = self._lines[predictor]
        line.jobs -= jobs
        line.seconds = line.seconds - seconds if line.jobs else 0.0  # nothing left over by rounding
        self._jobs -= jobs
        self._seconds = self._seconds - seconds if self._jobs else 0.0
        return line
