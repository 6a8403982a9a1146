"""What a node says of itself to the others."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from feria.cluster.members import Health


def _nothing() -> float:
    return 0


@dataclass
class Usage:
    """How a node is, asked each second; its parts say so themselves once they are there."""

    queue: Callable[[], float] = _nothing
    """Requests and tasks that wait."""
    models: Callable[[], float] = _nothing
    """Models that are loaded."""
    room: Callable[[], float] = _nothing
    """Tasks that could be begun at once."""

    def __call__(self) -> Health:
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        return Health(load, int(self.queue()), int(self.models()), int(self.room()))
