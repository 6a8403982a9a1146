"""The how-to page of three hospitals, word for word, and what the federation that it makes survives."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from feria.cli.finding import reaching
from feria.cli.node_lock import Holder, take
from feria.client import AsyncClient
from feria.federation.jobs_wire import Job
from walks import beside_nothing, running_in, walks

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "federate-three-hospitals.md"
(WALK,) = walks(PAGE)
MINUTES, LOOK = 600.0, 0.5

T = TypeVar("T")


class Hospitals:
    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = environment

    def __call__(self, words: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", words],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=MINUTES,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def ask(self, question: Callable[[AsyncClient], Awaitable[T]]) -> T:
        """The hub, again and again: a command for each time would keep a small machine busy."""

        async def asked() -> T:
            found = take(self.folder / "hub")
            assert isinstance(found, Holder)
            assert found.reach is not None
            async with reaching(found.reach) as client:
                return await question(client)

        return asyncio.run(asked())

    def job(self, number: int) -> Job:
        return self.ask(lambda client: client.job(number))

    def status(self, store: str) -> str | None:
        clients = self.ask(lambda client: client.clients())
        return next(client.status for client in clients if client.name == store)

    def kill(self, home: str) -> None:
        """All that works on that home, at once."""
        for pid in self.working_on(home):
            os.kill(pid, signal.SIGKILL)

    def working_on(self, home: str) -> list[int]:
        found = []
        for pid in running_in(self.folder):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
            if f"--home\0{home}\0" in command or f"{self.folder}/{home}/" in command:
                found.append(pid)
        return found


@pytest.fixture
def hospitals(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Hospitals]:
    """Its first job is done."""
    shared: Path = request.getfixturevalue("shared_data")
    for need in WALK.needs:
        (tmp_path / Path(need).name).write_bytes((shared / need).read_bytes())
    with beside_nothing(tmp_path) as environment:
        for step in WALK.steps:
            step.take(tmp_path, environment)
        yield Hospitals(tmp_path, environment)


def _wait(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + MINUTES
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(LOOK)


def test_the_page_runs_and_its_federation_survives_the_kill_of_a_store_and_of_its_hub(
    hospitals: Hospitals,
) -> None:
    (serve,) = (step.words for step in WALK.steps if "feria serve" in step.words)
    hospitals(
        'feria jobs start logistic_regression --home hub --target "num>0" --name heart --rounds 6 '
        "--min-replies 2 --otherwise wait --detach"
    )
    _wait(lambda: hospitals.job(2).round >= 2)
    hospitals.kill("va")
    killed_in = hospitals.job(2).round
    _wait(lambda: hospitals.status("Hospital va") == "offline")
    _wait(lambda: "offline" in hospitals("feria jobs show 2 --home hub").split("Hospital va")[1])
    _wait(lambda: hospitals.job(2).round > killed_in + 1)

    (hospitals.folder / "hub.log").unlink()
    hospitals.kill("hub")
    _wait(lambda: not hospitals.working_on("hub"))
    hospitals(serve)
    _wait(lambda: "answers at" in (hospitals.folder / "hub.log").read_text())
    _wait(lambda: hospitals.job(2).state in {"completed", "failed"})

    job = hospitals.job(2)
    assert (job.state, job.round) == ("completed", 6), job
    shown = hospitals("feria models show heart@2 --home hub --json")
    told = json.loads(shown)["trained_from"]
    assert [round["round"] for round in told["history"]] == list(range(1, 7))
    assert told["history"][0]["replies"] == 3
    assert told["history"][-1]["replies"] == 2
    assert [client["name"] for client in told["clients"]] == [
        "Hospital cleveland",
        "Hospital hungarian",
        "Hospital va",
    ]
