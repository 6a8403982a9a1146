"""Processes that a measurement starts, what they cost, and their end."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

START_SECONDS = 60.0
STOP_SECONDS = 10.0
PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")


class Tree:
    """A process and all that descend from it, as they are now."""

    def __init__(self, root: int) -> None:
        children: dict[int, list[int]] = {}
        for entry in PROC.iterdir():
            if entry.name.isdigit() and (stat := _stat(int(entry.name))):
                children.setdefault(int(stat[1]), []).append(int(entry.name))
        self.pids = [root]
        for pid in self.pids:
            self.pids += children.get(pid, [])
        self._born = {pid: stat[19] for pid in self.pids if (stat := _stat(pid))}

    def cpu(self) -> float:
        """Processor seconds so far, with those of children that have ended."""
        stats = [stat for pid in self.pids if (stat := _stat(pid))]
        return sum(int(field) for stat in stats for field in stat[11:15]) / TICK

    def rss(self) -> int:
        """Resident bytes; what processes share is counted once for each."""
        return sum(int(stat[21]) for pid in self.pids if (stat := _stat(pid))) * os.sysconf("SC_PAGE_SIZE")

    def alive(self) -> list[int]:
        """Those that still run, and are not another process under the same number."""
        return [
            pid
            for pid, born in self._born.items()
            if (stat := _stat(pid)) and stat[19] == born and stat[0] not in "ZX"
        ]

    def send(self, number: signal.Signals) -> None:
        for pid in self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none when it is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


class Failed(Exception):
    """A contender did not start, fell over or answered with an error. There is no figure then."""


class Process:
    """A running contender. Its output goes to a file that is shown when it fails."""

    def __init__(self, command: Sequence[str], log: Path, *, env: dict[str, str], cwd: Path) -> None:
        self.log = log
        self.began = time.perf_counter()
        with log.open("wb") as out:
            # A group of its own: Ctrl-C comes to us, and we end it in order.
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                process_group=0,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def until_answers(self, url: str) -> float:
        """Seconds from its start to the first 200. Raises `Failed`."""
        with httpx.Client(trust_env=False, verify=False) as http:
            while True:
                if self._popen.poll() is not None:
                    raise self.failed(f"ended with {self._popen.returncode} before it answered")
                with contextlib.suppress(httpx.TransportError):
                    if http.get(url, timeout=5).status_code == 200:
                        return time.perf_counter() - self.began
                if time.perf_counter() - self.began > START_SECONDS:
                    raise self.failed(f"did not answer within {START_SECONDS:g} s")
                time.sleep(0.005)

    def failed(self, why: str) -> Failed:
        tail = self.log.read_text(errors="replace")[-3000:]
        return Failed(f"{Path(self.log).stem} {why}.\n{tail}")

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Runs for the length of the block; outside its turns the whole tree stands still."""
        Tree(self.pid).send(signal.SIGCONT)
        try:
            yield
        finally:
            Tree(self.pid).send(signal.SIGSTOP)

    def stop(self) -> None:
        """Ask the whole tree to end; make it, after a while."""
        tree = Tree(self.pid)
        tree.send(signal.SIGCONT)
        self._popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(STOP_SECONDS)
        tree.send(signal.SIGKILL)
        self._popen.wait()
        until = time.perf_counter() + STOP_SECONDS
        while tree.alive() and time.perf_counter() < until:
            time.sleep(0.005)


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, *, env: dict[str, str] | None = None, cwd: Path | None = None
) -> Iterator[Process]:
    process = Process(command, log, env=environment(env), cwd=cwd or log.parent)
    try:
        yield process
    finally:
        process.stop()


def environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """Ours, without what would set up a node otherwise than by default."""
    return {k: v for k, v in os.environ.items() if not k.startswith("FERIA_")} | (more or {})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port: int = door.getsockname()[1]
        return port
