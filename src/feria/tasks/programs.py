"""Programs of Flower's that run beside us for as long as we do.

Each is a child in a process group of its own. It is started again whenever it has ended, and ends when we do,
however we end: it reads a standard input that we hold open and say nothing to (`end_with_parent`), and when
that is closed it goes, with its group.
"""

import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
import sysconfig
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from feria.clock import Clock
from feria.errors import FeriaError

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between the end of a program and its next start; twice as long after each that ended soon."""
STEADY = 60.0
"""Seconds after which a program counts as one that runs well."""
GRACE = 5.0
"""Seconds a program gets to end by itself."""
LOOK = 0.1
LINE = 2000
"""Most bytes of one line of a program that are heard."""

Hear = Callable[[int, str], None]
"""Called with each line of a program, and its level as in `logging`."""
Final = Callable[[str], FeriaError | None]
"""Called with how a program has ended, such as `exit 0`; why it is of no use to start it again, if it is."""


class Program:
    """A module of ours that becomes one of Flower's programs."""

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        hear: Hear | None = None,
        final: Final = lambda _: None,
    ) -> None:
        """It is started as `python -m module name arguments…`. What it says goes to `hear`, or to our log."""
        self.name = name
        self.starts = 0
        self.ended = asyncio.Event()
        """Set when it has ended once."""
        self.last_words: deque[str] = deque(maxlen=8)
        self._command = (sys.executable, "-P", "-m", module, name, *arguments)
        ours = {key: value for key, value in os.environ.items() if not key.startswith("FLWR_")}
        path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
        off = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1"}
        self._environment = {**ours, **off, **environment, "PATH": path}  # they start one another by name
        self._hear = hear or self._log
        self._final = final
        self._level = logging.INFO
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None else None

    async def keep_running(self, clock: Clock) -> NoReturn:
        """Start it whenever it has ended. Cancelling this ends it, and all that it has started. Raises what
        `final` says."""
        wait = FIRST_WAIT
        while True:
            began = clock.monotonic()
            self.last_words.clear()
            try:
                how = _cause(await self._run())
            except OSError as error:  # no memory, no room for another process
                how = str(error)
            self.last_words.append(how)
            self.ended.set()
            if (fault := self._final(how)) is not None:
                raise fault
            if clock.monotonic() - began > STEADY:
                wait = FIRST_WAIT
            log.warning("%s ended (%s); it begins again in %g s.", self.name, how, wait)
            await clock.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    async def restart(self) -> None:
        """End it, and so let it begin again."""
        if self._process is not None:
            await _end(self._process)

    async def _run(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )
        assert process.stdout is not None
        self._process = process
        self.starts += 1
        listening = asyncio.create_task(self._listen(process.stdout))
        try:
            return await _exit_of(process)
        finally:
            self._process = None
            await asyncio.shield(_end(process))
            await asyncio.wait([listening], timeout=GRACE)
            listening.cancel()

    async def _listen(self, words: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await words.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[:LINE]  # what prints without end
            for line in lines:
                self._take(line[:LINE].decode("utf-8", "replace").rstrip())

    def _take(self, line: str) -> None:
        """A line without a level belongs to the last. It may hold what others wrote: nothing in it steers a
        terminal."""
        line = "".join(letter if letter.isprintable() else " " for letter in COLOUR.sub("", line))
        if found := LEVEL.match(line):
            self._level = logging.getLevelNamesMapping()[found["level"]]
            line = line[found.end() :]
        if line:
            self.last_words.append(line)
            self._hear(self._level, line)

    def _log(self, level: int, line: str) -> None:
        """Flower's INFO says each request, and is our DEBUG."""
        quiet = level <= logging.INFO or KNOWN.match(line) is not None
        log.log(logging.DEBUG if quiet else level, "%s: %s", self.name, line)


KNOWN = re.compile(r"EXPERIMENTAL: SuperExec authentication|\[/v1/\S+\]\[ApiError:(1008|2007)\]")
"""What says nothing to whoever runs the node: a warning, and how those are refused whose run was stopped."""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LEVEL = re.compile(r"(\S+Z )?(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL)\s*(:\s*|\[\S+\] )")


async def _end(process: asyncio.subprocess.Process) -> None:
    """It, and all of its group."""
    if process.returncode is None:
        process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_exit_of(process), GRACE)
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody left; the second on macOS
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _exit_of(process: asyncio.subprocess.Process) -> int:
    """Its own. `process.wait()` waits as well for all that it has started, where they print to its output."""
    while process.returncode is None:  # noqa: ASYNC110 - of that nothing tells
        await asyncio.sleep(LOOK)
    return process.returncode


def _cause(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"


# ------------------------------------------------------------------- in the program
def end_with_parent() -> None:
    """The parent holds the other end of standard input and says nothing; when it is gone, we go, and with us
    all that we have started."""

    def watch() -> None:
        os.read(0, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
