"""The node is killed at random moments of its life, its start included, while tasks are submitted: a hundred
times on three databases together, or as often on each as FERIA_TEST_KILLS says.
"""

import os
import random
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
import httpx

import nets
from cli.running import FERIA, Feria, RunningNode, environment
from feria.settings import StorageSettings

KILLS = int(os.environ.get("FERIA_TEST_KILLS", "34"))
SUBMITTERS = 3
LINE = {"kind": "linear_regression", "target": "y", "holdout": 0, "columns": ["x", "y"]}


@dataclass
class Shopper(threading.Thread):
    """Sends numbered orders, each again with its key until it is accepted; asks for a result now and then."""

    url: str
    number: int
    stop: threading.Event
    accepted: dict[int, str] = field(default_factory=dict)
    """Task by the number that was sent."""
    told: dict[str, Any] = field(default_factory=dict)
    """Result by task, of those that were seen to be done."""
    wrong: list[str] = field(default_factory=list)

    def __hash__(self) -> int:
        return id(self)

    def __post_init__(self) -> None:
        super().__init__()

    def run(self) -> None:
        sent = self.number
        with httpx.Client(base_url=self.url, timeout=300) as http:
            while not self.stop.is_set():
                if self._order(http, sent):
                    sent += SUBMITTERS
                    self._look(http)

    def _order(self, http: httpx.Client, number: int) -> bool:
        later = {"Prefer": "respond-async", "Idempotency-Key": f"order-{number}"}
        try:
            if number % 40 == 7:
                rows = [[x, number * x] for x in range(1, 5)]
                reply = http.post(
                    f"/v1/models/line-{number}/train", json=LINE | {"rows": rows}, headers=later
                )
            else:
                reply = http.post("/v1/models/sum/predict", json={"rows": [[number]]}, headers=later)
        except httpx.TransportError:
            time.sleep(0.01)
            return False
        if reply.status_code == 202:
            self.accepted[number] = reply.json()["id"]
            return True
        if reply.status_code != 503:
            self.wrong.append(reply.text)
        return False

    def _look(self, http: httpx.Client) -> None:
        task = random.choice(list(self.accepted.values()))
        try:
            reply = http.get(f"/v1/tasks/{task}/result")
        except httpx.TransportError:
            return
        if reply.status_code == 200:
            if self.told.setdefault(task, reply.json()) != reply.json():
                self.wrong.append(f"{task} was answered twice")
        elif reply.status_code not in {202, 503}:
            self.wrong.append(reply.text)


async def test_a_node_killed_at_any_moment_loses_no_task_and_answers_none_twice(
    feria: Feria, storage_settings: StorageSettings
) -> None:
    await anyio.to_thread.run_sync(kill_again_and_again, feria, storage_settings.url)


def kill_again_and_again(feria: Feria, database: str | None) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # shown when it fails
    chance = random.Random(seed)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # It dies for reasons that are not the tasks'.
    environ = {"FERIA_TASKS__MAX_ATTEMPTS": "1000", "FERIA_STORAGE__MIGRATE_ON_START": "true"}
    if database is not None:
        environ["FERIA_STORAGE__URL"] = database
    url = f"http://127.0.0.1:{port}"
    with node(feria, port, environ) as process:
        RunningNode(process, "Ctrl-C")
        assert (
            httpx.post(f"{url}/v1/models/sum", timeout=300, files={"file": nets.linear([2.0])}).status_code
            == 201
        )
    stop = threading.Event()
    shoppers = [Shopper(url, number, stop) for number in range(SUBMITTERS)]
    for shopper in shoppers:
        shopper.start()
    try:
        kills = 0
        # However slow the machine is: some lives may be too short to accept anything, not all of them.
        while kills < KILLS or sum(len(shopper.accepted) for shopper in shoppers) <= KILLS:
            assert kills < 5 * KILLS, "it accepts next to nothing"
            with node(feria, port, environ) as process:
                time.sleep(chance.uniform(0.3, 2.0) * (1 + kills // KILLS))
                process.kill()
            kills += 1
    finally:
        stop.set()
        for shopper in shoppers:
            shopper.join()
    assert [shopper.wrong for shopper in shoppers] == [[]] * SUBMITTERS
    accepted = {number: task for shopper in shoppers for number, task in shopper.accepted.items()}
    told = {task: result for shopper in shoppers for task, result in shopper.told.items()}
    assert len(set(accepted.values())) == len(accepted) > KILLS
    with node(feria, port, environ) as process:
        RunningNode(process, "Ctrl-C")
        with httpx.Client(base_url=url, timeout=300) as http:
            for number, task in accepted.items():
                result = end_of(http, task)
                assert told.get(task, result) == result
                if "predictions" in result:
                    assert result["predictions"] == [2.0 * number]
                else:
                    assert result["version"] == 1
                    versions = http.get(f"/v1/models/line-{number}").json()["models"]
                    assert [model["trained_from"]["task"] for model in versions] == [task]
            journal = every_task(http)
    # One task for each key: those accepted, and at most the one each shopper did not hear about.
    assert set(accepted.values()) <= journal.keys()
    assert len(journal) <= len(accepted) + SUBMITTERS
    assert {task["state"] for task in journal.values() if task["id"] in set(accepted.values())} == {"done"}


class node:
    """A node that is killed when the block ends."""

    def __init__(self, feria: Feria, port: int, environ: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [FERIA, "serve", "--port", str(port)],
            cwd=feria.folder,
            env=environment(FERIA_HOME=str(feria.home), **environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "subprocess.Popen[str]":
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def end_of(http: httpx.Client, task: str) -> Any:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        reply = http.get(f"/v1/tasks/{task}/result", params={"wait": 60})
        if reply.status_code != 202:
            assert reply.status_code == 200, reply.text
            return reply.json()
    raise AssertionError(f"{task} does not end")


def every_task(http: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = {}
    more: dict[str, Any] = {"tasks": [], "more": True}
    while more["more"]:
        before = {"before": more["tasks"][-1]["id"]} if more["tasks"] else {}
        more = http.get("/v1/tasks", params={"limit": 500, **before}).json()
        found |= {task["id"]: task for task in more["tasks"]}
    return found
