"""What Celery 5.6 lacks where tasks run in threads and are acknowledged late: that an acknowledgement, which
makes room for the next ticket, wakes the loop that fetches tickets. Without it a busy worker pauses for
seconds between two of them: kombu asks Redis for no more while its prefetch window is full.
"""

import contextlib
import os
from typing import Any

from celery import Celery, bootsteps
from celery.worker.request import Request


def wake_when_acknowledged(app: Celery) -> type[Request]:
    """The class of requests for tasks of `app`, which is to have a worker in this process."""
    read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    class Waking(bootsteps.StartStopStep):  # type: ignore[misc]
        """Has the loop listen; anew with each connection to the broker."""

        requires = ("celery.worker.consumer.tasks:Tasks",)

        def start(self, consumer: Any) -> None:
            if consumer.hub is not None:
                consumer.hub.add_reader(read, os.read, read, 4096)

    class WakingRequest(Request):  # type: ignore[misc]
        def acknowledge(self) -> None:
            super().acknowledge()
            with contextlib.suppress(BlockingIOError):  # it has not come to read what woke it before
                os.write(write, b".")

    app.steps["consumer"].add(Waking)
    return WakingRequest
