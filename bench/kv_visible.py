"""Promise `kv-visible`: one durable write, seen on five nodes, beside etcd and Redis's replication."""

import asyncio
import base64
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

import httpx
import msgspec
import uvloop

from bench.debian import version
from bench.key_stores import (
    etcd,
    etcd_put,
    feria,
    http,
    redis,
    redis_server,
    until_etcd,
)
from bench.load import percentile, whole_length, whole_reply
from bench.processes import Failed, free_port
from bench.report import Grid, Outcome, Promise, number
from bench.rounds import Spread, spread
from bench.run import Run

NAME = "kv_visible"
NODES = 5
WRITES, QUICK_WRITES = 300, 20
WARMING = 11
"""The first write that counts. Their numbers are the versions of the one key too."""
PAUSE = 0.005
"""Seconds before a write in which those who watch have asked, and nothing else is under way."""
PATIENCE = 30.0
OURS, ETCD, REDIS = "feria", "etcd", "Redis, appendfsync always"


class Line:
    """One connection, one question at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, redis: bool) -> None:
        self.reader, self.writer = reader, writer
        self._whole = whole_reply if redis else whole_length

    async def ask(self, request: bytes) -> bytes:
        self.writer.write(request)
        got = b""
        while not (whole := self._whole(got)) or len(got) < whole:
            piece = await self.reader.read(65536)
            if not piece:
                raise Failed("A store hung up.")
            got += piece
        return got


@asynccontextmanager
async def line(port: int, *, redis: bool = False) -> AsyncGenerator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Line(reader, writer, redis=redis)
    finally:
        writer.close()


class Cluster(ABC):
    """Five members; what is written through one of them is looked for on the others."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = ports

    @abstractmethod
    async def open(self, stack: AsyncExitStack) -> None: ...

    @abstractmethod
    async def write(self, number: int) -> None:
        """Return when it is acknowledged."""

    @abstractmethod
    def seen(self, number: int) -> Sequence[Awaitable[None]]:
        """One for each other member: done when that has the write."""


class Feria(Cluster):
    """Looked for with watches, too: server-sent events."""

    async def open(self, stack: AsyncExitStack) -> None:
        self._writing = await stack.enter_async_context(line(self.ports[0]))
        self._watches = []
        for port in self.ports[1:]:
            watch = await stack.enter_async_context(line(port))
            watch.writer.write(http("GET", "/v1/kv?watch=1&prefix=visible"))
            await watch.reader.readuntil(b"event: open")
            self._watches.append(watch.reader)

    async def write(self, number: int) -> None:
        answer = await self._writing.ask(http("PUT", "/v1/kv/visible", b"%0200d" % number))
        if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            raise Failed(f"feria did not take a write: {answer[:300]!r}")

    def seen(self, number: int) -> Sequence[Awaitable[None]]:
        return [self._seen(reader, number) for reader in self._watches]

    async def _seen(self, reader: asyncio.StreamReader, number: int) -> None:
        await reader.readuntil(b'"version":%d,' % number)


class Etcd(Cluster):
    """Looked for with watches, by the gateway for HTTP and JSON."""

    async def open(self, stack: AsyncExitStack) -> None:
        leader = self._leader()
        ports = [leader, *(port for port in self.ports if port != leader)]
        self._writing = await stack.enter_async_context(line(leader))
        self._watches = []
        key = base64.b64encode(b"visible").decode()
        body = msgspec.json.encode({"create_request": {"key": key}})
        for port in ports[1:]:
            watch = await stack.enter_async_context(line(port))
            watch.writer.write(http("POST", "/v3/watch", body))
            await watch.reader.readuntil(b'"created":true')
            self._watches.append(watch.reader)

    def _leader(self) -> int:
        """A write through another member would go there and back first."""
        for port in self.ports:
            url = f"http://127.0.0.1:{port}/v3/maintenance/status"
            said = httpx.post(url, content=b"{}", trust_env=False).json()
            if said["leader"] == said["header"]["member_id"]:
                return port
        raise Failed("etcd has no leader.")

    async def write(self, number: int) -> None:
        answer = await self._writing.ask(etcd_put("visible", b"%0200d" % number))
        if not answer.startswith(b"HTTP/1.1 200"):
            raise Failed(f"etcd did not take a write: {answer[:300]!r}")

    def seen(self, number: int) -> Sequence[Awaitable[None]]:
        value = base64.b64encode(b"%0200d" % number)
        return [self._seen(reader, value) for reader in self._watches]

    async def _seen(self, reader: asyncio.StreamReader, value: bytes) -> None:
        await reader.readuntil(value)


class Redis(Cluster):
    """The first is the primary; on the others a value is read again and again until it is there."""

    async def open(self, stack: AsyncExitStack) -> None:
        self._lines = [await stack.enter_async_context(line(port, redis=True)) for port in self.ports]
        async with asyncio.timeout(PATIENCE):
            for replica in self._lines[1:]:  # one that has just connected takes the whole set first
                while b"link_status:up" not in await replica.ask(redis(b"INFO", b"replication")):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def write(self, number: int) -> None:
        if await self._lines[0].ask(redis(b"SET", b"visible", b"%0200d" % number)) != b"+OK\r\n":
            raise Failed("Redis did not take a write.")

    def seen(self, number: int) -> Sequence[Awaitable[None]]:
        return [self._seen(line, number) for line in self._lines[1:]]

    async def _seen(self, line: Line, number: int) -> None:
        wanted = b"$200\r\n%0200d\r\n" % number
        until = time.perf_counter() + PATIENCE
        while await line.ask(redis(b"GET", b"visible")) != wanted:
            if time.perf_counter() > until:
                raise Failed("A replica of Redis did not get a write.")


async def measure(cluster: Cluster, numbers: range) -> tuple[list[float], list[float]]:
    """Milliseconds from sending a write to its acknowledgement, and to the last member that has it."""
    acknowledged, visible = [], []
    async with AsyncExitStack() as stack:
        await cluster.open(stack)
        for number in numbers:
            looking = [asyncio.ensure_future(one) for one in cluster.seen(number)]
            await asyncio.sleep(PAUSE if not isinstance(cluster, Redis) else 0)
            began = time.perf_counter()
            await cluster.write(number)
            acknowledged.append((time.perf_counter() - began) * 1e3)
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*looking)
            visible.append((time.perf_counter() - began) * 1e3)
    return acknowledged, visible


# ------------------------------------------------------------------------------ the clusters
def open_feria(run: Run, stack: ExitStack) -> Feria:
    gossip = [free_port() for _ in range(NODES)]
    ports = []
    for which in range(NODES):
        settings = {
            "FERIA_CLUSTER__GOSSIP_PORT": str(gossip[which]),
            "FERIA_CLUSTER__JOIN": msgspec.json.encode([f"127.0.0.1:{gossip[0]}"] if which else []).decode(),
        }
        _, port = stack.enter_context(feria(run.scratch, f"node-{which}", **settings))
        ports.append(port)
    until = time.monotonic() + PATIENCE
    for port in ports:
        while not _has_met(port):
            if time.monotonic() > until:
                raise Failed("The nodes did not meet.")
            time.sleep(0.05)
    return Feria(ports)


def _has_met(port: int) -> bool:
    said = httpx.get(f"http://127.0.0.1:{port}/v1/cluster", trust_env=False).json()
    return len([one for one in said["members"] if one["state"] == "alive"]) >= NODES - 1


def open_etcd(run: Run, stack: ExitStack) -> Etcd:
    ports = [(free_port(), free_port()) for _ in range(NODES)]
    members = [stack.enter_context(etcd(run.scratch, ports, number)) for number in range(NODES)]
    for process, port in members:
        until_etcd(process, port)
    return Etcd([port for _, port in members])


def open_redis(run: Run, stack: ExitStack) -> Redis:
    always = ("--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0")
    _, first = stack.enter_context(redis_server(run.scratch, "primary", *always))
    ports = [first]
    for which in range(1, NODES):
        replica = ("--replicaof", "127.0.0.1", str(first))
        _, port = stack.enter_context(redis_server(run.scratch, f"replica-{which}", *replica))
        ports.append(port)
    return Redis(ports)


OPENED = {OURS: open_feria, ETCD: open_etcd, REDIS: open_redis}


def run(run: Run) -> Outcome:
    writes = QUICK_WRITES if run.quick else WRITES
    took: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in OPENED}
    for n in range(1 if run.quick else 3):
        for name, opened in OPENED.items():
            run.tell(f"round {n + 1}: {name}")
            with ExitStack() as stack, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                scratch = run.scratch / f"round-{n}-{name[:5]}"
                scratch.mkdir()
                cluster = opened(Run(scratch, run.quick, run.tell), stack)
                runner.run(measure(cluster, range(1, WARMING)))
                numbers = range(WARMING, WARMING + writes)
                acknowledged, visible = runner.run(measure(cluster, numbers))
            took[name][0].extend(acknowledged)
            took[name][1].extend(visible)
    found = {name: (_figures(times[0]), _figures(times[1])) for name, times in took.items()}
    p50 = found[OURS][1][0].median
    theirs = found[ETCD][1][0].median
    said = f"{number(p50)} ms until five nodes have it, p50"
    return Outcome(
        NAME,
        grids=[Grid(f"One write of 200 bytes, {NODES} members on this machine, ms", *_table(found))],
        promises=[
            Promise("kv-visible", said, "", "", p50, "≤ 3 ms", False),
            Promise("kv-visible", said, "etcd, five members", f"{number(theirs)} ms", theirs / p50, "≥ 1"),
        ],
        notes=[
            "Ours and etcd are looked for with watches, Redis by reading over and over. etcd is "
            "written through its leader, and promises more for its time: that a majority has the write "
            "before it is acknowledged. Redis's replicas keep nothing on disk here.",
        ],
        versions={"etcd": version("etcd-server"), "redis": version("redis-server")},
    )


def _figures(taken: list[float]) -> tuple[Spread, float, float]:
    """The p50 with its spread over tenths of the run, the p99, the longest."""
    size = max(1, len(taken) // 10)
    parts = [sorted(taken[n : n + size])[size // 2] for n in range(0, len(taken) - size + 1, size)]
    return spread(parts), percentile(sorted(taken), 0.99), max(taken)


def _table(
    found: dict[str, tuple[tuple[Spread, float, float], tuple[Spread, float, float]]],
) -> tuple[list[str], list[list[str]]]:
    rows = []
    for name, (acknowledged, visible) in found.items():
        rows.append(
            [
                name,
                number(visible[0].median),
                number(visible[0].low),
                number(visible[0].high),
                number(visible[1]),
                number(visible[2]),
                number(acknowledged[0].median),
                number(acknowledged[1]),
            ]
        )
    columns = ["", "p50", "Least", "Most", "p99", "Longest", "Acknowledged p50", "Acknowledged p99"]
    return columns, rows
