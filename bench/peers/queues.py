"""Promise `queue` beside bare Celery on Redis: from submitting to holding the result, taking turns."""

import asyncio
import base64
import json
import os
import secrets
import subprocess
from contextlib import ExitStack
from pathlib import Path

import uvloop

from bench import task_queue
from bench.nets import mobile_net, pictures
from bench.peers.environments import HERE, python_of, versions_of
from bench.processes import Failed, environment, running
from bench.report import Grid, Outcome, Promise, number
from bench.run import Run
from bench.task_queue import NOTHING, PICTURE, Times, figures

NAME = "queues"
REDIS = os.environ.get("FERIA_TEST_REDIS", "redis://127.0.0.1:6379")
WORKER = ("-m", "celery", "-A", "celery_app", "worker", "-P", "threads", "-c", "2", "-l", "warning")
WORKER_SILENT = ("--without-gossip", "--without-mingle", "--without-heartbeat")


def run(run: Run) -> Outcome:
    run.tell("preparing Celery")
    python = python_of("celery")
    file, lines = run.scratch / "mobilenet.onnx", run.scratch / "pictures"
    file.write_bytes(mobile_net())
    lines.write_text("\n".join(base64.b64encode(picture).decode() for picture in pictures()))
    times: Times = {}
    with ExitStack() as stack:
        env = {
            "BENCH_MODEL": str(file),
            "BENCH_REDIS": REDIS,
            "BENCH_PREFIX": f"feria-bench-{secrets.token_hex(4)}-",
            "PYTHONPATH": str(HERE),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        log = run.scratch / "celery.log"
        worker = stack.enter_context(running([python, *WORKER, *WORKER_SILENT], log, env=env, cwd=HERE))
        for n in range(1 if run.quick else 3):
            run.tell(f"round {n + 1}: Celery")
            with worker.turn():
                theirs = _celery(python, lines, env, 50 if run.quick else 300)
            for what, taken in zip((NOTHING, PICTURE), theirs, strict=True):
                times.setdefault(f"Celery, {what}", []).extend(taken)
            ours: Times = {}
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(task_queue.embedded(run, file, ours, home=f"home-{n}"))
            for what in (NOTHING, PICTURE):
                times.setdefault(f"feria, {what}", []).extend(ours[f"in process, {what}"])
    found = {what: figures(taken) for what, taken in times.items()}
    p50 = {what: spread.median for what, (spread, _) in found.items()}
    return Outcome(
        NAME,
        grids=[Grid("Submit to result, milliseconds, one at a time", *task_queue.table(found))],
        promises=[
            Promise(
                "queue",
                f"{number(p50[f'feria, {what}'])} ms p50, {what}",
                f"bare Celery and Redis, {what}",
                f"{number(p50[f'Celery, {what}'])} ms",
                p50[f"Celery, {what}"] / p50[f"feria, {what}"],
                "≥ 1",
            )
            for what in (NOTHING, PICTURE)
        ],
        versions=versions_of(python, ("celery", "redis")),
    )


def _celery(python: str, pictures: Path, env: dict[str, str], times: int) -> list[list[float]]:
    command = [python, "celery_app.py", str(times), str(pictures)]
    done = subprocess.run(
        command, cwd=HERE, env=environment(env), capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        raise Failed(f"Celery did not answer: {done.stderr[-2000:]}")
    found: list[list[float]] = json.loads(done.stdout)
    return found
