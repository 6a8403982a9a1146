"""Three real nodes of a cluster, each with a disk of its own: they are killed and frozen in turn while tasks
are submitted and a model is trained; then each task that was accepted, and the model, is there on all."""

import contextlib
import signal
import threading
import time
from pathlib import Path

import anyio.to_thread
import httpx

import nets
from e2e.three_nodes import GONE, NAMES, Cluster
from programs import wait

FROZEN_SECONDS = 9.0
"""Longer than it takes until the others think a node dead, and go on with its tasks."""


class Submitting(threading.Thread):
    """Sends orders to each node in turn, and remembers what was accepted."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(daemon=True)
        self._cluster = cluster
        self.accepted: dict[str, float] = {}
        self.over = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.over.is_set():
            number += 1
            name = NAMES[number % len(NAMES)]
            with contextlib.suppress(*GONE):
                answer = httpx.post(
                    self._cluster.url(name, "/v1/models/line/predict"),
                    json={"rows": [[float(number)]]},
                    headers={"Prefer": "respond-async"},
                    timeout=2,
                ).raise_for_status()
                self.accepted[answer.json()["id"]] = 2.0 * number
            time.sleep(0.02)


async def test_every_model_and_every_task_that_was_accepted_is_there_on_all_nodes(tmp_path: Path) -> None:
    await anyio.to_thread.run_sync(kill_and_freeze, tmp_path)


def kill_and_freeze(folder: Path) -> None:
    cluster = Cluster(folder)
    with contextlib.ExitStack() as stack:
        a, b, c = [stack.enter_context(cluster.nodes[name]) for name in NAMES]
        wait(cluster.all_met)
        cluster.publish("a", "line", nets.linear([2.0]))
        for name in NAMES:
            wait(lambda name=name: cluster.predicts(name, "line") == 20.0)  # type: ignore[misc]

        submitting = Submitting(cluster)
        submitting.start()
        time.sleep(1)
        b.kill()
        time.sleep(2)
        b.start()
        wait(cluster.all_met)
        c.signal(signal.SIGSTOP)
        time.sleep(FROZEN_SECONDS)
        c.signal(signal.SIGCONT)
        wait(cluster.all_met)
        # The node that trains dies with the answer on its lips.
        rows = [[float(n % 7), 3.0 * (n % 7)] for n in range(80)]
        httpx.post(
            cluster.url("a", "/v1/models/trained/train"),
            json={"kind": "linear_regression", "target": "y", "columns": ["x", "y"], "rows": rows},
            timeout=120,
        ).raise_for_status()
        a.kill()
        time.sleep(2)
        submitting.over.set()
        submitting.join()
        a.start()
        wait(cluster.all_met)

        assert len(submitting.accepted) > 50
        for name in NAMES:
            wait(lambda name=name: cluster.predicts(name, "trained") is not None)  # type: ignore[misc]
            assert abs((cluster.predicts(name, "trained") or 0.0) - 30.0) < 0.1
            for task, expected in submitting.accepted.items():
                told = cluster.ask(name, f"/v1/tasks/{task}/result?wait=60")
                assert told.status_code == 200, (name, task, told.text)
                assert told.json()["predictions"] == [expected]
