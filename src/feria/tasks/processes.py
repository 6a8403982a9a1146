"""One job, one process, with limits: what may crash or grow does so elsewhere.

A fork server that has imported the heavy libraries once makes a fresh process cost milliseconds. What
comes back is JSON, so a process that a hostile file has taken over cannot make us unpickle anything.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

import msgspec

from feria.errors import Busy, Crashed, FeriaError, OverLimit, revive
from feria.settings import WorkerSettings
from feria.telemetry.context import request_id

log = logging.getLogger(__name__)

LINE = 8192
"""Most characters of what a worker process may say in one line of the log."""

Report = Callable[[str, float], None]
"""Called with what is being done and the fraction done, 0 to 1."""
Hear = Callable[[Any], Awaitable[None]]
"""Called with what a process says on its way, which is JSON. As long as it takes, the process may say some
`UNHEARD` things more, and then waits until it is heard."""
UNHEARD = 64


async def _unheard(_: Any) -> None:
    pass


class Processes:
    """Runs functions of ours in processes of their own."""

    def __init__(
        self, settings: WorkerSettings, context: ForkServerContext, *, with_children: bool = False
    ) -> None:
        """`with_children` lets the processes start others, which must end with their parent."""
        self._settings = settings
        self._context = context
        self._with_children = with_children
        self._places = asyncio.Semaphore(settings.parallel)
        self._waiting = 0

    async def run(
        self,
        deed: Callable[..., Any],
        *args: Any,
        seconds: float | None = None,
        report: Report | None = None,
        hear: Hear | None = None,
    ) -> Any:
        """Run `deed(*args, speaker)` and return what it returns, which must be JSON.

        `deed` is a module-level function; what it tells its `Speaker` arrives at `report` and `hear`.
        Raises the `FeriaError` it raises; `OverLimit` when it outgrows its time or memory; `Crashed` when
        its process dies; `Busy` when too many wait. Cancelling the caller ends the process.
        """
        if self._places.locked() and self._waiting >= self._settings.waiting:
            raise Busy("All worker processes are taken and the queue is full.", retry_after=5.0)
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._watch(
                deed,
                args,
                seconds or self._settings.seconds,
                report or (lambda *_: None),
                hear or _unheard,
            )
        finally:
            self._places.release()

    async def _watch(
        self,
        deed: Callable[..., Any],
        args: tuple[Any, ...],
        seconds: float,
        report: Report,
        hear: Hear,
    ) -> Any:
        loop = asyncio.get_running_loop()
        messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        room, deaf = threading.Semaphore(UNHEARD), threading.Event()
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=_work,
            args=(
                theirs,
                deed,
                args,
                seconds,
                self._settings.memory_mib,
                request_id.get(),
                log.getEffectiveLevel(),
            ),
            daemon=not self._with_children,
        )
        # Starting waits for the fork server, which takes seconds the first time.
        starting = asyncio.ensure_future(asyncio.to_thread(process.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait([starting])  # a thread is not cancelled
            if starting.exception() is None:
                process.kill()
            ours.close()
            raise
        except (OSError, EOFError):  # it died, or the fork server did, while we were telling it what to do
            ours.close()
            raise Crashed("A worker process died before it could begin; try again.") from None
        finally:
            theirs.close()
        threading.Thread(target=_forward, args=(ours, loop, messages, room, deaf), daemon=True).start()
        try:
            async with asyncio.timeout(seconds):
                while (message := await messages.get()) is not None:
                    room.release()
                    said = msgspec.json.decode(message)
                    if "progress" in said:
                        report(*said["progress"])
                    elif "said" in said:
                        await hear(said["said"])
                    elif "log" in said:
                        log.log(said["log"], said["text"][:LINE], extra={"worker": process.pid})
                    elif "error" in said:
                        raise revive(**said["error"])
                    else:
                        return said["result"]
        except TimeoutError:
            raise OverLimit(f"The work took longer than the {seconds:g} s it may take.") from None
        finally:
            deaf.set()
            room.release()
            await asyncio.shield(asyncio.to_thread(_end, process))
        raise _obituary(process.exitcode)


@contextlib.asynccontextmanager
async def open_processes(
    settings: WorkerSettings, preload: tuple[str, ...] = (), *, with_children: bool = False
) -> AsyncGenerator[Processes]:
    """`preload` names the modules that each process finds already imported; the same in all of a node."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *preload])
    yield Processes(settings, context, with_children=with_children)


def _forward(
    pipe: Connection,
    loop: asyncio.AbstractEventLoop,
    messages: "asyncio.Queue[bytes | None]",
    room: threading.Semaphore,
    deaf: threading.Event,
) -> None:
    """Thread: pass on what the process says, as there is room; `None` when it will say no more. Ends when
    nobody listens any more."""
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens
        try:
            while True:
                message = pipe.recv_bytes()
                room.acquire()
                if deaf.is_set():
                    return
                loop.call_soon_threadsafe(messages.put_nowait, message)
        except (EOFError, OSError):
            loop.call_soon_threadsafe(messages.put_nowait, None)
        finally:
            pipe.close()


def _end(process: ForkServerProcess) -> None:
    """One that has said its word leaves by itself; one that has not is ended."""
    process.join(0.1)
    if process.exitcode is None:
        process.kill()
        process.join()


def _obituary(exitcode: int | None) -> FeriaError:
    if exitcode == -signal.SIGXCPU:
        return OverLimit("The work used more processor time than it may.")
    if exitcode == -signal.SIGKILL:
        return OverLimit("The system ended the work, most likely for want of memory.")
    cause = f"signal {-exitcode}" if exitcode is not None and exitcode < 0 else f"exit {exitcode}"
    return Crashed(f"The worker process died ({cause}); the node is well.")


# ------------------------------------------------------------------- in the process
def _work(
    pipe: Connection,
    deed: Callable[..., Any],
    args: tuple[Any, ...],
    seconds: float,
    memory_mib: int,
    asked_by: str,
    log_level: int,
) -> None:
    end_with_parent()
    _limit(seconds, memory_mib)
    request_id.set(asked_by)
    logging.basicConfig(
        handlers=[_ToNode(pipe)], format="%(name)s: %(message)s", level=logging.WARNING, force=True
    )
    logging.getLogger("feria").setLevel(log_level)
    _say(pipe, _outcome(deed, args, Speaker(pipe), memory_mib))
    pipe.close()


class Speaker:
    """How a process tells the node how far it is, and anything else."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._said, self._said_at = "", 0.0

    def __call__(self, doing: str, done: float) -> None:
        """As `Report`; what is said too often is left out."""
        if doing != self._said or time.monotonic() - self._said_at > 0.05:
            self._said, self._said_at = doing, time.monotonic()
            _say(self._pipe, msgspec.json.encode({"progress": (doing, done)}))

    def say(self, what: Any) -> None:
        _say(self._pipe, msgspec.json.encode({"said": what}))


class _ToNode(logging.Handler):
    """The node writes the lines of its worker processes, in its own form and with the request's id."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        try:
            said = {"log": record.levelno, "text": self.format(record)[:LINE]}
            _say(self._pipe, msgspec.json.encode(said))
        except Exception:
            self.handleError(record)


_speaking = threading.Lock()


def _say(pipe: Connection, message: bytes) -> None:
    with _speaking:  # libraries log from threads
        pipe.send_bytes(message)


def _outcome(deed: Callable[..., Any], args: tuple[Any, ...], speaker: Speaker, memory_mib: int) -> bytes:
    try:
        return msgspec.json.encode({"result": deed(*args, speaker)})
    except FeriaError as error:
        ours = error
    except MemoryError:
        ours = OverLimit(f"The work needed more than the {memory_mib} MiB of memory it may take.")
    except Exception as error:
        log.exception("A worker process failed in %s.", deed.__qualname__)
        ours = Crashed(f"The work failed: {type(error).__name__}: {error}"[:500])
    return msgspec.json.encode(
        {"error": {"code": ours.code, "message": ours.message, "details": ours.details}}
    )


def _limit(seconds: float, memory_mib: int) -> None:
    os.nice(5)  # serving goes first
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The caller counts the seconds on the wall; this holds even where the caller cannot.
    cpu = int(seconds * (os.cpu_count() or 1)) + 5
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 5))
    if sys.platform == "linux":
        with open("/proc/self/statm") as statm:
            held = int(statm.read().split()[0]) * resource.getpagesize()
        allowed = held + memory_mib * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))


def end_with_parent() -> None:
    """A killed parent says goodbye to nobody; its end closes the pipe that `join` waits on."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
