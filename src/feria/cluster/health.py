"""What a node says of itself to the others."""

import os
from collections.abc import Callable

from feria.cluster.members import Health

AskHealth = Callable[[], Health]


def health(queue: Callable[[], float], models: Callable[[], int]) -> AskHealth:
    """`queue` counts requests and tasks that wait, `models` those that are ready."""
    processors = os.cpu_count() or 1

    def ask() -> Health:
        return Health(os.getloadavg()[0] / processors, int(queue()), models())

    return ask
