"""What a job's rounds tell, on its way to who writes it down: gathered, in its order, from a thread.

No round waits for who listens, unless `MOST` events do.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from feria.clock import Clock
from feria.federation.jobs_wire import Alive, Told
from feria.federation.watch import Tell

FLUSH_SECONDS = 0.1
"""For which events are gathered before they are told."""
ALIVE_SECONDS = 5.0
MOST = 200_000
"""Some rounds of ten thousand clients."""

Send = Callable[[Sequence[Told]], object]
"""Takes events in their order, as long as it needs."""
Living = Callable[[], Sequence[str] | None]
"""Clients that live, by name; an empty list is all that are asked something, None is nobody."""


@contextmanager
def telling(send: Send, clock: Clock, living: Living = lambda: ()) -> Iterator[Tell]:
    """What is told in the block has been sent when it ends. `send` and `living` are called from a thread."""
    gathered: list[Told] = []
    lock, over = threading.Condition(), threading.Event()

    def tell(event: Told) -> None:
        with lock:
            lock.wait_for(lambda: len(gathered) < MOST)
            gathered.append(event)

    def flush() -> None:
        with lock:
            events, gathered[:] = list(gathered), []
            lock.notify_all()
        if events:
            send(events)

    def work() -> None:
        told = clock.monotonic()
        while not over.wait(FLUSH_SECONDS):
            if clock.monotonic() - told >= ALIVE_SECONDS:
                told = clock.monotonic()
                tell_living()
            flush()

    def tell_living() -> None:
        names = living()
        if names is not None:
            with lock:  # no wait: who would make room is this thread
                gathered.append(Alive(at=clock.now().timestamp(), round=0, clients=tuple(names)))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield tell
    finally:
        over.set()
        thread.join()
        flush()
