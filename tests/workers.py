"""Workers in this process: a real Celery worker on a real Redis, whose deeds run on the test's event loop."""

import asyncio
import contextlib
import secrets
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from pathlib import Path
from typing import Any

import uvicorn
from celery import Celery
from celery.app.trace import reset_worker_optimizations, setup_worker_optimizations
from celery.worker import WorkController, state
from fastapi import FastAPI

from feria.cli.serving import listen
from feria.clock import Clock, SystemClock
from feria.events.process import ProcessBus
from feria.settings import EventSettings, Settings, TaskSettings
from feria.storage.database import Database
from feria.tasks import errand_routes
from feria.tasks.broker import open_tickets
from feria.tasks.desk import Desk, Elsewhere, open_desk
from feria.tasks.embedded import open_embedded_queue
from feria.tasks.errands import COMPLETED
from feria.tasks.files import TaskFiles
from feria.tasks.queue import TaskQueue, Work
from feria.telemetry.metrics import Metrics
from feria.web.replies import add_error_replies
from feria.worker.link import Link
from feria.worker.running import worker_app
from feria.worker.worker import Worker
from queues import Deeds
from redises import SERVER, redis_events

SECRET = "a secret of sixteen and more"
KINDS = ("echo", "refuse", "linger", "read", "fail", "boast")
TASKS = {"secret": SECRET, "broker_url": SERVER, "grace_seconds": 0.0}
PATIENCE = 300.0


async def same(work: Work) -> Any:
    return work.payload


async def returned(work: Work, answer: Any, made: Path) -> Any:
    return answer


AS_IT_IS = Elsewhere(same, returned)


class Controller(WorkController):  # type: ignore[misc]
    """A Celery worker that says when it takes tickets."""

    def __init__(self, app: Celery, parallel: int) -> None:
        self.ready = threading.Event()
        super().__init__(
            app=app,
            pool="threads",
            concurrency=parallel,
            loglevel="ERROR",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            hostname=f"test-{secrets.token_hex(4)}",
        )

    def on_init_blueprint(self) -> None:
        setup_worker_optimizations(self.app, self.hostname)

    def on_consumer_ready(self, consumer: Any) -> None:
        self.ready.set()


@contextlib.contextmanager
def celery_worker(settings: TaskSettings, worker: Worker, parallel: int) -> Generator[None]:
    """Takes tickets for `worker` while the block lasts."""
    app = worker_app(settings, worker)
    controller = Controller(app, parallel)
    thread = threading.Thread(target=controller.start)
    thread.start()
    try:
        assert controller.ready.wait(PATIENCE)
        yield
    finally:
        state.should_terminate = 0
        thread.join()
        state.should_terminate = None
        reset_worker_optimizations(app)
        app.close()


@contextlib.asynccontextmanager
async def worker_of(
    settings: TaskSettings, deeds: Deeds, folder: Path, parallel: int
) -> AsyncGenerator[Worker]:
    """A worker that knows `deeds`, and Celery to run it."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    worker = Worker("test", Link(SECRET.encode(), SystemClock()), asyncio.get_running_loop(), folder)
    worker.deeds |= {kind: getattr(deeds, kind) for kind in KINDS}
    with contextlib.ExitStack() as stack:
        running = celery_worker(settings, worker, parallel)
        await asyncio.to_thread(stack.enter_context, running)
        try:
            yield worker
        finally:
            stopping = stack.pop_all()
            await asyncio.to_thread(worker.stop, 0.0)
            await asyncio.to_thread(stopping.close)
            await asyncio.to_thread(worker.close)


@contextlib.asynccontextmanager
async def answering(parts: dict[type, Any]) -> AsyncIterator[str]:
    """The routes for workers on a real socket, with these parts. Yields where."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, Any]]:
        yield {"parts": parts}

    app = FastAPI(lifespan=lifespan)
    add_error_replies(app)
    app.include_router(errand_routes.router)
    app.post(COMPLETED, status_code=204)(errand_routes.task_completed)
    with listen("127.0.0.1", 0) as door:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, loop="asyncio", ws="none"))
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        serving = asyncio.create_task(server.serve(sockets=[door]))
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@contextlib.asynccontextmanager
async def queue_with_workers(
    database: Database,
    folder: Path,
    deeds: Deeds,
    *,
    bus: ProcessBus | None = None,
    clock: Clock | None = None,
    **more: Any,
) -> AsyncGenerator[TaskQueue]:
    """A queue whose work a Celery worker does, on a queue of its own on Redis. Skips without a server."""
    async with redis_events() as events, contextlib.AsyncExitStack() as stack:
        tasks = TaskSettings(**(TASKS | {"broker_queue": events.channel} | more))
        clock, files = clock or SystemClock(), TaskFiles(folder / "tasks")
        tickets = stack.enter_context(open_tickets(tasks))
        desk = await stack.enter_async_context(open_desk(tickets, clock, files, tasks.silent_seconds))
        queue = await stack.enter_async_context(
            open_embedded_queue(database, bus or ProcessBus(EventSettings()), Metrics(), clock, tasks, files)
        )
        for kind in KINDS:
            queue.handle(kind, desk.deed(kind, AS_IT_IS), desk)
        await queue.resume()
        parts = {
            Settings: Settings(home=folder, tasks=tasks, _env_file=None),
            Clock: clock,
            Desk: desk,
            TaskQueue: queue,
            TaskFiles: files,
        }
        url = await stack.enter_async_context(answering(parts))
        tickets.answers_at(url)
        await stack.enter_async_context(worker_of(tasks, deeds, folder / "worker", tasks.parallel))
        yield queue
