"""Clients in processes of their own: what hangs is killed, what crashes takes nothing with it.

A worker process loads the app once and is then sent one message after the other. Both ways go protobuf bytes,
never pickle, so a client that has taken over its process cannot make us run anything. The client's memory
(its context's state) travels with the message and comes back with the reply, as between Flower's own
processes; a client that was killed remembers what it did before.
"""

import contextlib
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from flwr.app import Context, Error, Message
from google.protobuf.message import DecodeError

from feria.clock import Clock
from feria.federation import flower
from feria.federation.executors import App, Errand, InThreads, answer
from feria.tasks.processes import end_with_parent

PRELOAD = ("numpy", "flwr.app", "flwr.clientapp", __name__)
"""What a new process finds already imported."""
LARGEST = 2**31 - 1
"""Bytes of a message; protobuf's own bound."""


class WorkerHand:
    """Leads one worker process, and starts another where it died."""

    def __init__(
        self, load: Callable[..., App], args: tuple[Any, ...], home: Path, seconds: float, clock: Clock
    ) -> None:
        self._start = (load, args, home)
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._process: ForkServerProcess | None = None
        self._pipe: Connection | None = None
        self._closed = False

    def __call__(self, errand: Errand) -> Message:
        try:
            with self._killing_after(errand.deadline - self._clock.monotonic()):
                pipe = self._ready(errand.message.metadata.run_id)
            left = min(self._seconds, errand.deadline - self._clock.monotonic())
            with self._killing_after(left):
                errand.message.metadata.delivered_at = str(self._clock.now().timestamp())
                for part in flower.pack(errand.message, errand.context):
                    pipe.send_bytes(part)
                reply, context = flower.unpack(pipe.recv_bytes(LARGEST), pipe.recv_bytes(LARGEST))
        except TimeoutError as error:
            reason = str(error)
        except (OSError, EOFError):
            reason = "The client's process died."
        except (DecodeError, ValueError, TypeError):
            reason = "The client's process answered with something that is no message."
        else:
            errand.state = context.state
            return reply
        self._end()
        return Message(Error(flower.CLIENT_APP_CRASHED, reason), reply_to=errand.message)

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self._kill()

    @contextlib.contextmanager
    def _killing_after(self, seconds: float) -> Iterator[None]:
        """Raises `TimeoutError` where that was needed, whatever came of it."""
        late = threading.Event()

        def kill() -> None:
            late.set()
            self._kill()

        timer = threading.Timer(seconds, kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (OSError, EOFError):
            if not late.is_set():
                raise
        finally:
            timer.cancel()
            timer.join()
        if late.is_set():
            raise TimeoutError(f"The client took longer than the {seconds:.3g} s it may take.")

    def _ready(self, run_id: int) -> Connection:
        """The pipe to a process that has loaded its app."""
        with self._lock:
            if self._closed:
                raise EOFError
            if self._pipe is not None:
                return self._pipe
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(list(PRELOAD))
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_work, args=(theirs, run_id, *self._start), daemon=True)
            self._process.start()
            theirs.close()
        self._pipe.recv_bytes(LARGEST)
        return self._pipe

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _end(self) -> None:
        self._kill()
        with self._lock:
            if self._process is not None and self._pipe is not None:
                self._process.join()
                self._pipe.close()
            self._process = self._pipe = None


def in_processes(
    load: Callable[..., App],
    args: tuple[Any, ...],
    count: int,
    clock: Clock,
    *,
    home: Path,
    seconds: float,
) -> InThreads:
    """`count` worker processes, each with the app that the module-level function `load(*args)` makes.

    One message may take `seconds`; what takes longer is killed and answered by an `Error`.
    """
    return InThreads(lambda: WorkerHand(load, args, home, seconds, clock), count, clock, ends_on_time=True)


# ------------------------------------------------------------------- in the process
def _work(pipe: Connection, run_id: int, load: Callable[..., App], args: tuple[Any, ...], home: Path) -> None:
    end_with_parent()
    flower.prepare(home, run_id)
    loaded = cache(load)

    def app(message: Message, context: Context) -> Message:
        return loaded(*args)(message, context)

    with contextlib.suppress(EOFError, OSError):
        with contextlib.suppress(Exception):
            loaded(*args)  # where this fails, the first answer says why
        pipe.send_bytes(b"ready")
        while True:
            message, context = flower.unpack(pipe.recv_bytes(), pipe.recv_bytes())
            for part in flower.pack(answer(app, message, context), context):
                pipe.send_bytes(part)
