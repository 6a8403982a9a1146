"""What takes its turn: a server behind HTTP, or a bare loop."""

import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import httpx
import msgspec

from bench.load import Answer, Order
from bench.processes import Failed, Process, environment, free_port, running

ROOT = Path(__file__).parent.parent
JSON = {"content-type": "application/json"}
MAX_REQUESTS = 400_000
PATIENT = {"FERIA_INFERENCE__MAX_WAIT_MILLISECONDS": "1000"}
"""For closed loops that ask for more than a node takes in by default, to see what it can do."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one contender did in one turn."""

    rate: float
    """Items a second."""
    p50: float
    p99: float
    """Milliseconds."""
    cpu: float
    """Processor milliseconds an item, of all its processes."""
    rss: float
    """Resident MiB, of all its processes."""
    client: float = 0.0
    """Share of one core that the client took for it."""


class Contender(Protocol):
    name: str

    def measure(self, connections: int, seconds: float) -> Sample:
        """One turn. Raises `Failed` when a single answer was wrong."""
        ...


class Lines:
    """A Python module run as a process that answers one JSON line with another."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            cwd=ROOT,
            process_group=0,
        )

    def ask(self, order: Any, kind: Any, seconds: float) -> Any:
        """Raises `Failed` when no answer comes in that time."""
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        with suppress(BrokenPipeError):
            self._popen.stdin.write(msgspec.json.encode(order) + b"\n")
            self._popen.stdin.flush()
        ready, _, _ = select.select([self._popen.stdout], [], [], seconds)
        line = self._popen.stdout.readline() if ready else b""
        if not line:
            raise Failed(f"{' '.join(self._popen.args[2:])} gave no answer.")  # type: ignore[index, arg-type]
        return msgspec.json.decode(line, type=kind)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._popen.terminate()
        try:
            self._popen.wait(5)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]


@dataclass
class Served:
    """A server and what it is asked."""

    name: str
    client: Lines
    process: Process
    port: int
    path: str
    bodies: Sequence[bytes]
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    restless: bool = False
    """Asks its empty queue so often that it must stand still while others have their turn."""

    def once(self) -> Any:
        """The answer to the first body, to see whether all contenders say the same."""
        url = f"http://127.0.0.1:{self.port}{self.path}"
        try:
            with self.process.turn() if self.restless else nullcontext():
                answer = httpx.post(url, content=self.bodies[0], headers=dict(self.headers), trust_env=False)
        except httpx.TransportError as error:
            raise self.process.failed(f"did not answer: {error}") from None
        if answer.status_code != 200:
            raise self.process.failed(f"answered {answer.status_code}: {answer.text[:500]}")
        return answer.json()

    def measure(self, connections: int, seconds: float) -> Sample:
        warm = min(0.5, seconds / 3)
        order = Order(
            port=self.port,
            path=self.path,
            headers=dict(self.headers),
            bodies=list(self.bodies),
            connections=connections,
            seconds=seconds,
            warm_seconds=warm,
            max_requests=MAX_REQUESTS,
            server=self.process.pid,
        )
        with self.process.turn() if self.restless else nullcontext():
            answer: Answer = self.client.ask(order, Answer, warm + seconds + 30)
        if answer.failed or not answer.requests:
            raise self.process.failed(f"gave {answer.failed} wrong answers; the first: {answer.failure}")
        return Sample(
            rate=answer.requests / answer.seconds,
            p50=answer.p50 * 1e3,
            p99=answer.p99 * 1e3,
            cpu=answer.server_cpu / answer.requests * 1e3,
            rss=answer.rss / 2**20,
            client=answer.client_cpu / answer.seconds,
        )


@contextmanager
def feria_node(scratch: Path, name: str = "node", **settings: str) -> Iterator[tuple[Process, int]]:
    """`feria serve` on an empty home, as users start it but for the settings given."""
    port = free_port()
    feria = Path(sys.executable).with_name("feria")
    command = [str(feria), "serve", "--home", str(scratch / name), "--port", str(port)]
    with running(command, scratch / f"{name}.log", env=settings) as process:
        process.until_answers(f"http://127.0.0.1:{port}/readyz")
        yield process, port


@contextmanager
def python_server(scratch: Path, name: str, module: str, *arguments: str) -> Iterator[tuple[Process, int]]:
    """`python -m module PORT arguments…`, once it answers."""
    port = free_port()
    command = [sys.executable, "-m", module, str(port), *arguments]
    with running(command, scratch / f"{name}.log", cwd=ROOT) as process:
        process.until_answers(f"http://127.0.0.1:{port}/readyz")
        yield process, port
