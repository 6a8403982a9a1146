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

    def __call__(self) -> Health:
        return Health(os.getloadavg()[0] / (os.cpu_count() or 1), int(self.queue()), int(self.models()))
