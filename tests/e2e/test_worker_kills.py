"""Workers, Redis and the node are killed in turn while tasks are submitted, real processes all of them; then
every task that was accepted is accounted for. `FERIA_TEST_KILLS` says how often, a dozen times by default.
"""

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import anyio.to_thread
import httpx
import pytest

import nets
from cli.running import FERIA, Feria, environment
from e2e.test_task_kills import SUBMITTERS, Shopper, end_of, every_task
from programs import free_port, wait
from workers import SECRET

KILLS = int(os.environ.get("FERIA_TEST_KILLS", "12"))
WORKERS = 2


class Program:
    """A process that can be killed and started again, as often as one likes."""

    def __init__(self, command: list[str], folder: Path, environ: dict[str, str]) -> None:
        self._command = command
        self._folder = folder
        self._environ = environ
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / f"{Path(self._command[0]).name}-{id(self)}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=environment(**self._environ),
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


async def test_whoever_is_killed_every_task_comes_to_one_end(feria: Feria, tmp_path: Path) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server to be killed")
    await anyio.to_thread.run_sync(kill_in_turn, feria, tmp_path)


def kill_in_turn(feria: Feria, folder: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # shown when it fails
    chance = random.Random(seed)
    redis_port, port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {
        "FERIA_TASKS__BROKER_URL": f"redis://127.0.0.1:{redis_port}/0",
        "FERIA_TASKS__SECRET": SECRET,
        "FERIA_TASKS__SILENT_SECONDS": "4",
        "FERIA_TASKS__MAX_ATTEMPTS": "1000",  # they die for reasons that are not the tasks'
        "FERIA_TASKS__GRACE_SECONDS": "0",
    }
    # Nothing of it outlives a kill: what Redis held is lost each time.
    broker = Program(
        [
            "redis-server",
            "--port",
            str(redis_port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ],
        folder,
        {},
    )
    node = Program(
        [str(FERIA), "serve", "--port", str(port)], folder, environ | {"FERIA_HOME": str(feria.home)}
    )
    workers = [
        Program(
            [str(FERIA), "worker", "--parallel", "2"], folder, environ | {"FERIA_HOME": str(folder / f"w{n}")}
        )
        for n in range(WORKERS)
    ]
    stop = threading.Event()
    shoppers = [Shopper(url, number, stop) for number in range(SUBMITTERS)]
    with ExitStack() as stack:
        for program in (broker, node, *workers):
            stack.enter_context(program)
        _publish(url)
        for shopper in shoppers:
            shopper.start()
        try:
            for turn in range(KILLS):
                time.sleep(chance.uniform(0.5, 2.0))
                victim = (workers[turn % WORKERS], broker, node)[turn % 3]
                if turn % 4 == 3:  # frozen for longer than it may be silent, and thawed
                    frozen = workers[turn % WORKERS]
                    frozen.signal(signal.SIGSTOP)
                    time.sleep(5)
                    frozen.signal(signal.SIGCONT)
                victim.kill()
                time.sleep(chance.uniform(0.0, 1.0))
                victim.start()
        finally:
            stop.set()
            for shopper in shoppers:
                shopper.join()
        wait(lambda: _answers(url))
        _account(url, shoppers)


def _account(url: str, shoppers: list[Shopper]) -> None:
    """One end for each task, the right one, and the same for whoever saw it earlier."""
    assert [shopper.wrong for shopper in shoppers] == [[]] * SUBMITTERS
    accepted = {number: task for shopper in shoppers for number, task in shopper.accepted.items()}
    told = {task: result for shopper in shoppers for task, result in shopper.told.items()}
    assert len(set(accepted.values())) == len(accepted) > KILLS
    with httpx.Client(base_url=url, timeout=300) as http:
        for number, task in accepted.items():
            result = end_of(http, task)
            assert told.get(task, result) == result
            if "predictions" in result:
                assert result["predictions"] == [2.0 * number]
            else:
                versions = http.get(f"/v1/models/line-{number}").json()["models"]
                assert [model["trained_from"]["task"] for model in versions] == [task]
        journal = every_task(http)
    assert set(accepted.values()) <= journal.keys()
    # And at most the one of each shopper who did not hear that it was accepted.
    assert len(journal) <= len(accepted) + SUBMITTERS
    assert {journal[task]["state"] for task in accepted.values()} == {"done"}


def _publish(url: str) -> None:
    wait(lambda: _answers(url))
    sent = httpx.post(f"{url}/v1/models/sum", timeout=300, files={"file": nets.linear([2.0])})
    assert sent.status_code == 201, sent.text


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez", timeout=300).status_code == 200
    except httpx.TransportError:
        return False
