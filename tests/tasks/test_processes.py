"""One job, one process: what may go wrong there stays there."""

import asyncio
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest

import deeds
from feria.errors import Busy, Crashed, NotAnImage, OverLimit
from feria.settings import WorkerSettings
from feria.tasks.processes import UNHEARD, Processes, open_processes
from feria.telemetry.context import request_id


@pytest.fixture
async def processes() -> AsyncGenerator[Processes]:
    settings = WorkerSettings(parallel=1, waiting=1, seconds=30, memory_mib=512)
    async with open_processes(settings) as processes:
        yield processes


async def test_a_result_and_its_progress_come_back(processes: Processes) -> None:
    heard: list[tuple[str, float]] = []
    assert await processes.run(deeds.add, 2, 3, report=lambda *said: heard.append(said)) == 5
    assert heard[-1] == ("added", 1.0)


async def test_a_process_that_is_not_heard_waits(processes: Processes, tmp_path: Path) -> None:
    said = tmp_path / "said"
    ahead: list[int] = []

    async def hear(_: str) -> None:
        if not ahead:
            await asyncio.sleep(1)  # it could say a thousand things
        ahead.append(said.stat().st_size - len(ahead))
        await asyncio.sleep(0)

    assert await processes.run(deeds.chatter, 1000, str(said), hear=hear) == 1000
    assert len(ahead) == 1000
    assert max(ahead) < UNHEARD + 20  # some more are on their way


async def test_a_caller_that_does_not_listen_any_more_ends_it(processes: Processes, tmp_path: Path) -> None:
    heard = asyncio.Event()

    async def hear(_: str) -> None:
        heard.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(processes.run(deeds.chatter, 1000, str(tmp_path / "said"), hear=hear))
    await heard.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await processes.run(deeds.add, 2, 3) == 5


async def test_each_job_has_a_process_of_its_own(processes: Processes) -> None:
    pids = {await processes.run(deeds.say_pid) for _ in range(3)}
    assert len(pids) == 3
    assert os.getpid() not in pids


async def test_an_error_of_ours_comes_back_as_itself(processes: Processes) -> None:
    with pytest.raises(NotAnImage, match="Not a picture") as raised:
        await processes.run(deeds.refuse)
    assert raised.value.details == {"row": 3}


async def test_what_a_process_logs_is_logged_here_under_the_request_it_works_for(
    processes: Processes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "feria")
    request_id.set("till-3.42")
    assert await processes.run(deeds.log_and_tell) == "till-3.42"
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "sklearn.somewhere: A library warns of something."),
        ("INFO", "feria.learning: We say what we do."),
    ]


async def test_what_a_process_stumbles_over_is_logged_with_its_trace(
    processes: Processes, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Crashed):
        await processes.run(deeds.fail)
    assert "in fail\n    raise ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        (deeds.fail, "ZeroDivisionError"),
        (deeds.die, "signal 11"),
        (deeds.leave, "exit 7"),
        (deeds.be_anything, "unsupported"),
    ],
)
async def test_a_process_that_fails_or_dies_is_an_error_of_that_job(
    processes: Processes, deed: Any, said: str
) -> None:
    with pytest.raises(Crashed, match=said):
        await processes.run(deed)
    assert await processes.run(deeds.add, 1, 1) == 2


async def test_a_process_that_outgrows_its_memory_is_over_its_limit(processes: Processes) -> None:
    with pytest.raises(OverLimit, match="512 MiB"):
        await processes.run(deeds.grow)


async def test_a_process_that_takes_too_long_is_ended(processes: Processes) -> None:
    with pytest.raises(OverLimit, match=r"0\.5 s"):
        await processes.run(deeds.wait, seconds=0.5)


async def test_more_than_may_wait_are_told_to_come_back(processes: Processes) -> None:
    started = asyncio.Event()
    running = asyncio.create_task(processes.run(deeds.wait, report=lambda *_: started.set()))
    with anyio.fail_after(300):
        await started.wait()
    waiting = asyncio.create_task(processes.run(deeds.add, 1, 1))
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await processes.run(deeds.add, 1, 1)
    running.cancel()
    assert await waiting == 2  # the place of one who left is free again
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_job_that_is_cancelled_while_its_process_starts_leaves_none(processes: Processes) -> None:
    before = set(multiprocessing.active_children())
    starting = asyncio.create_task(processes.run(deeds.wait))
    await asyncio.sleep(0)
    starting.cancel()
    await asyncio.wait([starting])
    await asyncio.get_running_loop().shutdown_default_executor()
    for process in set(multiprocessing.active_children()) - before:
        process.join(10)  # one that nobody ends waits for 60 s
        assert process.exitcode == -signal.SIGKILL


def test_no_process_outlives_a_node_that_is_killed() -> None:
    script = textwrap.dedent("""
        import asyncio, sys, time
        from feria.settings import WorkerSettings
        from feria.tasks.processes import open_processes
        sys.path.insert(0, sys.argv[1])
        from deeds import wait_and_tell

        async def main():
            async with open_processes(WorkerSettings()) as processes:
                await processes.run(wait_and_tell, report=lambda pid, _: print(pid, flush=True))

        if __name__ == "__main__":
            asyncio.run(main())
    """)
    command = [sys.executable, "-c", script, str(Path(deeds.__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        worker = int(node.stdout.readline())
        node.kill()
    deadline = time.monotonic() + 300
    while _alive(worker):
        assert time.monotonic() < deadline, "the worker lives on"
        time.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
