"""A worker with all its parts, as Celery runs it: threads that take tickets, an event loop for the work."""

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import uvloop
from celery import Celery
from celery.signals import worker_ready, worker_shutting_down

from feria.clock import SystemClock
from feria.errors import Invalid
from feria.inference import tasks as inference
from feria.inference.engine import open_engine
from feria.learning import tasks as learning
from feria.search import picture_tasks
from feria.settings import Settings, TaskSettings
from feria.storage.blobs import disk_errors
from feria.tasks.broker import TICKET, celery_app, check_ticket
from feria.tasks.processes import open_processes
from feria.telemetry.metrics import Metrics
from feria.worker.link import Link
from feria.worker.shelf import open_shelf
from feria.worker.waking import wake_when_acknowledged
from feria.worker.worker import Worker

log = logging.getLogger(__name__)

PROCESS_MODULES = ("feria.learning.training", "onnxruntime")


def worker_app(settings: TaskSettings, worker: Worker) -> Celery:
    """Celery's own, which gives tickets to `worker`."""
    app = celery_app(settings)
    key = _key(settings)

    def take_turn(node: str, signature: str) -> None:
        check_ticket(key, node, signature)
        worker.take_turn(node)

    requests = wake_when_acknowledged(app)
    app.task(name=TICKET, ignore_result=True, acks_late=True, shared=False, Request=requests)(take_turn)
    return app


def run(settings: Settings, parallel: int, ca: Path | None) -> None:
    """Work until told to stop. SIGTERM or Ctrl-C lets what is under way end within the grace, a second one
    does not. Raises `Invalid` where settings are missing."""
    if settings.tasks.broker_url is None:
        raise Invalid("FERIA_TASKS__BROKER_URL is not set: a worker hears of work from a broker.")
    with _opened(settings, ca) as worker:
        app = worker_app(settings.tasks, worker)

        def stopping(**_: Any) -> None:
            grace = settings.tasks.grace_seconds
            threading.Thread(target=worker.stop, args=(grace,), name="stopping", daemon=True).start()

        def ready(**_: Any) -> None:
            log.info("Takes %d tasks at once from the queue %s.", parallel, settings.tasks.broker_queue)

        worker_shutting_down.connect(stopping, weak=False)
        worker_ready.connect(ready, weak=False)
        if settings.telemetry.log_level != "debug":  # it has two lines for each ticket
            logging.getLogger("celery").setLevel(logging.WARNING)
        app.Worker(
            pool="threads",
            concurrency=parallel,
            loglevel=settings.telemetry.log_level.upper(),
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        ).start()


@contextlib.contextmanager
def _opened(settings: Settings, ca: Path | None) -> Generator[Worker]:
    """A worker whose deeds run on an event loop in a thread of their own."""
    opened: concurrent.futures.Future[tuple[Worker, asyncio.Event]] = concurrent.futures.Future()

    async def live() -> None:
        try:
            async with open_worker(settings, ca) as worker:
                closing = asyncio.Event()
                opened.set_result((worker, closing))
                await closing.wait()
        except BaseException as error:
            if opened.done():
                raise
            opened.set_exception(error)

    def loop() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(live())

    thread = threading.Thread(target=loop, name="deeds")
    thread.start()
    worker, closing = opened.result()
    try:
        yield worker
    finally:
        worker.close()
        worker.loop.call_soon_threadsafe(closing.set)
        thread.join()


@contextlib.asynccontextmanager
async def open_worker(settings: Settings, ca: Path | None = None) -> AsyncGenerator[Worker]:
    """On this event loop. It does what a node can give away: predictions, trainings, looking at pictures."""
    link = Link(_key(settings.tasks), SystemClock(), ca)
    with _scratch(settings.home / "worker" / "scratch") as scratch:
        async with contextlib.AsyncExitStack() as stack:
            shelf = await stack.enter_async_context(open_shelf(settings.home, link, scratch))
            processes = await stack.enter_async_context(open_processes(settings.workers, PROCESS_MODULES))
            engine = await stack.enter_async_context(open_engine(shelf, settings.inference, Metrics()))
            name = f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(4)}"
            worker = Worker(name, link, asyncio.get_running_loop(), scratch)
            worker.deeds |= {
                inference.KIND: inference.worker_deed(engine),
                picture_tasks.KIND: picture_tasks.worker_deed(engine),
                learning.KIND: learning.worker_deed(processes, settings.learning),
            }
            yield worker


@contextlib.contextmanager
def _scratch(folder: Path) -> Generator[Path]:
    """A folder of this process's own. What processes that are gone have left is removed."""
    with disk_errors():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.iterdir():
            if not _lives(left.name.partition("-")[0]):
                shutil.rmtree(left, ignore_errors=True)
        own = tempfile.TemporaryDirectory(dir=folder, prefix=f"{os.getpid()}-", ignore_cleanup_errors=True)
    with own as name:
        yield Path(name)


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True


def _key(settings: TaskSettings) -> bytes:
    if settings.secret is None:
        raise Invalid("FERIA_TASKS__SECRET is not set: nodes and workers sign with it.")
    return settings.secret.get_secret_value().encode()
