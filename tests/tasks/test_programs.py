"""Programs beside us, small ones of Python."""

import asyncio
import logging
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clocks import ManualClock
from feria.errors import FeriaError, NotAllowed
from feria.tasks.programs import LINE, Program

HEAD = (
    "import os, subprocess, sys, time\nfrom feria.tasks.programs import end_with_parent\nend_with_parent()\n"
)


@pytest.fixture
def module(tmp_path: Path) -> Callable[[str], str]:
    """Makes a module of this text; its name."""

    def make(text: str) -> str:
        (tmp_path / "small.py").write_text(HEAD + textwrap.dedent(text))
        return "small"

    return make


def _program(tmp_path: Path, module: str, *arguments: str, **more: object) -> Program:
    return Program("small", module, arguments, {"PYTHONPATH": str(tmp_path)}, **more)  # type: ignore[arg-type]


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _wait(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


async def _ended(program: Program) -> None:
    """Run it once."""
    clock = ManualClock()
    running = asyncio.create_task(program.keep_running(clock))
    await clock.sleeper(1)
    running.cancel()
    await asyncio.wait([running])


async def test_a_program_that_ends_again_and_again_waits_longer_each_time(
    tmp_path: Path, module: Callable[[str], str]
) -> None:
    clock = ManualClock()
    program = _program(tmp_path, module("sys.exit('That was all.')"))
    running = asyncio.create_task(program.keep_running(clock))
    await clock.sleeper(1)
    assert program.pid is None
    assert list(program.last_words) == ["That was all.", "exit 1"]
    clock.advance(0.5)
    await clock.sleeper(2)
    assert (clock.slept, program.starts) == ([0.5, 1.0], 2)
    running.cancel()
    await asyncio.wait([running])


async def test_what_it_says_is_heard_with_its_level_and_nothing_in_it_steers_a_terminal(
    tmp_path: Path, module: Callable[[str], str]
) -> None:
    said: list[tuple[int, str]] = []
    text = r"""
        print("\x1b[92mINFO\x1b[0m :     one")
        print("  and more of it")
        print("WARNING : two \x1b]0;title\x07")
        print("2026-01-01T00:00:00Z ERROR    : three")
        print("é" * 10_000)
    """
    await _ended(_program(tmp_path, module(text), hear=lambda level, line: said.append((level, line))))
    assert [(level, line) for level, line in said[:4]] == [
        (logging.INFO, "one"),
        (logging.INFO, "  and more of it"),
        (logging.WARNING, "two  ]0;title "),
        (logging.ERROR, "three"),
    ]
    assert len(said[4][1].encode()) < LINE + 3


async def test_flowers_every_request_is_for_debugging(
    tmp_path: Path, module: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await _ended(_program(tmp_path, module("print('INFO : a request'); print('WARNING : a fault')")))
    told = [(record.levelno, record.message) for record in caplog.records if "small: " in record.message]
    assert told == [(logging.DEBUG, "small: a request"), (logging.WARNING, "small: a fault")]


async def test_one_that_is_of_no_use_any_more_is_not_started_again(
    tmp_path: Path, module: Callable[[str], str]
) -> None:
    def final(how: str) -> FeriaError | None:
        return NotAllowed("It was removed.") if (how, program.starts) == ("exit 3", 2) else None

    clock = ManualClock()
    program = _program(tmp_path, module("sys.exit(3)"), final=final)
    running = asyncio.create_task(program.keep_running(clock))
    await clock.sleeper(1)
    clock.advance(0.5)
    with pytest.raises(NotAllowed, match="It was removed"):
        await running


async def test_it_is_told_nothing_of_flowers_that_stands_in_our_environment(
    tmp_path: Path, module: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLWR_TELEMETRY_ENABLED", "1")
    monkeypatch.setenv("FLWR_HOME", "/somebody's")
    program = _program(tmp_path, module("print(sorted(key for key in os.environ if key.startswith('FLWR')))"))
    await _ended(program)
    assert program.last_words[0] == "['FLWR_DISABLE_UPDATE_CHECK', 'FLWR_TELEMETRY_ENABLED']"


async def test_what_it_has_started_ends_with_it(tmp_path: Path, module: Callable[[str], str]) -> None:
    said: list[str] = []
    text = """
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(child.pid, flush=True)
        time.sleep(600)
    """
    program = _program(tmp_path, module(text), hear=lambda _, line: said.append(line))
    running = asyncio.create_task(program.keep_running(ManualClock()))
    await asyncio.to_thread(_wait, lambda: bool(said))
    child, own = int(said[0]), program.pid
    assert own is not None
    assert _lives(child)
    running.cancel()
    await asyncio.wait([running])
    await asyncio.to_thread(_wait, lambda: not _lives(child))
    assert not _lives(own)


async def test_its_end_is_seen_although_what_it_has_started_lives(
    tmp_path: Path, module: Callable[[str], str]
) -> None:
    said: list[str] = []
    text = """
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(child.pid, flush=True)
        os._exit(3)
    """
    program = _program(tmp_path, module(text), hear=lambda _, line: said.append(line))
    await _ended(program)
    assert program.last_words[-1] == "exit 3"
    await asyncio.to_thread(_wait, lambda: not _lives(int(said[0])))


def test_nothing_outlives_a_parent_that_is_killed(tmp_path: Path, module: Callable[[str], str]) -> None:
    name = module("""
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(child.pid, os.getpid(), flush=True)
        time.sleep(600)
    """)
    script = textwrap.dedent(f"""
        import asyncio
        from feria.clock import SystemClock
        from feria.tasks.programs import Program

        program = Program("small", {name!r}, [], {{"PYTHONPATH": {str(tmp_path)!r}}},
                          hear=lambda _, line: print(line, flush=True))
        asyncio.run(program.keep_running(SystemClock()))
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert all(_lives(pid) for pid in pids)
        assert os.getpgid(pids[0]) == pids[1] != os.getpgid(parent.pid)
        parent.kill()
    _wait(lambda: not any(_lives(pid) for pid in pids))
