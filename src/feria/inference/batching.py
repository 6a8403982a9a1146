"""The greedy micro-batcher: a worker takes what is there and never waits for more.

Invariants, with figures in `docs/explanation/inference.md`:

1. A job is answered once, or its caller has been told why not: refused, expired or failed.
2. Nothing is computed for a caller who is gone, nor after its deadline.
3. One batch wakes the event loop once, however many jobs it held.
4. A batch holds jobs of one predictor. A job of another that turns up while gathering is this worker's
   next batch, so no job is overtaken by more than one batch.
"""

import asyncio
import contextlib
import math
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from feria.errors import Expired
from feria.inference.admission import Admission
from feria.telemetry.metrics import Metrics

NICENESS = 4
"""The workers yield to the event loop when cores are short: whom it refuses should not wait for that."""


class Predictor(Protocol):
    """One loaded model version. `answer` is called from several threads at once."""

    name: str
    max_jobs: int
    expected_seconds: float
    """Of a worker for one job; a first guess."""

    def answer(self, payloads: Sequence[Any]) -> list[Any]:
        """One answer, or one `FeriaError`, a payload, in order. A bad payload harms no other."""
        ...


@dataclass(slots=True)
class Job:
    predictor: Predictor
    payload: Any
    finish: Callable[[Any], Any]
    future: "asyncio.Future[Any]"
    submitted: float
    deadline: float
    seconds: float
    """Expected of it, of one worker."""
    outcome: Any = None


class Batcher:
    """Worker threads on one queue. `submit` belongs to the event loop, all else to the threads."""

    def __init__(self, threads: int, max_waiting: int, max_wait: float, metrics: Metrics) -> None:
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._admission = admission = Admission(threads, max_waiting, max_wait)
        metrics.gauge(
            "feria_predictions_waiting", "Predictions admitted and not yet answered.", lambda: admission.jobs
        )
        metrics.gauge(
            "feria_predictions_expected_wait_seconds",
            "What the next is expected to wait.",
            lambda: admission.wait,
        )
        self._threads = [
            threading.Thread(target=self._work, name=f"predict-{i}", daemon=True) for i in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(
        self, predictor: Predictor, payload: Any, finish: Callable[[Any], Any], seconds: float
    ) -> "asyncio.Future[Any]":
        """Queue one payload; its future holds `finish(answer)`, made in the worker's thread.

        Raises `Busy`, at once, when it would wait too long. Cancelling the future spares the work if it has
        not begun.
        """
        expected = self._admission.enter(predictor)
        now = time.monotonic()
        job = Job(predictor, payload, finish, self._loop.create_future(), now, now + seconds, expected)
        self._queue.put(job)
        return job.future

    def check(self, predictor: Predictor) -> None:
        """Raises `Busy` when `submit` would now."""
        self._admission.check(predictor)

    def close(self) -> None:
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        if sys.platform == "linux":  # elsewhere a priority is the whole process's
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        held: Job | None = None
        while True:
            first = held or self._queue.get()
            held = None
            if first is None:
                return
            batch = [first]
            # Leave the other workers their share: two halves side by side beat one whole.
            share = math.ceil((self._queue.qsize() + 1) / len(self._threads))
            with contextlib.suppress(queue.Empty):
                while len(batch) < min(share, first.predictor.max_jobs):
                    job = self._queue.get_nowait()
                    if job is None:
                        self._queue.put(None)  # closing: after this batch
                        break
                    if job.predictor is not first.predictor:
                        held = job
                        break
                    batch.append(job)
            began = time.monotonic()
            live = _answer(batch, began)
            spent = time.monotonic() - began
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody listens
                self._loop.call_soon_threadsafe(self._deliver, batch, live, began, spent)

    def _deliver(self, batch: list[Job], live: int, began: float, spent: float) -> None:
        line = self._admission.leave(batch[0].predictor, len(batch), sum(job.seconds for job in batch))
        if live:
            line.learn(spent / live)
        metrics = self._metrics
        if live:
            metrics.batches.observe(live)
            metrics.inference.observe(spent, batch[0].predictor.name)
        for job in batch:
            metrics.waits.observe(began - job.submitted)
            if job.future.done():
                metrics.cancelled += 1
                continue
            if isinstance(job.outcome, Exception):
                job.future.set_exception(job.outcome)
            else:
                job.future.set_result(job.outcome)


def _answer(batch: list[Job], now: float) -> int:
    """Fill in each job's outcome; those of callers who left stay as they are. Returns how many were live."""
    live = []
    for job in batch:
        if job.future.cancelled():
            continue
        if job.deadline < now:
            job.outcome = Expired("The prediction waited past its deadline.")
        else:
            live.append(job)
    if not live:
        return 0
    try:
        answers = live[0].predictor.answer([job.payload for job in live])
    except Exception as error:  # a fault of ours; it must end neither the thread nor the callers' patience
        answers = [error] * len(live)
    for job, answer in zip(live, answers, strict=True):
        job.outcome = answer if isinstance(answer, Exception) else _finished(job, answer)
    return len(live)


def _finished(job: Job, answer: Any) -> Any:
    try:
        return job.finish(answer)
    except Exception as error:
        return error


@contextlib.contextmanager
def open_batcher(threads: int, max_waiting: int, max_wait: float, metrics: Metrics) -> Generator[Batcher]:
    batcher = Batcher(threads, max_waiting, max_wait, metrics)
    try:
        yield batcher
    finally:
        batcher.close()
