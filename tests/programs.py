"""Programs that a test has started, and what it waits for of them."""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path


def wait(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


async def until(true: Callable[[], bool]) -> None:
    await asyncio.to_thread(wait, true)


def processes_of(folder: Path) -> list[int]:
    """Those that have the folder in their command line, and live."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            named = str(folder).encode() in (process / "cmdline").read_bytes()
            state = (process / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if named and state not in "ZX" and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
