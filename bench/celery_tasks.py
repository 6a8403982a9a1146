"""Promise `queue` with Celery: from submitting a task to a node to holding what a worker made of it, over the
webhook and a long poll; beside bare Celery on the same Redis, which keeps and answers nothing but the result.
"""

import http.client
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import msgspec

from bench.contenders import feria_node
from bench.peers.environments import HERE
from bench.processes import Failed, environment, running
from bench.report import Grid, Outcome, Promise, number
from bench.run import Run
from bench.task_queue import LATER, ROW, ROWS, Times, _ask, _exchange, figures, table
from feria import Client

NAME = "celery_tasks"
REDIS = os.environ.get("FERIA_TEST_REDIS", "redis://127.0.0.1:6379")
NOTHING = "nothing"
WORKER = ("-m", "celery", "-A", "celery_app", "worker", "-P", "threads", "-c", "2", "-l", "warning")
WORKER_SILENT = ("--without-gossip", "--without-mingle", "--without-heartbeat")
SUBMITTERS = 4


def run(run: Run) -> Outcome:
    queue, secret = f"feria-bench-{secrets.token_hex(4)}", secrets.token_hex(32)
    settings = {
        "FERIA_TASKS__BROKER_URL": REDIS,
        "FERIA_TASKS__BROKER_QUEUE": queue,
        "FERIA_TASKS__SECRET": secret,
        "FERIA_REGISTRY__SHIPPED": "false",
    }
    pictures = run.scratch / "pictures"
    pictures.write_text("none\n")
    bare = {
        "BENCH_MODEL": "none",
        "BENCH_REDIS": REDIS,
        "BENCH_PREFIX": f"{queue}-bare-",
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    times: Times = {}
    feria = Path(sys.executable).with_name("feria")
    work = [str(feria), "worker", "--parallel", "2", "--home", str(run.scratch / "worker")]
    with ExitStack() as stack:
        _, port = stack.enter_context(feria_node(run.scratch, **settings))
        stack.enter_context(running(work, run.scratch / "worker.log", env=settings))
        peer = stack.enter_context(
            running([sys.executable, *WORKER, *WORKER_SILENT], run.scratch / "bare.log", env=bare, cwd=HERE)
        )
        with Client(f"http://127.0.0.1:{port}") as client:
            client.train("line", "linear_regression", [{"x": n, "y": 2 * n} for n in range(20)], "y")
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for n in range(1 if run.quick else 5):
            run.tell(f"round {n + 1}: a node, a worker, a webhook, a long poll")
            taken = [_exchange(connection, "line", "application/json", ROWS) for _ in range(_times(run) + 20)]
            times.setdefault(f"Celery, webhook and long poll, {ROW}", []).extend(taken[20:])
            run.tell(f"round {n + 1}: bare Celery")
            with peer.turn():
                times.setdefault(f"bare Celery, {NOTHING}", []).extend(_bare(bare, pictures, _times(run)))
        rate = _rate(port, 200 if run.quick else 1000, run)
        connection.close()
    found = {what: figures(taken) for what, taken in times.items()}
    ours = found[f"Celery, webhook and long poll, {ROW}"][0].median
    theirs = found[f"bare Celery, {NOTHING}"][0].median
    return Outcome(
        NAME,
        grids=[Grid("Submit to result, milliseconds, one at a time", *table(found))],
        notes=[
            f"{SUBMITTERS} callers at once, two threads in the worker: {number(rate)} tasks a second, from "
            "the first submission to the last end.",
        ],
        promises=[
            Promise(
                "queue",
                f"{number(ours)} ms p50, Celery, webhook and long poll, {ROW}",
                f"bare Celery and Redis, {NOTHING}",
                f"{number(theirs)} ms",
                ours,
                "< 10 ms",
                is_ratio=False,
            )
        ],
    )


def _bare(env: dict[str, str], pictures: Path, times: int) -> list[float]:
    command = [sys.executable, "celery_app.py", str(times), str(pictures), NOTHING]
    done = subprocess.run(
        command, cwd=HERE, env=environment(env), capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        raise Failed(f"Celery did not answer: {done.stderr[-2000:]}")
    (found,) = json.loads(done.stdout)
    return [float(each) for each in found]


def _rate(port: int, count: int, run: Run) -> float:
    """Tasks a second, sent as fast as some callers can."""
    run.tell(f"{count} tasks from {SUBMITTERS} callers")
    headers = LATER | {"Content-Type": "application/json"}
    last: list[str] = []

    def submit() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(count // SUBMITTERS):
            task = _ask(connection, "POST", "/v1/models/line/predict", 202, ROWS, headers)
        last.append(task["id"])
        connection.close()

    before = _ended(port)
    began = time.perf_counter()
    threads = [threading.Thread(target=submit) for _ in range(SUBMITTERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while _ended(port) < before + count:
        time.sleep(0.2)  # to look costs the node some milliseconds
    taken = time.perf_counter() - began
    with urlopen(f"http://127.0.0.1:{port}/v1/tasks/{last[0]}") as reply:
        state = msgspec.json.decode(reply.read())["state"]
    if state != "done":
        raise Failed(f"The last task is {state}.")
    return count / taken


def _ended(port: int) -> float:
    with urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
        lines = reply.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("feria_tasks_ended_total"))


def _times(run: Run) -> int:
    return 50 if run.quick else 200
